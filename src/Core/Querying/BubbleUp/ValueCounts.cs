using System.Text;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>Weights of a field's texts on both sides (0 = selection, 1 = baseline), the heaviest of them when there are too many. Single-threaded.</summary>
internal sealed class TextCounts
{
    private StringDictionary _texts = new();
    private double[] _weights = new double[32];
    private readonly double[] _totals = new double[2];

    /// <summary>Texts known.</summary>
    public int Count => _texts.Count;

    /// <summary>True when light texts were let go of, so that there are more than are known.</summary>
    public bool IsPruned { get; private set; }

    /// <summary>A text, decoded.</summary>
    public string Text(int i) => Encoding.UTF8.GetString(_texts[i]);

    /// <summary>Its weight on a side.</summary>
    public double Weight(int i, int side) => _weights[(i * 2) + side];

    /// <summary>How many may be kept.</summary>
    public int Max { get; set; } = BubbleUpLimits.ValuesMax;

    /// <summary>Adds weights of a text.</summary>
    public void Add(ReadOnlySpan<byte> text, double selection, double baseline)
    {
        var code = _texts.Add(Cut(text));
        if ((code * 2) + 1 >= _weights.Length)
        {
            Array.Resize(ref _weights, _weights.Length * 2);
        }

        _weights[code * 2] += selection;
        _weights[(code * 2) + 1] += baseline;
        _totals[0] += selection;
        _totals[1] += baseline;
        if (_texts.Count > Max)
        {
            Prune(Max / 2);
        }
    }

    /// <summary>Adds weights of texts that are not named.</summary>
    public void AddUnnamed(double selection, double baseline)
    {
        IsPruned = true;
        _totals[0] += selection;
        _totals[1] += baseline;
    }

    public void Merge(TextCounts other)
    {
        for (var i = 0; i < other.Count; i++)
        {
            Add(other._texts[i], other.Weight(i, 0), other.Weight(i, 1));
        }

        IsPruned |= other.IsPruned;
    }

    public void Export(ByteWriter writer)
    {
        if (Count > Max)
        {
            Prune(Max);
        }

        var least = Count > BubbleUpLimits.SegmentValuesMax ? BubbleUpLimits.SentShareMin : 0;
        var sent = 0;
        for (var i = 0; i < Count; i++)
        {
            sent += Share(i) >= least ? 1 : 0;
        }

        writer.U8(IsPruned || sent < Count ? (byte)1 : (byte)0);
        writer.Varint((ulong)sent);
        for (var i = 0; i < Count; i++)
        {
            if (Share(i) >= least)
            {
                writer.Blob(_texts[i]);
                Weights.Write(writer, Weight(i, 0));
                Weights.Write(writer, Weight(i, 1));
            }
        }
    }

    public void Import(ref ByteReader reader)
    {
        IsPruned |= reader.U8() != 0;
        for (var left = reader.Count(); left > 0; left--)
        {
            var text = reader.Blob();
            Add(text, Weights.Read(ref reader), Weights.Read(ref reader));
        }
    }

    // At a character's end, so that the value stays text.
    private static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> text)
    {
        if (text.Length <= BubbleUpLimits.ValueBytesMax)
        {
            return text;
        }

        var end = BubbleUpLimits.ValueBytesMax;
        while (end > 0 && (text[end] & 0xC0) == 0x80)
        {
            end--;
        }

        return text[..end];
    }

    /// <summary>Its share of the side on which that is greater.</summary>
    private double Share(int i) => Math.Max(_totals[0] > 0 ? Weight(i, 0) / _totals[0] : 0, _totals[1] > 0 ? Weight(i, 1) / _totals[1] : 0);

    private void Prune(int keep)
    {
        IsPruned = true;
        var shares = new double[_texts.Count];
        var order = new int[_texts.Count];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
            shares[i] = -Share(i);
        }

        Array.Sort(shares, order);
        var texts = new StringDictionary();
        var weights = new double[_weights.Length];
        foreach (var i in order.AsSpan(0, keep))
        {
            var code = texts.Add(_texts[i]);
            weights[code * 2] = _weights[i * 2];
            weights[(code * 2) + 1] = _weights[(i * 2) + 1];
        }

        (_texts, _weights) = (texts, weights);
    }
}

