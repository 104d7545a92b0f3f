using System.Runtime.InteropServices;
using StreamObserve.Core.Querying;

namespace StreamObserve.Core.Columns;

/// <summary>
/// The rows of a record of the batches log of which a column is decoded when a query names it, for one scan. Valid as long as its layout is; so are its columns. Not
/// thread-safe.
/// </summary>
public sealed class EventBatchView(EventBatchLayout layout) : IRowSegment
{
    private readonly ColumnVector?[] _vectors = new ColumnVector?[layout.Columns.Count];
    private ColumnVector? _datasetColumn;

    /// <inheritdoc/>
    public int Rows => layout.Rows;

    /// <inheritdoc/>
    public long MinTimeNs => layout.MinTimeNs;

    /// <inheritdoc/>
    public long MaxTimeNs => layout.MaxTimeNs;

    /// <inheritdoc/>
    public long[] TimesNs => layout.TimesNs;

    /// <inheritdoc/>
    public double[]? Weights => layout.Weights;

    /// <inheritdoc/>
    public bool IsSampled => false;

    /// <inheritdoc/>
    public int[] DatasetCodes => DatasetColumn.Codes;

    /// <inheritdoc/>
    public Utf8Strings Datasets => layout.Datasets;

    /// <inheritdoc/>
    public IEnumerable<string> FieldNames => layout.Columns.Select(column => column.Name).Distinct();

    ColumnVector IRowSegment.DatasetColumn => DatasetColumn;

    private ColumnVector DatasetColumn => _datasetColumn ??= ColumnVector.OfPackedDictionary(Rows, null, layout.DatasetCodes, Datasets);

    /// <inheritdoc/>
    public void GetColumns(string field, List<ColumnVector> into)
    {
        for (var i = 0; i < _vectors.Length; i++)
        {
            if (layout.Columns[i].Name == field)
            {
                into.Add(_vectors[i] ??= Decode(layout.Columns[i]));
            }
        }

        if (into.Count == 0 && field == EventBatch.DatasetField)
        {
            into.Add(DatasetColumn);
        }
    }

    /// <inheritdoc/>
    public bool Excludes(Condition.Match match) => !layout.Columns.Any(column => column.Name == match.Column) && match.Column != EventBatch.DatasetField;

    private ColumnVector Decode(EventBatchLayout.Place column)
    {
        ulong[]? presence = null;
        if (column.PresenceAt > 0)
        {
            presence = MemoryMarshal.Cast<byte, ulong>(layout.Bytes.Span.Slice(column.PresenceAt, ((Rows + 63) >> 6) * 8)).ToArray();
        }

        var rest = layout.Bytes[column.At..];
        var r = new ByteReader(rest.Span);
        switch (column.Type)
        {
            case ColumnType.Dictionary:
                var dictionary = EventBatchLayout.ReadStrings(ref r, rest, r.Count());
                return ColumnVector.OfPackedDictionary(Rows, presence, PackedNumbers.ReadPackedCodes(ref r, rest, column.Count, dictionary.Count), dictionary);
            case ColumnType.Text:
                return ColumnVector.OfText(Rows, presence, EventBatchLayout.ReadStrings(ref r, rest, column.Count));
            case ColumnType.Hex:
                return ColumnVector.OfHex(Rows, presence, column.Hex.ToArray(), column.HexWidth);
            case ColumnType.Float:
                return PackedNumbers.ReadScale(ref r) is var scale && scale != 0
                    ? ColumnVector.OfPackedFloats(Rows, presence, PackedNumbers.ReadPacked(ref r, rest, column.Count), scale)
                    : ColumnVector.OfFloats(Rows, presence, MemoryMarshal.Cast<byte, double>(r.Take(column.Count * 8)).ToArray());
            default:
                return ColumnVector.OfPackedIntegers(column.Type, Rows, presence, PackedNumbers.ReadPacked(ref r, rest, column.Count));
        }
    }
}
