using StreamObserve.Core.Columns;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>
/// Mergeable state of a comparison: what was counted of each field on both sides. Leaves fill one each, the query node merges and ranks them. Memory and wire size are
/// bounded by <see cref="BubbleUpLimits"/>. Single-threaded.
/// </summary>
public sealed class BubbleUpResult
{
    private const byte Version = 1;
    private const int TracesPrecision = 12;

    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly List<FieldCounts> _fields = [];
    private readonly BubbleUpSide[] _sides = [new(new(TracesPrecision)), new(new(TracesPrecision))];

    /// <summary>Rows looked at.</summary>
    public long RowsRead { get; set; }

    /// <summary>True when rows of our own sampling took part.</summary>
    public bool IsSampled { get; set; }

    /// <summary>True when rows had been dropped without others standing for them.</summary>
    public bool HasUncountedDrops { get; set; }

    /// <summary>True when the recent window was used.</summary>
    public bool UsedRecent { get; set; }

    /// <summary>True when blocks were used.</summary>
    public bool UsedBlocks { get; set; }

    /// <summary>True when there were more than <see cref="BubbleUpLimits.FieldsMax"/> fields.</summary>
    public bool HasMoreFields { get; private set; }

    /// <summary>What is selected.</summary>
    public BubbleUpSide Selection => _sides[0];

    /// <summary>The rest.</summary>
    public BubbleUpSide Baseline => _sides[1];

    internal IReadOnlyList<FieldCounts> Fields => _fields;

    /// <summary>Texts that may be kept of a field, with so many fields.</summary>
    internal int TextsMax => Math.Clamp(BubbleUpLimits.ValuesOfAllMax / Math.Max(1, _fields.Count), BubbleUpLimits.ValuesMin, BubbleUpLimits.ValuesMax);

    internal BubbleUpSide Side(int side) => _sides[side];

    /// <summary>The number of a field that was counted; -1 for another one.</summary>
    internal int FindField(string name) => _numbers.GetValueOrDefault(name, -1);

    /// <summary>The number of a field, given when it is new; -1 past <see cref="BubbleUpLimits.FieldsMax"/>.</summary>
    internal int FieldNumber(string name)
    {
        if (_numbers.TryGetValue(name, out var number))
        {
            return number;
        }

        if (_fields.Count == BubbleUpLimits.FieldsMax)
        {
            HasMoreFields = true;
            return -1;
        }

        _numbers.Add(name, _fields.Count);
        _fields.Add(new(name, _fields.Count < BubbleUpLimits.MeasuresMax));
        return _fields.Count - 1;
    }

    /// <summary>Adds another result of the same question.</summary>
    public void Merge(BubbleUpResult other)
    {
        RowsRead += other.RowsRead;
        IsSampled |= other.IsSampled;
        HasUncountedDrops |= other.HasUncountedDrops;
        UsedRecent |= other.UsedRecent;
        UsedBlocks |= other.UsedBlocks;
        HasMoreFields |= other.HasMoreFields;
        var fields = new int[other._fields.Count];
        for (var i = 0; i < fields.Length; i++)
        {
            fields[i] = FieldNumber(other._fields[i].Name);
        }

        for (var i = 0; i < fields.Length; i++)
        {
            if (fields[i] >= 0)
            {
                _fields[fields[i]].Merge(other._fields[i], TextsMax);
            }
        }

        for (var side = 0; side < _sides.Length; side++)
        {
            _sides[side].Merge(other._sides[side], fields);
        }
    }

    /// <summary>Writes the result.</summary>
    public void Export(ByteWriter writer)
    {
        writer.U8(Version);
        writer.U8((byte)((IsSampled ? 1 : 0) | (HasUncountedDrops ? 2 : 0) | (UsedRecent ? 4 : 0) | (UsedBlocks ? 8 : 0) | (HasMoreFields ? 16 : 0)));
        writer.Varint((ulong)RowsRead);
        writer.Varint((ulong)_fields.Count);
        foreach (var field in _fields)
        {
            if (field.Texts is not null)
            {
                field.UseTexts(TextsMax);
            }

            writer.Text(field.Name);
            field.Export(writer);
        }

        foreach (var side in _sides)
        {
            side.Export(writer, _fields.Count);
        }
    }

