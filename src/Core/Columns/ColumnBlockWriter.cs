using StreamObserve.Core.Events;
using ZstdSharp;

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
public sealed class ColumnBlockWriter : IDisposable
{
    /// <summary>The field whose values keep rows together.</summary>
    public const string TraceIdField = "trace.trace_id";

    internal const byte Version = 1;

    private readonly Compressor _compressor = new(1);
    private readonly ByteWriter _raw = new(1 << 20);
    private long[] _scratch = [];

    /// <inheritdoc/>
    public void Dispose() => _compressor.Dispose();

    /// <summary>Seals the rows of the batches, of which there is at least one.</summary>
    public SealedColumns Seal(IReadOnlyList<EventBatch> batches)
    {
        var input = new BlockInput(batches);
        var chunks = new List<byte[]> { Array.Empty<byte>(), Times(input), Weights(input), Datasets(input, out var datasets) };
        var header = new ByteWriter(4096);
        header.U8(Version);
        header.Varint((ulong)input.Rows);
        header.I64(input.MinTimeNs);
        header.I64(input.MaxTimeNs);
        header.U8((byte)((input.IsWeighted ? 1 : 0) | (input.IsSampled ? 2 : 0)));
        EventBatchBuilder.WriteStrings(header, datasets);
        var columns = input.Columns();
        header.Varint((ulong)columns.Count);
        foreach (var (name, vector) in columns)
        {
            header.Text(name);
            header.U8((byte)vector.Type);
            header.Varint((ulong)vector.Count);
            WriteStatistics(header, name, vector);
            chunks.Add(Column(vector));
        }

        chunks[0] = header.Written.ToArray();
        return new(input.Rows, input.MinTimeNs, input.MaxTimeNs, input.IsSampled, chunks);
    }

    private static void WriteStatistics(ByteWriter header, string name, ColumnVector vector)
    {
        double min = double.PositiveInfinity, max = double.NegativeInfinity;
        if (vector.Type is ColumnType.Integer or ColumnType.Bool)
        {
            foreach (var value in vector.Integers)
            {
                (min, max) = (Math.Min(min, value), Math.Max(max, value));
            }
        }
        else if (vector.Type == ColumnType.Float)
        {
            foreach (var value in vector.Floats)
            {
                (min, max) = (Math.Min(min, value), Math.Max(max, value));
            }
        }

        header.F64(min);
        header.F64(max);
        var bloom = name == TraceIdField ? BloomFilter.Of(vector) : null;
        header.Blob(bloom is null ? [] : bloom.Bytes);
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
        return Compress();
    }

    private byte[] Weights(BlockInput input)
    {
        if (!input.IsWeighted)
        {
            return [];
        }

        _raw.Clear();
        PackedNumbers.WriteFloats(_raw, input.Weights, ref _scratch);
        return Compress();
    }

    private byte[] Datasets(BlockInput input, out StringDictionary datasets)
    {
        datasets = input.Datasets;
        _raw.Clear();
        PackedNumbers.WriteCodes(_raw, input.DatasetCodes, datasets.Count);
        return Compress();
    }

    private byte[] Column(ColumnVector vector)
    {
        _raw.Clear();
        if (vector.Count < vector.Rows)
        {
            _raw.Words(vector.Presence);
        }

        switch (vector.Type)
        {
            case ColumnType.Dictionary:
                AggregateStrings(vector.Strings);
                PackedNumbers.WriteCodes(_raw, vector.Codes, vector.Strings.Count);
                break;
            case ColumnType.Text:
                AggregateStrings(vector.Strings);
                break;
            case ColumnType.Hex:
                return Hexadecimal(vector);
            case ColumnType.Integer or ColumnType.Bool:
                PackedNumbers.WriteIntegers(_raw, vector.Integers);
                break;
            case ColumnType.Float:
                PackedNumbers.WriteFloats(_raw, vector.Floats, ref _scratch);
                break;
        }

        return Compress();
    }

    private void AggregateStrings(Utf8Strings strings)
    {
        _raw.Varint((ulong)strings.Count);
        for (var i = 0; i < strings.Count; i++)
        {
            _raw.Varint((ulong)strings[i].Length);
        }

        for (var i = 0; i < strings.Count; i++)
        {
            _raw.Raw(strings[i]);
        }
    }

