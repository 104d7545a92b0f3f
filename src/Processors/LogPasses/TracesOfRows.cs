using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Processors.LogPasses;

/// <summary>The traces of a segment's rows.</summary>
internal static class TracesOfRows
{
    /// <summary>Of each row its trace's key; null where it has no trace.</summary>
    public static TraceKey?[] Of(IRowSegment segment)
    {
        var keys = new TraceKey?[segment.Rows];
        var columns = new List<ColumnVector>();
        segment.GetColumns(ColumnBlockWriter.TraceIdField, columns);
        Span<byte> scratch = stackalloc byte[64];
        foreach (var column in columns)
        {
            if (column.Type is not (ColumnType.Hex or ColumnType.Text or ColumnType.Dictionary))
            {
                continue;
            }

            var byCode = column.Type == ColumnType.Dictionary ? new TraceKey?[column.Strings.Count] : null;
            for (int row = 0, k = 0; row < segment.Rows; row++)
            {
                if (!column.Has(row))
                {
                    continue;
                }

                if (byCode is not null)
                {
                    ref var known = ref byCode[column.CodeAt(k)];
                    keys[row] = known ??= KeyOf(column.Strings[column.CodeAt(k)]);
                }
                else
                {
                    keys[row] = column is { Type: ColumnType.Hex, HexWidth: not 16 } ? KeyOf(column.Utf8(k, new byte[column.HexWidth * 2])) : KeyOf(column.Utf8(k, scratch));
                }

                k++;
            }
        }

        return keys;
    }

    private static TraceKey? KeyOf(ReadOnlySpan<byte> text) => text.IsEmpty ? null : TraceKey.Of(text);
}