/// <summary>Weights of a field's numbers on both sides while they are few. That they are too many depends on which there are, never on their order. Single-threaded.</summary>
internal sealed class NumberCounts
{
    private readonly IntegerMap _numbers = new();
    private double[] _weights = new double[32];

    /// <summary>Numbers known; none when they are too many.</summary>
    public int Count => IsTooMany ? 0 : _numbers.Count;

    /// <summary>True past <see cref="BubbleUpLimits.NumbersMax"/>: nothing is counted any more.</summary>
    public bool IsTooMany { get; private set; }

    /// <summary>A number.</summary>
    public double Number(int i) => BitConverter.Int64BitsToDouble(_numbers.Key(i));

    /// <summary>Its weight on a side.</summary>
    public double Weight(int i, int side) => _weights[(i * 2) + side];

    /// <summary>Adds weights of a number.</summary>
    public void Add(double number, double selection, double baseline)
    {
        if (IsTooMany)
        {
            return;
        }

        // -0 and 0 are one number.
        var code = _numbers.Add(BitConverter.DoubleToInt64Bits(number + 0.0));
        if (_numbers.Count > BubbleUpLimits.NumbersMax)
        {
            IsTooMany = true;
            return;
        }

        if ((code * 2) + 1 >= _weights.Length)
        {
            Array.Resize(ref _weights, _weights.Length * 2);
        }

        _weights[code * 2] += selection;
        _weights[(code * 2) + 1] += baseline;
    }

    /// <summary>From somewhere else it is known that they are too many.</summary>
    public void GiveUp() => IsTooMany = true;

    public void Merge(NumberCounts other)
    {
        IsTooMany |= other.IsTooMany;
        for (var i = 0; i < other.Count; i++)
        {
            Add(other.Number(i), other.Weight(i, 0), other.Weight(i, 1));
        }
    }

    public void Export(ByteWriter writer)
    {
        writer.U8(IsTooMany ? (byte)1 : (byte)0);
        writer.Varint((ulong)Count);
        for (var i = 0; i < Count; i++)
        {
            writer.F64(Number(i));
            Weights.Write(writer, Weight(i, 0));
            Weights.Write(writer, Weight(i, 1));
        }
    }

    public void Import(ref ByteReader reader)
    {
        IsTooMany |= reader.U8() != 0;
        for (var left = reader.Count(); left > 0; left--)
        {
            Add(reader.F64(), Weights.Read(ref reader), Weights.Read(ref reader));
        }
    }
}

/// <summary>A weight on the wire: mostly a small whole number.</summary>
internal static class Weights
{
    public static void Write(ByteWriter writer, double weight)
    {
        if (weight >= 0 && weight < (1L << 53) && weight == Math.Floor(weight))
        {
            writer.Varint(((ulong)weight << 1) | 1);
        }
        else
        {
            writer.Varint(0);
            writer.F64(weight);
        }
    }

    public static double Read(ref ByteReader reader)
    {
        var whole = reader.Varint();
        var weight = (whole & 1) != 0 ? whole >> 1 : reader.F64();
        return double.IsFinite(weight) && weight >= 0 ? weight : throw new FormatException($"a weight of {weight}");
    }
}

/// <summary>Two sides' sketches of a field's numbers.</summary>
internal sealed class MeasureCounts
{
    private readonly QuantileSketch[] _sketches = [new(), new()];

    /// <summary>The numbers of a side.</summary>
    public QuantileSketch this[int side] => _sketches[side];

    public void Merge(MeasureCounts other)
    {
        _sketches[0].Merge(other[0]);
        _sketches[1].Merge(other[1]);
    }

    public void Export(ByteWriter writer)
    {
        foreach (var sketch in _sketches)
        {
            var size = sketch.IsEmpty ? 0 : sketch.ExportSize();
            writer.Varint((ulong)size);
            if (size > 0)
            {
                sketch.Export(writer.Take(size));
            }
        }
    }

    public void Import(ref ByteReader reader)
    {
        foreach (var sketch in _sketches)
        {
            var bytes = reader.Blob();
            if (!bytes.IsEmpty)
            {
                sketch.MergeExported(bytes);
            }
        }
    }
}
