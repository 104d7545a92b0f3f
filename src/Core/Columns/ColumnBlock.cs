using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Filters;
using ZstdSharp;

namespace StreamObserve.Core.Columns;

/// <summary>Reads a sealed block's chunks. Calls may wait for the disk; safe for several threads.</summary>
public interface IChunkSource
{
    /// <summary>The bytes of a chunk; throws <see cref="IOException"/> when they are damaged or gone.</summary>
    byte[] Read(int chunk);
}

/// <summary>
/// A sealed block: the header is in memory, a column is read and decoded when a query names it and kept for the next one. Safe for several threads: two may
/// decode the same column, either's result serves.
/// </summary>
public sealed class ColumnBlock : IRowSegment
{
    private const int FirstColumnChunk = 4;

    private readonly IChunkSource _source;
    private readonly Header[] _headers;
    private readonly ColumnVector?[] _vectors;
    private readonly bool _isWeighted;
    private long[]? _times;
    private double[]? _weights;
    private int[]? _datasetCodes;

    private ColumnBlock(IChunkSource source, int rows, long min, long max, byte flags, Utf8Strings datasets, Header[] headers)
    {
        _source = source;
        Rows = rows;
        MinTimeNs = min;
        MaxTimeNs = max;
        _isWeighted = (flags & 1) != 0;
        IsSampled = (flags & 2) != 0;
        Datasets = datasets;
        _headers = headers;
        _vectors = new ColumnVector?[headers.Length];
    }

    /// <inheritdoc/>
    public int Rows { get; }

    /// <inheritdoc/>
    public long MinTimeNs { get; }

    /// <inheritdoc/>
    public long MaxTimeNs { get; }

    /// <inheritdoc/>
    public bool IsSampled { get; }

    /// <inheritdoc/>
    public Utf8Strings Datasets { get; }

    /// <inheritdoc/>
    public IEnumerable<string> FieldNames => _headers.Select(header => header.Name).Distinct();

    /// <inheritdoc/>
    public long[] TimesNs => _times ??= ReadTimes();

    /// <inheritdoc/>
    public double[]? Weights => _isWeighted ? _weights ??= ReadWeights() : null;

    /// <inheritdoc/>
    public int[] DatasetCodes => _datasetCodes ??= ReadDatasetCodes();

    /// <summary>Bytes of decoded columns held.</summary>
    public long CachedBytes { get; private set; }

    /// <summary>Opens a block; reads its header only.</summary>
    public static ColumnBlock Open(IChunkSource source)
    {
        var r = new ByteReader(source.Read(0));
        if (r.U8() is var version && version != ColumnBlockWriter.Version)
        {
            throw new FormatException($"a column block of version {version}");
        }

        var rows = r.Count();
        long min = r.I64(), max = r.I64();
        var flags = r.U8();
        var datasets = ReadStrings(ref r, r.Count());
        var headers = new Header[r.Count()];
        for (var i = 0; i < headers.Length; i++)
        {
            var name = r.Text();
            var type = (ColumnType)r.U8();
            var count = r.Count();
            double least = r.F64(), greatest = r.F64();
            var bloom = r.Blob();
            headers[i] = new(name, type, count, least, greatest, bloom.IsEmpty ? null : new BloomFilter(bloom.ToArray()));
        }

        return new(source, rows, min, max, flags, datasets, headers);
    }

    /// <inheritdoc/>
    public void GetColumns(string field, List<ColumnVector> into)
    {
        for (var i = 0; i < _headers.Length; i++)
        {
            if (_headers[i].Name == field)
            {
                into.Add(_vectors[i] ??= ReadColumn(i));
            }
        }

        if (into.Count == 0 && field == EventBatch.DatasetField)
        {
            into.Add(ColumnVector.OfDictionary(Rows, null, DatasetCodes, Datasets));
        }
    }

    /// <inheritdoc/>
    public bool Excludes(Condition.Match match)
    {
        var predicate = new ValuePredicate(match);
        var excluded = true;
        foreach (var header in _headers)
        {
            if (header.Name == match.Column && header.MayHold(predicate))
            {
                excluded = false;
            }
        }

        return excluded && match.Column != EventBatch.DatasetField;
    }

    /// <summary>Lets go of all decoded columns.</summary>
    public void DropCache()
    {
        Array.Clear(_vectors);
        _times = null;
        _weights = null;
        _datasetCodes = null;
        CachedBytes = 0;
    }

    private static byte[] Unpack(byte[] chunk)
    {
        if (chunk[0] == 0)
        {
            return chunk.AsSpan(1).ToArray();
        }

        var raw = new byte[BitConverter.ToInt32(chunk, 1)];
        using var decompressor = new Decompressor();
        var written = decompressor.Unwrap(chunk.AsSpan(5), raw);
        return written == raw.Length ? raw : throw new FormatException($"a chunk unpacked to {written} bytes, {raw.Length} were said");
    }

