using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>An argument within a kernel's loop: entry i of it, or its only one.</summary>
internal readonly ref struct Operand(ValueVector vector)
{
    private readonly ReadOnlySpan<FieldKind> _kinds = vector.Kinds;
    private readonly ReadOnlySpan<long> _bits = vector.Bits;
    private readonly int _mask = vector.Length == 1 ? 0 : -1;
    private readonly Utf8Strings _strings = vector.Strings;

    public FieldKind Kind(int i) => _kinds[i & _mask];

    public long Bits(int i) => _bits[i & _mask];

    public double Double(int i) => BitConverter.Int64BitsToDouble(_bits[i & _mask]);

    /// <summary>The text of an entry that is one.</summary>
    public ReadOnlySpan<byte> Text(int i) => _strings[(int)_bits[i & _mask]];

    public bool IsNumber(int i) => _kinds[i & _mask] is FieldKind.Integer or FieldKind.Float;

    /// <summary>The number of an entry that is one.</summary>
    public double Number(int i) => Kind(i) == FieldKind.Integer ? Bits(i) : Double(i);

    /// <summary>True of true, of numbers but 0, and of the text "true".</summary>
    public bool IsTrue(int i) => Kind(i) switch
    {
        FieldKind.Bool or FieldKind.Integer => Bits(i) != 0,
        FieldKind.Float => Double(i) != 0,
        FieldKind.String => Text(i).SequenceEqual("true"u8),
        _ => false,
    };

    /// <summary>Equal in type and value; integers and floats are one type, and nothing equals nothing.</summary>
    public static bool AreEqual(in Operand a, in Operand b, int i)
    {
        var kind = a.Kind(i);
        if (kind != b.Kind(i))
        {
            return a.IsNumber(i) && b.IsNumber(i) && CompareNumbers(a, b, i) == 0;
        }

        return kind switch
        {
            FieldKind.String => a.Text(i).SequenceEqual(b.Text(i)),
            FieldKind.Float => a.Double(i) == b.Double(i),
            FieldKind.Absent => true,
            _ => a.Bits(i) == b.Bits(i),
        };
    }

    /// <summary>Compares numbers with numbers and text with text (by its bytes); null when the two are of other types.</summary>
    public static int? Compare(in Operand a, in Operand b, int i)
    {
        FieldKind left = a.Kind(i), right = b.Kind(i);
        if (left == FieldKind.String && right == FieldKind.String)
        {
            return a.Text(i).SequenceCompareTo(b.Text(i));
        }

        if (left == FieldKind.Integer && right == FieldKind.Integer)
        {
            return a.Bits(i).CompareTo(b.Bits(i));
        }

        return a.IsNumber(i) && b.IsNumber(i) ? CompareNumbers(a, b, i) : null;
    }

    /// <summary>
    /// True of integers and of whole floats within 2^53: one JSON number, whichever column it came to lie in. What an expression makes of it must not depend on that.
    /// </summary>
    public static bool IsWhole(double value, out long whole)
    {
        whole = (long)value;
        return Math.Abs(value) <= 9007199254740992 && value == whole;
    }

    private static int CompareNumbers(in Operand a, in Operand b, int i)
    {
        var left = a.Kind(i) == FieldKind.Integer ? a.Bits(i) : 0;
        var right = b.Kind(i) == FieldKind.Integer ? b.Bits(i) : 0;
        return (a.Kind(i) == FieldKind.Integer || IsWhole(a.Double(i), out left)) && (b.Kind(i) == FieldKind.Integer || IsWhole(b.Double(i), out right))
            ? left.CompareTo(right)
            : a.Number(i).CompareTo(b.Number(i));
    }
}