    /// <summary>Reads a written result. Damage is a <see cref="FormatException"/> or <see cref="InvalidDataException"/>.</summary>
    public static BubbleUpResult Read(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        if (reader.U8() is var version && version != Version)
        {
            throw new FormatException($"a comparison's result of version {version}");
        }

        var flags = reader.U8();
        var result = new BubbleUpResult
        {
            IsSampled = (flags & 1) != 0,
            HasUncountedDrops = (flags & 2) != 0,
            UsedRecent = (flags & 4) != 0,
            UsedBlocks = (flags & 8) != 0,
            HasMoreFields = (flags & 16) != 0,
            RowsRead = (long)reader.Varint(),
        };
        for (var left = reader.Count(); left > 0; left--)
        {
            var number = result.FieldNumber(reader.Text());
            if (number < 0)
            {
                throw new FormatException("a comparison's result of too many fields");
            }

            result._fields[number].Import(ref reader, BubbleUpLimits.ValuesMax);
        }

        foreach (var side in result._sides)
        {
            side.Import(ref reader);
        }

        return result;
    }
}

/// <summary>One side of a comparison: how many rows it has and what they weigh.</summary>
public sealed class BubbleUpSide
{
    private HyperLogLog _traces;

    internal BubbleUpSide(HyperLogLog traces) => _traces = traces;

    /// <summary>Rows.</summary>
    public long Rows { get; private set; }

    /// <summary>Events that the rows stand for.</summary>
    public double Events { get; private set; }

    /// <summary>
    /// How many independent observations the rows are worth: rows of one trace say the same of most fields, so no more than there are traces (and rows without one), and
    /// fewer when some rows weigh much more than others.
    /// </summary>
    public double EffectiveRows
    {
        get
        {
            var even = SquaredWeights > 0 ? Events * Events / SquaredWeights : 0;
            return Rows == 0 ? 0 : Math.Min(even, _traces.Estimate() + (Rows - RowsWithTrace));
        }
    }

    internal RowSample Sample { get; } = new();

    private double SquaredWeights { get; set; }

    private long RowsWithTrace { get; set; }

    internal void Add(long rows, double events, double squaredWeights)
    {
        Rows += rows;
        Events += events;
        SquaredWeights += squaredWeights;
    }

    /// <summary>Counts a row of a trace; null = of the trace counted last.</summary>
    internal void AddTrace(ulong? hash)
    {
        RowsWithTrace++;
        if (hash is { } known)
        {
            _traces.AddHash(known);
        }
    }

    internal void Merge(BubbleUpSide other, ReadOnlySpan<int> fields)
    {
        Add(other.Rows, other.Events, other.SquaredWeights);
        RowsWithTrace += other.RowsWithTrace;
        _traces.Merge(other._traces);
        Sample.Merge(other.Sample, fields);
    }

    internal void Export(ByteWriter writer, int fields)
    {
        writer.Varint((ulong)Rows);
        Weights.Write(writer, Events);
        Weights.Write(writer, SquaredWeights);
        writer.Varint((ulong)RowsWithTrace);
        var size = _traces.ExportSize();
        writer.Varint((ulong)size);
        _traces.Export(writer.Take(size));
        Sample.Export(writer, fields);
    }

    internal void Import(ref ByteReader reader)
    {
        Add((long)reader.Varint(), Weights.Read(ref reader), Weights.Read(ref reader));
        RowsWithTrace = (long)reader.Varint();
        _traces = HyperLogLog.Import(reader.Blob(), out _);
        Sample.Import(ref reader);
    }
}