    private long[] ReadTimes()
    {
        var r = new ByteReader(Unpack(_source.Read(1)));
        long unit = r.I64(), value = r.I64();
        var deltas = PackedNumbers.ReadIntegers(ref r, Rows);
        for (var i = 0; i < deltas.Length; i++)
        {
            value += (long)((ulong)deltas[i] >> 1) ^ -(deltas[i] & 1);
            deltas[i] = value * unit;
        }

        CachedBytes += Rows * 8L;
        return deltas;
    }

    private double[] ReadWeights()
    {
        var r = new ByteReader(Unpack(_source.Read(2)));
        CachedBytes += Rows * 8L;
        return PackedNumbers.ReadFloats(ref r, Rows);
    }

    private int[] ReadDatasetCodes()
    {
        var r = new ByteReader(Unpack(_source.Read(3)));
        CachedBytes += Rows * 4L;
        return PackedNumbers.ReadCodes(ref r, Rows, Datasets.Count);
    }

    private ColumnVector ReadColumn(int index)
    {
        var header = _headers[index];
        var bytes = Unpack(_source.Read(FirstColumnChunk + index));
        var r = new ByteReader(bytes);
        var presence = header.Count < Rows ? r.Words((Rows + 63) >> 6) : null;
        CachedBytes += header.Type == ColumnType.Dictionary ? Rows * 4L : Math.Max(bytes.Length, Rows * 8L);
        switch (header.Type)
        {
            case ColumnType.Dictionary:
                var dictionary = ReadStrings(ref r, r.Count());
                return ColumnVector.OfDictionary(Rows, presence, PackedNumbers.ReadCodes(ref r, header.Count, dictionary.Count), dictionary);
            case ColumnType.Text:
                return ColumnVector.OfText(Rows, presence, ReadStrings(ref r, r.Count()));
            case ColumnType.Hex:
                return ReadHex(ref r, header, presence);
            case ColumnType.Integer:
                return ColumnVector.OfIntegers(Rows, presence, PackedNumbers.ReadIntegers(ref r, header.Count));
            case ColumnType.Float:
                return ColumnVector.OfFloats(Rows, presence, PackedNumbers.ReadFloats(ref r, header.Count));
            case ColumnType.Bool:
                return ColumnVector.OfBools(Rows, presence, PackedNumbers.ReadIntegers(ref r, header.Count));
            default:
                throw new FormatException($"column {header.Name} of type {(int)header.Type}");
        }
    }

    private ColumnVector ReadHex(ref ByteReader r, Header header, ulong[]? presence)
    {
        int width = r.U8(), distinct = r.Count();
        var bytes = new byte[header.Count * width];
        if (r.U8() == 0)
        {
            r.Take(bytes.Length).CopyTo(bytes);
            return ColumnVector.OfHex(Rows, presence, bytes, width);
        }

        var runs = new int[distinct];
        for (var i = 0; i < runs.Length; i++)
        {
            runs[i] = r.Count();
        }

        var to = 0;
        foreach (var run in runs)
        {
            var value = r.Take(width);
            for (var i = 0; i < run; i++, to += width)
            {
                value.CopyTo(bytes.AsSpan(to));
            }
        }

        return ColumnVector.OfHex(Rows, presence, bytes, width);
    }

    private static Utf8Strings ReadStrings(ref ByteReader r, int count)
    {
        var offsets = new int[count + 1];
        for (var i = 0; i < count; i++)
        {
            offsets[i + 1] = checked(offsets[i] + r.Count());
        }

        return new(r.Take(offsets[count]).ToArray(), offsets);
    }

    private sealed record Header(string Name, ColumnType Type, int Count, double Min, double Max, BloomFilter? Bloom)
    {
        public bool MayHold(ValuePredicate predicate)
        {
            if (Bloom is not null && predicate.Op == FilterOp.Equal)
            {
                return Bloom.MayContain(predicate.Texts[0]);
            }

            if (Type is not (ColumnType.Integer or ColumnType.Float))
            {
                return true;
            }

            var value = predicate.FirstNumber;
            return predicate.Op switch
            {
                FilterOp.Equal => value >= Min && value <= Max,
                FilterOp.Greater => Max >= value,        // not >: past 2^53 floats can't tell neighbours apart
                FilterOp.GreaterOrEqual => Max >= value,
                FilterOp.Less => Min <= value,
                FilterOp.LessOrEqual => Min <= value,
                _ => true,
            };
        }
    }
}
