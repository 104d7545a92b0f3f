using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>What is counted of one field on both sides: each kind of value as far as it comes. Single-threaded.</summary>
internal sealed class FieldCounts(string name, bool isMeasured)
{
    private readonly double[] _present = new double[2];
    private readonly double[] _bools = new double[4];

    /// <summary>The field.</summary>
    public string Name { get; } = name;

    /// <summary>Rows that have it, unweighted, both sides.</summary>
    public long Rows { get; set; }

    /// <summary>Its texts; null when it had none.</summary>
    public TextCounts? Texts { get; private set; }

    /// <summary>Its numbers while they are few; null when it had none.</summary>
    public NumberCounts? Numbers { get; private set; }

    /// <summary>The distribution of its numbers; null when it had none, or when too many other fields have one.</summary>
    public MeasureCounts? Measure { get; private set; }

    /// <summary>Weight of the rows of a side that have it.</summary>
    public double Present(int side) => _present[side];

    /// <summary>Weight of a truth value on a side.</summary>
    public double Bool(bool value, int side) => _bools[(value ? 2 : 0) + side];

    /// <summary>Its texts, made when there were none, of which so many may be kept.</summary>
    public TextCounts UseTexts(int max)
    {
        Texts ??= new();
        Texts.Max = max;
        return Texts;
    }

    /// <summary>Its numbers, made when there were none.</summary>
    public NumberCounts UseNumbers() => Numbers ??= new();

    /// <summary>Its distribution, made when there was none; null when too many other fields have one.</summary>
    public MeasureCounts? UseMeasure() => Measure ??= isMeasured ? new() : null;

    /// <summary>Counts rows that have it.</summary>
    public void AddPresent(double selection, double baseline)
    {
        _present[0] += selection;
        _present[1] += baseline;
    }

    /// <summary>Counts a truth value.</summary>
    public void AddBool(bool value, double selection, double baseline)
    {
        _bools[value ? 2 : 0] += selection;
        _bools[value ? 3 : 1] += baseline;
    }

    public void Merge(FieldCounts other, int textsMax)
    {
        Rows += other.Rows;
        for (var i = 0; i < _present.Length; i++)
        {
            _present[i] += other._present[i];
        }

        for (var i = 0; i < _bools.Length; i++)
        {
            _bools[i] += other._bools[i];
        }

        if (other.Texts is { } texts)
        {
            UseTexts(textsMax).Merge(texts);
        }

        if (other.Numbers is { } numbers)
        {
            UseNumbers().Merge(numbers);
        }

        if (other.Measure is { } measure)
        {
            UseMeasure()?.Merge(measure);
        }
    }

    public void Export(ByteWriter writer)
    {
        writer.Varint((ulong)Rows);
        foreach (var weight in _present)
        {
            Weights.Write(writer, weight);
        }

        foreach (var weight in _bools)
        {
            Weights.Write(writer, weight);
        }

        writer.U8((byte)((Texts is null ? 0 : 1) | (Numbers is null ? 0 : 2) | (Measure is null ? 0 : 4)));
        Texts?.Export(writer);
        Numbers?.Export(writer);
        Measure?.Export(writer);
    }

    public void Import(ref ByteReader reader, int textsMax)
    {
        Rows += (long)reader.Varint();
        for (var i = 0; i < _present.Length; i++)
        {
            _present[i] += Weights.Read(ref reader);
        }

        for (var i = 0; i < _bools.Length; i++)
        {
            _bools[i] += Weights.Read(ref reader);
        }

        var kinds = reader.U8();
        if ((kinds & 1) != 0)
        {
            UseTexts(textsMax).Import(ref reader);
        }

        if ((kinds & 2) != 0)
        {
            UseNumbers().Import(ref reader);
        }

        if ((kinds & 4) != 0)
        {
            (UseMeasure() ?? new()).Import(ref reader);
        }
    }
}
