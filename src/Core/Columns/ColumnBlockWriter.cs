using StreamObserve.Core.Events;

namespace StreamObserve.Core.Columns;

/// <summary>A sealed block's bytes: chunk 0 is the header, 1 the times, 2 the weights (empty when every row stands for one), 3 the dataset codes, then one a column.</summary>
public sealed record SealedColumns(int Rows, long MinTimeNs, long MaxTimeNs, bool IsSampled, IReadOnlyList<byte[]> Chunks)
{
    /// <summary>Bytes of all chunks.</summary>
    public long Bytes => Chunks.Sum(chunk => (long)chunk.Length);
}

/// <summary>
/// Seals rows into a column block (docs/formats/column-block.md): the rows of one trace side by side, so that its id is stored once and what its spans share
/// compresses; each column encoded by its type, then compressed. A pure function of the batches. Not thread-safe: keeps scratch memory and a compressor.
/// </summary>
public sealed class ColumnBlockWriter : IDisposable, IColumnSink
{
    /// <summary>The field whose values keep rows together.</summary>
    public const string TraceIdField = "trace.trace_id";

    internal const byte Version = 2;

    internal const byte TextsAsTheyAre = 0;

    internal const byte TextsAsTemplates = 1;

    /// <summary>Bytes of texts past which the dictionary of the last column is not kept for the next block.</summary>
    private const int StringsKeptMax = 16 << 20;

    private readonly ChunkPacker _packer = new(1);
    private readonly ByteWriter _raw = new(1 << 20);
    private readonly ByteWriter _columns = new(4096);
    private readonly ByteWriter _lengths = new();
    private readonly ByteWriter _values = new();
    private readonly TextTemplateWriter _templates = new();
    private readonly IntegerMap _traces = new();
    private StringDictionary _strings = new();
    private List<byte[]> _chunks = [];
    private long[] _scratch = [];

    /// <inheritdoc/>
    public void Dispose() => _packer.Dispose();

    /// <summary>Seals the rows of the batches, of which there is at least one.</summary>
    public SealedColumns Seal(IReadOnlyList<EventBatch> batches)
    {
        using var input = new BlockInput(batches, _strings, _traces);
        _chunks = [[], Times(input), Weights(input), Datasets(input)];
        _columns.Clear();
        var columns = input.Gather(this);
        var header = new ByteWriter(4096);
        header.U8(Version);
        header.Varint((ulong)input.Rows);
        header.I64(input.MinTimeNs);
        header.I64(input.MaxTimeNs);
        header.U8((byte)((input.IsWeighted ? 1 : 0) | (input.IsSampled ? 2 : 0)));
        EventBatchWriter.WriteStrings(header, input.Datasets);
        header.Varint((ulong)columns);
        header.Raw(_columns.Written);
        _chunks[0] = header.Written.ToArray();
        if (_strings.ByteCount > StringsKeptMax)
        {
            _strings = new();
        }

        return new(input.Rows, input.MinTimeNs, input.MaxTimeNs, input.IsSampled, _chunks);
    }

    void IColumnSink.Accept(string name, in GatheredColumn column)
    {
        _columns.Text(name);
        _columns.U8((byte)column.Type);
        _columns.Varint((ulong)column.Count);
        double min = double.PositiveInfinity, max = double.NegativeInfinity;
        foreach (var value in column.Integers)
        {
            (min, max) = (Math.Min(min, value), Math.Max(max, value));
        }

        foreach (var value in column.Floats)
        {
            (min, max) = (Math.Min(min, value), Math.Max(max, value));
        }

        _columns.F64(min);
        _columns.F64(max);
        _columns.Blob(name == TraceIdField && column.Type is ColumnType.Dictionary or ColumnType.Text or ColumnType.Hex ? BloomFilter.Of(column).Bytes : []);
        _chunks.Add(Chunk(column));
    }

