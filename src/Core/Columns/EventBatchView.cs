using System.Runtime.InteropServices;
using StreamObserve.Core.Querying;

namespace StreamObserve.Core.Columns;

/// <summary>
/// The rows of a record of the batches log of which a column is unpacked and decoded when it is asked for, for one scan. Valid until its reader opens another; so are its
/// columns. Not thread-safe.
/// </summary>
public sealed class EventBatchView : IRowSegment
{
    private readonly EventBatchLayout _layout;
    private readonly EventBatchReader _reader;
    private readonly RecordTextNumbers? _numbers;
    private ColumnVector?[] _vectors = [];
    private ColumnVector? _datasetColumn;
    private long[]? _times;
    private double[]? _weights;

    internal EventBatchView(EventBatchLayout layout, EventBatchReader reader, RecordTextNumbers? numbers) => (_layout, _reader, _numbers) = (layout, reader, numbers);

    /// <inheritdoc/>
    public int Rows => _layout.Rows;

    /// <inheritdoc/>
    public long MinTimeNs => _layout.MinTimeNs;

    /// <inheritdoc/>
    public long MaxTimeNs => _layout.MaxTimeNs;

    /// <inheritdoc/>
    public long[] TimesNs => _times ??= ReadTimes();

    /// <inheritdoc/>
    public double[]? Weights => _layout.Weights.IsEmpty ? null : _weights ??= ReadWeights();

    /// <inheritdoc/>
    public bool IsSampled => false;

    /// <inheritdoc/>
    public int[] DatasetCodes => DatasetColumn.Codes;

    /// <inheritdoc/>
    public Utf8Strings Datasets => DatasetColumn.Strings;

    /// <inheritdoc/>
    public IEnumerable<string> FieldNames => _layout.Columns.Select(column => column.Name).Distinct();

    ColumnVector IRowSegment.DatasetColumn => DatasetColumn;

    private ColumnVector DatasetColumn => _datasetColumn ??= DecodeDictionary(_reader.UnpackForView(_layout.Datasets), 0, Rows, null, null);

    /// <inheritdoc/>
    public void GetColumns(string field, List<ColumnVector> into)
    {
        for (var i = 0; i < _layout.Columns.Count; i++)
        {
            if (_layout.Columns[i].Name == field)
            {
                if (_vectors.Length == 0)
                {
                    _vectors = new ColumnVector?[_layout.Columns.Count];
                }

                into.Add(_vectors[i] ??= Decode(i, _layout.Columns[i]));
            }
        }

        if (into.Count == 0 && field == EventBatch.DatasetField)
        {
            into.Add(DatasetColumn);
        }
    }

    /// <inheritdoc/>
    public bool Excludes(Condition.Match match) => !_layout.Columns.Any(column => column.Name == match.Column) && match.Column != EventBatch.DatasetField;

    private long[] ReadTimes()
    {
        var r = new ByteReader(_reader.UnpackForView(_layout.Times).Span);
        return EventBatchReader.ReadTimes(ref r, Rows);
    }

    private double[] ReadWeights()
    {
        var r = new ByteReader(_reader.UnpackForView(_layout.Weights).Span);
        return PackedNumbers.ReadFloats(ref r, Rows);
    }

    private ColumnVector DecodeDictionary(ReadOnlyMemory<byte> body, int at, int count, ulong[]? presence, (int Index, string Name)? column)
    {
        var r = new ByteReader(body.Span);
        r.Take(at);
        var dictionary = EventBatchLayout.ReadStrings(ref r, body, r.Count());
        var numbers = column is var (index, name) && dictionary.Count >= TextNumbers.EntriesMin ? _numbers?.Of(index, name) : null;
        return ColumnVector.OfPackedDictionary(Rows, presence, PackedNumbers.ReadPackedCodes(ref r, body, count, dictionary.Count), dictionary, numbers);
    }

    private ColumnVector Decode(int index, in EventBatchLayout.Column column)
    {
        var body = _reader.UnpackForView(column.Chunk);
        var r = new ByteReader(body.Span);
        ulong[]? presence = null;
        if (column.Count < Rows)
        {
            presence = MemoryMarshal.Cast<byte, ulong>(r.Take(((Rows + 63) >> 6) * 8)).ToArray();
        }

        switch (column.Type)
        {
            case ColumnType.Dictionary:
                return DecodeDictionary(body, r.Position, column.Count, presence, (index, column.Name));
            case ColumnType.Text:
                return ColumnVector.OfText(Rows, presence, EventBatchLayout.ReadStrings(ref r, body, column.Count));
            case ColumnType.Hex:
                var width = r.U8();
                var at = r.Position;
                return ColumnVector.OfPackedHex(Rows, presence, body.Slice(at, r.Take(checked(column.Count * width)).Length), width);
            case ColumnType.Float:
                return PackedNumbers.ReadScale(ref r) is var scale && scale != 0
                    ? ColumnVector.OfPackedFloats(Rows, presence, PackedNumbers.ReadPacked(ref r, body, column.Count), scale)
                    : ColumnVector.OfFloats(Rows, presence, MemoryMarshal.Cast<byte, double>(r.Take(column.Count * 8)).ToArray());
            default:
                return ColumnVector.OfPackedIntegers(column.Type, Rows, presence, PackedNumbers.ReadPacked(ref r, body, column.Count));
        }
    }
}