    /// <summary>Ids: runs of one value are stored once; random bytes don't compress, so nothing is tried.</summary>
    private byte[] Hexadecimal(ColumnVector vector)
    {
        var width = vector.HexWidth;
        _raw.U8((byte)width);
        var lengthsAt = new ByteWriter();
        var values = new ByteWriter(vector.HexBytes.Length);
        for (int k = 0, run; k < vector.Count; k += run)
        {
            var value = vector.HexBytes.AsSpan(k * width, width);
            run = 1;
            while (k + run < vector.Count && vector.HexBytes.AsSpan((k + run) * width, width).SequenceEqual(value))
            {
                run++;
            }

            lengthsAt.Varint((ulong)run);
            values.Raw(value);
        }

        _raw.Varint((ulong)(values.Length / width));
        var runs = values.Length / width < vector.Count;
        _raw.U8(runs ? (byte)1 : (byte)0);
        if (runs)
        {
            _raw.Raw(lengthsAt.Written);
        }

        _raw.Raw(values.Written);
        var chunk = new byte[_raw.Length + 1];
        _raw.Written.CopyTo(chunk.AsSpan(1));
        return chunk;
    }

    /// <summary>[0 = plain, 1 = zstd][bytes]; of zstd the unpacked length as 4 bytes first.</summary>
    private byte[] Compress()
    {
        if (_raw.Length < 64)
        {
            return [0, .. _raw.Written];
        }

        var packed = _compressor.Wrap(_raw.Written);
        if (packed.Length + 5 >= _raw.Length)
        {
            return [0, .. _raw.Written];
        }

        var chunk = new byte[packed.Length + 5];
        chunk[0] = 1;
        BitConverter.TryWriteBytes(chunk.AsSpan(1), _raw.Length);
        packed.CopyTo(chunk.AsSpan(5));
        return chunk;
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

/// <summary>The rows of several batches as columns of one block, the rows of a trace side by side.</summary>
internal sealed class BlockInput
{
    private readonly IReadOnlyList<EventBatch> _batches;
    private readonly int[] _position;        // block position of each row, rows of the batches laid end to end
    private readonly int[] _firstRow;

    public BlockInput(IReadOnlyList<EventBatch> batches)
    {
        _batches = batches;
        _firstRow = new int[batches.Count];
        for (var b = 0; b < batches.Count; b++)
        {
            _firstRow[b] = Rows;
            Rows += batches[b].Rows;
            IsWeighted |= batches[b].Weights is not null;
            IsSampled |= batches[b].IsSampled;
            MinTimeNs = Math.Min(MinTimeNs, batches[b].MinTimeNs);
            MaxTimeNs = Math.Max(MaxTimeNs, batches[b].MaxTimeNs);
        }

        _position = Order();
        TimesNs = new long[Rows];
        DatasetCodes = new int[Rows];
        Weights = IsWeighted ? new double[Rows] : [];
        for (var b = 0; b < batches.Count; b++)
        {
            var batch = batches[b];
            var remap = new int[batch.Datasets.Count];
            for (var code = 0; code < remap.Length; code++)
            {
                remap[code] = Datasets.Add(batch.Datasets[code]);
            }

            for (var row = 0; row < batch.Rows; row++)
            {
                var at = _position[_firstRow[b] + row];
                TimesNs[at] = batch.TimesNs[row];
                DatasetCodes[at] = remap[batch.DatasetCodes[row]];
                if (IsWeighted)
                {
                    Weights[at] = batch.Weights is null ? 1 : batch.Weights[row];
                }
            }
        }
    }

    public int Rows { get; }

    public long MinTimeNs { get; } = long.MaxValue;

    public long MaxTimeNs { get; } = long.MinValue;

    public bool IsWeighted { get; }

    public bool IsSampled { get; }

    public long[] TimesNs { get; }

    public double[] Weights { get; }

    public int[] DatasetCodes { get; }

    public StringDictionary Datasets { get; } = new();

    /// <summary>All columns over the block's rows, in order of their fields' first appearance.</summary>
    public List<NamedColumn> Columns()
    {
        var fields = new Dictionary<string, List<(int Batch, ColumnVector Vector)>>();
        var order = new List<string>();
        for (var b = 0; b < _batches.Count; b++)
        {
            foreach (var (name, vector) in _batches[b].Columns)
            {
                if (!fields.TryGetValue(name, out var parts))
                {
                    fields[name] = parts = [];
                    order.Add(name);
                }

                parts.Add((b, vector));
            }
        }

        var columns = new List<NamedColumn>();
        foreach (var name in order)
        {
            var parts = fields[name];
            Add(columns, name, TextColumn(parts.FindAll(part => part.Vector.Type is ColumnType.Dictionary or ColumnType.Text or ColumnType.Hex)));
            AddNumbers(columns, name, parts);
            Add(columns, name, IntegerColumn(parts.FindAll(part => part.Vector.Type == ColumnType.Bool), true));
        }

        return columns;
    }

    private static void Add(List<NamedColumn> columns, string name, ColumnVector? vector)
    {
        if (vector is not null)
        {
            columns.Add(new(name, vector));
        }
    }

    private void AddNumbers(List<NamedColumn> columns, string name, List<(int Batch, ColumnVector Vector)> parts)
    {
        var integers = parts.FindAll(part => part.Vector.Type == ColumnType.Integer);
        var floats = parts.FindAll(part => part.Vector.Type == ColumnType.Float);
        if (floats.Count > 0 && integers.TrueForAll(part => Array.TrueForAll(part.Vector.Integers, value => value is >= -9007199254740992 and <= 9007199254740992)))
        {
            floats.AddRange(integers);
            integers.Clear();
        }

        Add(columns, name, FloatColumn(floats));
        Add(columns, name, IntegerColumn(integers, false));
    }

    private int[] Order()
    {
        // Stable: traces by their first row, the rows of a trace as they came; rows without one stay where they are, each its own.
        var group = new int[Rows];
        var map = new IntegerMap();
        var columns = new List<ColumnVector>();
        Span<byte> scratch = stackalloc byte[64];
        var next = -1L;
        for (var b = 0; b < _batches.Count; b++)
        {
            columns.Clear();
            foreach (var column in _batches[b].Columns)
            {
                if (column.Name == ColumnBlockWriter.TraceIdField && column.Vector.Type is ColumnType.Dictionary or ColumnType.Text or ColumnType.Hex)
                {
                    columns.Add(column.Vector);
                }
            }

            var vector = columns.Count == 1 && columns[0].Type is not (ColumnType.Integer or ColumnType.Float or ColumnType.Bool) ? columns[0] : null;
            for (int row = 0, k = 0; row < _batches[b].Rows; row++)
            {
                long key;
                if (vector is not null && vector.Has(row))
                {
                    key = (long)(FastHash.Of(vector.Utf8(k++, scratch)) >> 1);
                }
                else
                {
                    key = next--;
                }

                group[_firstRow[b] + row] = map.Add(key);
            }
        }

        var starts = new int[map.Count + 1];
        foreach (var g in group)
        {
            starts[g + 1]++;
        }

        for (var g = 0; g < map.Count; g++)
        {
            starts[g + 1] += starts[g];
        }

        var position = new int[Rows];
        for (var row = 0; row < Rows; row++)
        {
            position[row] = starts[group[row]]++;
        }

        return position;
    }

    /// <summary>Calls with (block position, index of the value) for each present row of a part.</summary>
    private void ForEach((int Batch, ColumnVector Vector) part, Action<int, int> visit)
    {
        var (batch, vector) = part;
        var first = _firstRow[batch];
        if (vector.Presence is null)
        {
            for (var row = 0; row < vector.Rows; row++)
            {
                visit(_position[first + row], row);
            }

            return;
        }

        for (int row = 0, k = 0; row < vector.Rows; row++)
        {
            if (vector.Has(row))
            {
                visit(_position[first + row], k++);
            }
        }
    }

    private ColumnVector? IntegerColumn(List<(int Batch, ColumnVector Vector)> parts, bool isBool)
    {
        if (parts.Count == 0)
        {
            return null;
        }

        var byRow = new long[Rows];
        var presence = new ulong[(Rows + 63) >> 6];
        foreach (var part in parts)
        {
            var values = part.Vector.Integers;
            ForEach(part, (at, k) =>
            {
                byRow[at] = values[k];
                presence[at >> 6] |= 1UL << (at & 63);
            });
        }

        var packed = Pack(byRow, presence);
        return isBool ? ColumnVector.OfBools(Rows, presence, packed) : ColumnVector.OfIntegers(Rows, presence, packed);
    }

    private ColumnVector? FloatColumn(List<(int Batch, ColumnVector Vector)> parts)
    {
        if (parts.Count == 0)
        {
            return null;
        }

        var byRow = new double[Rows];
        var presence = new ulong[(Rows + 63) >> 6];
        foreach (var part in parts)
        {
            var vector = part.Vector;
            ForEach(part, (at, k) =>
            {
                byRow[at] = vector.Type == ColumnType.Float ? vector.Floats[k] : vector.Integers[k];
                presence[at >> 6] |= 1UL << (at & 63);
            });
        }

        return ColumnVector.OfFloats(Rows, presence, Pack(byRow, presence));
    }

    private ColumnVector? TextColumn(List<(int Batch, ColumnVector Vector)> parts)
    {
        if (parts.Count == 0)
        {
            return null;
        }

        var presence = new ulong[(Rows + 63) >> 6];
        var width = parts[0].Vector.HexWidth;
        if (width > 0 && parts.TrueForAll(part => part.Vector.Type == ColumnType.Hex && part.Vector.HexWidth == width))
        {
            var bytes = new byte[Rows * width];
            foreach (var part in parts)
            {
                var from = part.Vector.HexBytes;
                ForEach(part, (at, k) =>
                {
                    from.AsSpan(k * width, width).CopyTo(bytes.AsSpan(at * width));
                    presence[at >> 6] |= 1UL << (at & 63);
                });
            }

            return ColumnVector.OfHex(Rows, presence, PackBytes(bytes, presence, width), width);
        }

        var codes = new int[Rows];
        var dictionary = new StringDictionary();
        foreach (var part in parts)
        {
            var vector = part.Vector;
            var remap = vector.Type == ColumnType.Dictionary ? new int[vector.Strings.Count] : null;
            for (var code = 0; code < remap?.Length; code++)
            {
                remap[code] = dictionary.Add(vector.Strings[code]);
            }

            var scratch = new byte[64];
            ForEach(part, (at, k) =>
            {
                codes[at] = remap is not null ? remap[vector.Codes[k]] : dictionary.Add(vector.Utf8(k, scratch));
                presence[at >> 6] |= 1UL << (at & 63);
            });
        }

        return FromDictionary(dictionary, Pack(codes, presence), presence);
    }

    private ColumnVector FromDictionary(StringDictionary dictionary, int[] codes, ulong[] presence)
    {
        if (dictionary.Count * 2 <= codes.Length || dictionary.Count <= 256)
        {
            return ColumnVector.OfDictionary(Rows, presence, codes, dictionary.ToStrings());
        }

        // Nearly every value its own: as bytes of hexadecimal digits where they are that (ids of small batches), else as plain text.
        var width = dictionary[0].Length / 2;
        if (width is >= 4 and <= 16)
        {
            var bytes = new byte[codes.Length * width];
            var isHex = true;
            for (var k = 0; k < codes.Length && isHex; k++)
            {
                isHex = Hex.TryDecodeLower(dictionary[codes[k]], bytes.AsSpan(k * width, width));
            }

            if (isHex)
            {
                return ColumnVector.OfHex(Rows, presence, bytes, width);
            }
        }

        var text = new ByteWriter(dictionary.ByteCount);
        var offsets = new int[codes.Length + 1];
        for (var k = 0; k < codes.Length; k++)
        {
            text.Raw(dictionary[codes[k]]);
            offsets[k + 1] = text.Length;
        }

        return ColumnVector.OfText(Rows, presence, new(text.Written.ToArray(), offsets));
    }

    private static T[] Pack<T>(T[] byRow, ulong[] presence)
    {
        var packed = new List<T>(byRow.Length);
        for (var row = 0; row < byRow.Length; row++)
        {
            if ((presence[row >> 6] >> (row & 63) & 1) != 0)
            {
                packed.Add(byRow[row]);
            }
        }

        return packed.Count == byRow.Length ? byRow : [.. packed];
    }

    private static byte[] PackBytes(byte[] byRow, ulong[] presence, int width)
    {
        var to = 0;
        for (var row = 0; row * width < byRow.Length; row++)
        {
            if ((presence[row >> 6] >> (row & 63) & 1) != 0)
            {
                byRow.AsSpan(row * width, width).CopyTo(byRow.AsSpan(to));
                to += width;
            }
        }

        return byRow.AsSpan(0, to).ToArray();
    }
}
