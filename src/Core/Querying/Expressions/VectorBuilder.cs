using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>A result in the making; entries not set are absent.</summary>
internal readonly struct VectorBuilder(int length, TextSink? sink = null)
{
    private readonly FieldKind[] _kinds = new FieldKind[length];
    private readonly long[] _bits = new long[length];

    public void Integer(int i, long value) => (_kinds[i], _bits[i]) = (FieldKind.Integer, value);

    /// <summary>A float; absent when it isn't finite.</summary>
    public void Float(int i, double value)
    {
        if (double.IsFinite(value))
        {
            (_kinds[i], _bits[i]) = (FieldKind.Float, BitConverter.DoubleToInt64Bits(value));
        }
    }

    public void Bool(int i, bool value) => (_kinds[i], _bits[i]) = (FieldKind.Bool, value ? 1 : 0);

    /// <summary>A text; its index.</summary>
    public int Text(int i, ReadOnlySpan<byte> value)
    {
        var index = sink!.Add(value);
        TextAt(i, index);
        return index;
    }

    /// <summary>A text that was set before.</summary>
    public void TextAt(int i, int index) => (_kinds[i], _bits[i]) = (FieldKind.String, index);

    public ValueVector Done() => new(_kinds, _bits, sink?.ToStrings() ?? Utf8Strings.Empty, null);
}
