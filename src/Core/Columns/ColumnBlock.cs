using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Filters;

namespace StreamObserve.Core.Columns;

/// <summary>Reads a sealed block's chunks. Calls may wait for the disk; safe for several threads.</summary>
public interface IChunkSource
{
    /// <summary>The bytes of a chunk, in <paramref name="scratch"/> or in memory of their own; throws <see cref="IOException"/> when they are damaged or gone.</summary>
    ReadOnlyMemory<byte> Read(int chunk, LentBuffer scratch);
}

/// <summary>
/// A sealed block: the header is in memory, a column is read and decoded when a query names it and kept for the next one. Safe for several threads: two may
/// decode the same column, either's result serves.
/// </summary>
public sealed class ColumnBlock : IRowSegment
{
    private const int FirstColumnChunk = 4;

    private readonly IChunkSource _source;
    private readonly TextNumbering? _numbering;
    private readonly byte _version;
    private readonly Header[] _headers;
    private readonly ColumnVector?[] _vectors;
    private readonly bool[] _used;
    private readonly bool _isWeighted;
    private readonly Lock _lock = new();
    private StrongBox<TimeColumn>? _times;
    private long[]? _timesNs;
    private double[]? _weights;
    private ColumnVector? _datasetColumn;
    private long _decodedBytes;
    private int _decodedColumns;

