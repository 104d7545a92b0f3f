using System.Text;
using StreamObserve.Core.Columns;

namespace StreamObserve.Processors.State;

/// <summary>How large rows are, for policies that limit bytes: of each field that a row has, its name and its value, text in UTF-8, a number 8 bytes, a truth value 1.</summary>
internal static class RowBytes
{
    /// <summary>Of each row.</summary>
    public static long[] Of(EventBatch batch)
    {
        var bytes = new long[batch.Rows];
        Span<byte> scratch = stackalloc byte[64];
        foreach (var (name, column) in batch.Columns)
        {
            var nameBytes = Encoding.UTF8.GetByteCount(name);
            for (int row = 0, k = 0; row < batch.Rows; row++)
            {
                if (!column.Has(row))
                {
                    continue;
                }

                bytes[row] += nameBytes + column.Type switch
                {
                    ColumnType.Dictionary => column.Strings[column.Codes[k]].Length,
                    ColumnType.Bool => 1,
                    ColumnType.Integer or ColumnType.Float => sizeof(long),
                    _ => column.Utf8(k, scratch).Length,
                };
                k++;
            }
        }

        return bytes;
    }
}
