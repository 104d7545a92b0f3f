using System.Globalization;

namespace StreamObserve.Core.Events;

/// <summary>What a <see cref="FieldValue"/> holds. <see cref="Absent"/> stands for JSON null and for a missing field alike.</summary>
public enum FieldKind : byte
{
    /// <summary>No value.</summary>
    Absent = 0,

    /// <summary>UTF-16 text.</summary>
    String = 1,

    /// <summary>A 64-bit signed integer.</summary>
    Integer = 2,

    /// <summary>A finite 64-bit float.</summary>
    Float = 3,

    /// <summary>true or false.</summary>
    Bool = 4,
}

/// <summary>
/// One value of one field of one event. Immutable; equality is by kind and value, except that an integer equals the float of the same numeric value,
/// as both are one JSON number. Not for hot loops: those work on columns.
/// </summary>
public readonly struct FieldValue : IEquatable<FieldValue>, IComparable<FieldValue>
{
    private readonly string? _text;
    private readonly long _bits;

    private FieldValue(FieldKind kind, long bits, string? text)
    {
        Kind = kind;
        _bits = bits;
        _text = text;
    }

    /// <summary>The missing value.</summary>
    public static FieldValue Absent => default;

    /// <summary>What this holds.</summary>
    public FieldKind Kind { get; }

    /// <summary>True for integers and floats.</summary>
    public bool IsNumber => Kind is FieldKind.Integer or FieldKind.Float;

    /// <summary>The text; only of <see cref="FieldKind.String"/>.</summary>
    public string AsString => Kind == FieldKind.String ? _text! : throw new InvalidOperationException($"a {Kind} is not a String");

    /// <summary>The integer; only of <see cref="FieldKind.Integer"/>.</summary>
    public long AsInteger => Kind == FieldKind.Integer ? _bits : throw new InvalidOperationException($"a {Kind} is not an Integer");

    /// <summary>The truth value; only of <see cref="FieldKind.Bool"/>.</summary>
    public bool AsBool => Kind == FieldKind.Bool ? _bits != 0 : throw new InvalidOperationException($"a {Kind} is not a Bool");

    /// <summary>The number as a float, of integers and floats (an integer past 2^53 is rounded).</summary>
    public double AsDouble => Kind switch
    {
        FieldKind.Float => BitConverter.Int64BitsToDouble(_bits),
        FieldKind.Integer => _bits,
        _ => throw new InvalidOperationException($"a {Kind} is not a number"),
    };

    /// <summary>A text value.</summary>
    public static FieldValue Of(string text) => new(FieldKind.String, 0, text ?? throw new ArgumentNullException(nameof(text)));

    /// <summary>An integer value.</summary>
    public static FieldValue Of(long value) => new(FieldKind.Integer, value, null);

    /// <summary>A float value. Must be finite.</summary>
    public static FieldValue Of(double value) =>
        double.IsFinite(value) ? new(FieldKind.Float, BitConverter.DoubleToInt64Bits(value), null) : throw new ArgumentOutOfRangeException(nameof(value), value, "must be finite");

    /// <summary>A truth value.</summary>
    public static FieldValue Of(bool value) => new(FieldKind.Bool, value ? 1 : 0, null);

    /// <inheritdoc/>
    public bool Equals(FieldValue other)
    {
        if (Kind == other.Kind)
        {
            return Kind switch
            {
                FieldKind.String => string.Equals(_text, other._text, StringComparison.Ordinal),
                FieldKind.Float => AsDouble.Equals(other.AsDouble) || AsDouble == other.AsDouble,
                _ => _bits == other._bits,
            };
        }

        return IsNumber && other.IsNumber && AsDouble == other.AsDouble;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is FieldValue other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Kind switch
    {
        FieldKind.String => string.GetHashCode(_text, StringComparison.Ordinal),
        FieldKind.Integer => ((double)_bits).GetHashCode(),
        FieldKind.Float => AsDouble == 0 ? 0d.GetHashCode() : AsDouble.GetHashCode(),
        FieldKind.Bool => _bits == 0 ? 3 : 5,
        _ => 0,
    };

    /// <summary>A total order: absent, then bools, then numbers by value, then text by code point, which is the order of UTF-8.</summary>
    public int CompareTo(FieldValue other)
    {
        var (mine, theirs) = (Rank(this), Rank(other));
        if (mine != theirs)
        {
            return mine.CompareTo(theirs);
        }

        return mine switch
        {
            0 => 0,
            1 => _bits.CompareTo(other._bits),
            2 => Kind == FieldKind.Integer && other.Kind == FieldKind.Integer ? _bits.CompareTo(other._bits) : AsDouble.CompareTo(other.AsDouble),
            _ => CompareTexts(_text!, other._text!),
        };

        static int Rank(FieldValue value) => value.Kind switch { FieldKind.Absent => 0, FieldKind.Bool => 1, FieldKind.String => 3, _ => 2 };
    }

    private static int CompareTexts(string left, string right)
    {
        var common = left.AsSpan().CommonPrefixLength(right);
        return common == left.Length || common == right.Length
            ? left.Length.CompareTo(right.Length)
            : CodePointRank(left[common]).CompareTo(CodePointRank(right[common]));

        // Surrogates stand for code points past 16 bits, so they come after all other units.
        static int CodePointRank(char unit) => char.IsSurrogate(unit) ? unit + 0x10000 : unit;
    }

    /// <summary>The value as a person reads it: text as it is, numbers and bools as in JSON, absent as the empty string.</summary>
    public override string ToString() => Kind switch
    {
        FieldKind.String => _text!,
        FieldKind.Integer => _bits.ToString(CultureInfo.InvariantCulture),
        FieldKind.Float => AsDouble.ToString("R", CultureInfo.InvariantCulture),
        FieldKind.Bool => _bits != 0 ? "true" : "false",
        _ => "",
    };

    /// <summary>Equality.</summary>
    public static bool operator ==(FieldValue left, FieldValue right) => left.Equals(right);

    /// <summary>Inequality.</summary>
    public static bool operator !=(FieldValue left, FieldValue right) => !left.Equals(right);
}