    private ColumnBlock(IChunkSource source, TextNumbering? numbering, byte version, int rows, long min, long max, byte flags, Utf8Strings datasets, Header[] headers)
    {
        _source = source;
        _numbering = numbering;
        _version = version;
        Rows = rows;
        MinTimeNs = min;
        MaxTimeNs = max;
        _isWeighted = (flags & 1) != 0;
        IsSampled = (flags & 2) != 0;
        Datasets = datasets;
        _headers = headers;
        _vectors = new ColumnVector?[headers.Length];
        _used = new bool[headers.Length + 3];
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
    public long[] TimesNs
    {
        get
        {
            var times = _timesNs ??= Times.ToNanoseconds();
            _used[TimesPart] = true;
            return times;
        }
    }

    TimeColumn IRowSegment.Times => Times;

    ColumnVector IRowSegment.DatasetColumn => DatasetColumn;

    /// <inheritdoc/>
    public double[]? Weights
    {
        get
        {
            if (!_isWeighted)
            {
                return null;
            }

            var weights = _weights ??= ReadWeights();
            _used[WeightsPart] = true;
            return weights;
        }
    }

    /// <inheritdoc/>
    public int[] DatasetCodes => DatasetColumn.Codes;

    /// <summary>What is decoded and let go of one by one: each column, the times, the weights, the datasets.</summary>
    public int Parts => _used.Length;

    /// <summary>Bytes of decoded parts held.</summary>
    public long CachedBytes
    {
        get
        {
            long bytes = 0;
            for (var part = 0; part < Parts; part++)
            {
                bytes += PartBytes(part);
            }

            return bytes;
        }
    }

    /// <summary>Columns decoded since the block was opened, and their bytes before decoding, unpacked. A column counts anew when it had been let go of.</summary>
    public (int Columns, long Bytes) Decoded
    {
        get
        {
            lock (_lock)
            {
                return (_decodedColumns, _decodedBytes);
            }
        }
    }

    private int TimesPart => _headers.Length;

    private int WeightsPart => _headers.Length + 1;

    private int DatasetsPart => _headers.Length + 2;

    private TimeColumn Times
    {
        get
        {
            var times = _times ??= new(ReadTimes());
            _used[TimesPart] = true;
            return times.Value;
        }
    }

    private ColumnVector DatasetColumn
    {
        get
        {
            var datasets = _datasetColumn ??= ReadDatasets();
            _used[DatasetsPart] = true;
            return datasets;
        }
    }

    /// <summary>Opens a block; reads its header only. Its texts get their numbers of <paramref name="numbering"/>.</summary>
    public static ColumnBlock Open(IChunkSource source, TextNumbering? numbering = null)
    {
        using var scratch = new LentBuffer();
        ReadOnlyMemory<byte> header = source.Read(0, scratch).ToArray();
        var r = new ByteReader(header.Span);
        var version = r.U8();
        if (version is 0 or > ColumnBlockWriter.Version)
        {
            throw new FormatException($"a column block of version {version}");
        }

        var rows = r.Count();
        long min = r.I64(), max = r.I64();
        var flags = r.U8();
        var datasets = EventBatchLayout.ReadStrings(ref r, header, r.Count());
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

        return new(source, numbering, version, rows, min, max, flags, datasets, headers);
    }

    /// <inheritdoc/>
    public void GetColumns(string field, List<ColumnVector> into)
    {
        for (var i = 0; i < _headers.Length; i++)
        {
            if (_headers[i].Name == field)
            {
                into.Add(_vectors[i] ??= ReadColumn(i));
                _used[i] = true;        // once it is there: who counts before would find nothing
            }
        }

        if (into.Count == 0 && field == EventBatch.DatasetField)
        {
            into.Add(DatasetColumn);
        }
    }

    /// <inheritdoc/>
    public bool Excludes(Condition.Match match) => ExclusionOf(match, new(match)) != SegmentExclusion.None;

    /// <inheritdoc/>
    public SegmentExclusion ExclusionOf(Condition.Match match, ValuePredicate predicate)
    {
        if (match.Column == EventBatch.DatasetField)
        {
            return SegmentExclusion.None;
        }

        var exclusion = SegmentExclusion.MinMax;
        foreach (var header in _headers)
        {
            if (header.Name == match.Column && header.ExclusionOf(predicate) is var found && found != SegmentExclusion.MinMax)
            {
                exclusion = found;
                if (found == SegmentExclusion.None)
                {
                    break;
                }
            }
        }

        return exclusion;
    }

    /// <summary>Bytes of a part as it is decoded; 0 when it is not.</summary>
    public long PartBytes(int part) => (part - _headers.Length) switch
    {
        < 0 => _vectors[part]?.MemoryBytes ?? 0,
        0 => (_times?.Value.MemoryBytes ?? 0) + ((_timesNs?.Length ?? 0) * 8L),
        1 => (_weights?.Length ?? 0) * 8L,
        _ => _datasetColumn?.MemoryBytes ?? 0,
    };

    /// <summary>True when a part was asked for since this was called last. Calls from one thread at a time; a use at the same moment may go uncounted.</summary>
    public bool TakeUse(int part)
    {
        var used = _used[part];
        _used[part] = false;
        return used;
    }

    /// <summary>Lets go of a decoded part.</summary>
    public void Drop(int part)
    {
        switch (part - _headers.Length)
        {
            case < 0:
                _vectors[part] = null;
                break;
            case 0:
                _times = null;
                _timesNs = null;
                break;
            case 1:
                _weights = null;
                break;
            default:
                _datasetColumn = null;
                break;
        }
    }

    /// <summary>Lets go of all decoded parts.</summary>
    public void DropCache()
    {
        for (var part = 0; part < Parts; part++)
        {
            Drop(part);
        }
    }

    /// <summary>A chunk's bytes as they were before compression.</summary>
    private ReadOnlyMemory<byte> Unpack(int number)
    {
        using var scratch = new LentBuffer();
        var bytes = PackedChunk.Unpack(_source.Read(number, scratch).Span);
        lock (_lock)
        {
            _decodedColumns++;
            _decodedBytes += bytes.Length;
        }

        return bytes;
    }

    private TimeColumn ReadTimes()
    {
        var bytes = Unpack(1);
        var r = new ByteReader(bytes.Span);
        long unit = r.I64(), value = r.I64();
        var deltas = PackedNumbers.ReadPacked(ref r, bytes, Rows).Span;
        if (unit < 1)
        {
            throw new FormatException($"times in units of {unit} ns");
        }

        var first = MinTimeNs / unit;
        if ((MaxTimeNs / unit) - first > uint.MaxValue)
        {
            return TimeColumn.Of(Accumulated(deltas, value, unit));
        }

        var offsets = new uint[Rows];
        Span<long> some = stackalloc long[256];
        for (var from = 0; from < offsets.Length; from += some.Length)
        {
            var part = some[..Math.Min(some.Length, offsets.Length - from)];
            deltas.CopyTo(from, part);
            for (var i = 0; i < part.Length; i++)
            {
                value += (long)((ulong)part[i] >> 1) ^ -(part[i] & 1);
                offsets[from + i] = (uint)(value - first);
            }
        }

        return TimeColumn.Of(offsets, first * unit, unit);
    }

    private static long[] Accumulated(PackedSpan deltas, long value, long unit)
    {
        var times = new long[deltas.Count];
        deltas.CopyTo(0, times);
        for (var i = 0; i < times.Length; i++)
        {
            value += (long)((ulong)times[i] >> 1) ^ -(times[i] & 1);
            times[i] = value * unit;
        }

        return times;
    }

    private double[] ReadWeights()
    {
        var bytes = Unpack(2);
        var r = new ByteReader(bytes.Span);
        return PackedNumbers.ReadFloats(ref r, Rows);
    }

    private ColumnVector ReadDatasets()
    {
        var bytes = Unpack(3);
        var r = new ByteReader(bytes.Span);
        return ColumnVector.OfPackedDictionary(Rows, null, PackedNumbers.ReadPackedCodes(ref r, bytes, Rows, Datasets.Count), Datasets);
    }

    private ColumnVector ReadColumn(int index)
    {
        var header = _headers[index];
        var bytes = Unpack(FirstColumnChunk + index);
        var r = new ByteReader(bytes.Span);
        var presence = header.Count < Rows ? r.Words((Rows + 63) >> 6) : null;
        switch (header.Type)
        {
            case ColumnType.Dictionary:
                var dictionary = EventBatchLayout.ReadStrings(ref r, bytes, r.Count());
                return ColumnVector.OfPackedDictionary(Rows, presence, PackedNumbers.ReadPackedCodes(ref r, bytes, header.Count, dictionary.Count), dictionary, _numbering is null ? null : new KeptTextNumbers(_numbering, header.Name));
            case ColumnType.Text:
                return _version == 1 || r.U8() == ColumnBlockWriter.TextsAsTheyAre
                    ? ColumnVector.OfText(Rows, presence, EventBatchLayout.ReadStrings(ref r, bytes, r.Count()))
                    : ColumnVector.OfTemplates(Rows, presence, TextTemplates.Read(ref r, bytes, header.Count));
            case ColumnType.Hex:
                return ReadHex(ref r, header, presence);
            case ColumnType.Integer or ColumnType.Bool:
                return ColumnVector.OfPackedIntegers(header.Type, Rows, presence, PackedNumbers.ReadPacked(ref r, bytes, header.Count));
            case ColumnType.Float:
                return PackedNumbers.ReadScale(ref r) is var scale && scale != 0
                    ? ColumnVector.OfPackedFloats(Rows, presence, PackedNumbers.ReadPacked(ref r, bytes, header.Count), scale)
                    : ColumnVector.OfFloats(Rows, presence, MemoryMarshal.Cast<byte, double>(r.Take(header.Count * 8)).ToArray());
            default:
                throw new FormatException($"column {header.Name} of type {(int)header.Type}");
        }
    }

    private ColumnVector ReadHex(ref ByteReader r, Header header, ulong[]? presence)
    {
        int width = r.U8(), distinct = r.Count();
        if (r.U8() == 0)
        {
            return ColumnVector.OfHex(Rows, presence, r.Take(header.Count * width).ToArray(), width);
        }

        var ends = new int[distinct];
        var end = 0;
        for (var i = 0; i < ends.Length; i++)
        {
            ends[i] = end = checked(end + r.Count());
        }

        return end == header.Count
            ? ColumnVector.OfHexRuns(Rows, presence, r.Take(distinct * width).ToArray(), ends, width)
            : throw new FormatException($"column {header.Name} has runs of {end} values, {header.Count} were said");
    }

    private sealed record Header(string Name, ColumnType Type, int Count, double Min, double Max, BloomFilter? Bloom)
    {
        public SegmentExclusion ExclusionOf(ValuePredicate predicate)
        {
            if (Bloom is not null && predicate.Op == FilterOp.Equal)
            {
                return Bloom.MayContain(predicate.Texts[0]) ? SegmentExclusion.None : SegmentExclusion.Bloom;
            }

            return Type is ColumnType.Integer or ColumnType.Float && !MayHold(predicate.Op, predicate.FirstNumber) ? SegmentExclusion.MinMax : SegmentExclusion.None;
        }

        private bool MayHold(FilterOp op, double value) => op switch
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