    private byte[] Times(BlockInput input)
    {
        long unit = 1_000_000_000;
        foreach (var time in input.TimesNs)
        {
            while (time % unit != 0)
            {
                unit /= 1000;
            }
        }

        // Rows of one trace are close in time: differences are small.
        var deltas = Scratch(input.Rows);
        long last = 0;
        for (var i = 0; i < deltas.Length; i++)
        {
            var value = input.TimesNs[i] / unit;
            var delta = value - last;
            deltas[i] = i == 0 ? 0 : (delta << 1) ^ (delta >> 63);
            last = value;
        }

        _raw.Clear();
        _raw.I64(unit);
        _raw.I64(input.TimesNs[0] / unit);
        PackedNumbers.WriteIntegers(_raw, deltas);
        return _packer.Pack(_raw.Written);
    }

    private byte[] Weights(BlockInput input)
    {
        if (!input.IsWeighted)
        {
            return [];
        }

        _raw.Clear();
        PackedNumbers.WriteFloats(_raw, input.Weights, ref _scratch);
        return _packer.Pack(_raw.Written);
    }

    private byte[] Datasets(BlockInput input)
    {
        _raw.Clear();
        PackedNumbers.WriteCodes(_raw, input.DatasetCodes, input.Datasets.Count);
        return _packer.Pack(_raw.Written);
    }

    private byte[] Chunk(in GatheredColumn column)
    {
        _raw.Clear();
        _raw.Words(column.Presence);
        switch (column.Type)
        {
            case ColumnType.Dictionary:
                EventBatchWriter.WriteStrings(_raw, column.Dictionary);
                PackedNumbers.WriteCodes(_raw, column.Codes, column.Dictionary.Count);
                break;
            case ColumnType.Text:
                Texts(column);
                break;
            case ColumnType.Hex:
                return Hexadecimal(column);
            case ColumnType.Integer or ColumnType.Bool:
                PackedNumbers.WriteIntegers(_raw, column.Integers);
                break;
            case ColumnType.Float:
                PackedNumbers.WriteFloats(_raw, column.Floats, ref _scratch);
                break;
        }

        return _packer.Pack(_raw.Written);
    }

    private void Texts(in GatheredColumn column)
    {
        _values.Clear();
        if (_templates.TryWrite(column, _values))
        {
            _raw.U8(TextsAsTemplates);
            _raw.Raw(_values.Written);
            return;
        }

        _raw.U8(TextsAsTheyAre);
        _raw.Varint((ulong)column.Count);
        foreach (var code in column.Codes)
        {
            _raw.Varint((ulong)column.Dictionary[code].Length);
        }

        foreach (var code in column.Codes)
        {
            _raw.Raw(column.Dictionary[code]);
        }
    }

    /// <summary>Ids: runs of one value are stored once; random bytes don't compress, so nothing is tried.</summary>
    private byte[] Hexadecimal(in GatheredColumn column)
    {
        var width = column.HexWidth;
        var ids = column.HexBytes;
        _raw.U8((byte)width);
        _lengths.Clear();
        _values.Clear();
        for (int k = 0, run; k < column.Count; k += run)
        {
            var value = ids.Slice(k * width, width);
            run = 1;
            while (k + run < column.Count && ids.Slice((k + run) * width, width).SequenceEqual(value))
            {
                run++;
            }

            _lengths.Varint((ulong)run);
            _values.Raw(value);
        }

        var runs = _values.Length / width;
        _raw.Varint((ulong)runs);
        _raw.U8(runs < column.Count ? (byte)1 : (byte)0);
        if (runs < column.Count)
        {
            _raw.Raw(_lengths.Written);
        }

        _raw.Raw(_values.Written);
        return [0, .. _raw.Written];
    }

    private Span<long> Scratch(int count)
    {
        if (_scratch.Length < count)
        {
            _scratch = new long[count];
        }

        return _scratch.AsSpan(0, count);
    }
}
