using System.Globalization;
using System.Text;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Filters;

/// <summary>
/// The positive form of one comparison (Equal for !=, Contains for does-not-contain, …) as a test of single values of each physical type.
/// A comparison's value takes the type of what it is compared with: "500" equals the number 500, the number 500 equals the text "500". Immutable.
/// </summary>
public sealed class ValuePredicate
{
    private readonly FilterOp _op;
    private readonly byte[][] _texts;
    private readonly double[] _numbers;
    private readonly long?[] _integers;
    private readonly int[] _bools;

    /// <summary>From a comparison; see <see cref="IsNegated"/> for the negative operators.</summary>
    public ValuePredicate(Condition.Match match)
    {
        (_op, IsNegated) = match.Op switch
        {
            FilterOp.NotEqual => (FilterOp.Equal, true),
            FilterOp.DoesNotStartWith => (FilterOp.StartsWith, true),
            FilterOp.DoesNotEndWith => (FilterOp.EndsWith, true),
            FilterOp.DoesNotContain => (FilterOp.Contains, true),
            FilterOp.DoesNotExist => (FilterOp.Exists, true),
            FilterOp.NotIn => (FilterOp.In, true),
            var op => (op, false),
        };
        _texts = [.. match.Values.Select(value => Encoding.UTF8.GetBytes(value.ToString()))];
        _numbers = [.. match.Values.Select(Number)];
        _integers = [.. match.Values.Select(value => value.Kind == FieldKind.Integer ? value.AsInteger
            : value.Kind == FieldKind.String && long.TryParse(value.AsString, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var parsed) ? parsed : (long?)null)];
        _bools = [.. match.Values.Select(value => value.Kind switch
        {
            FieldKind.Bool => value.AsBool ? 1 : 0,
            FieldKind.String when value.AsString is "true" => 1,
            FieldKind.String when value.AsString is "false" => 0,
            _ => -1,
        })];
    }

    /// <summary>True when the comparison holds exactly where this predicate does not, and where the field is missing.</summary>
    public bool IsNegated { get; }

    /// <summary>The positive operator.</summary>
    public FilterOp Op => _op;

    /// <summary>The comparison's values as UTF-8 text, for bloom filters.</summary>
    public IReadOnlyList<byte[]> Texts => _texts;

    /// <summary>The comparison's first value as a number, NaN when it is none.</summary>
    public double FirstNumber => _numbers.Length > 0 ? _numbers[0] : double.NaN;

    /// <summary>How many values the comparison has.</summary>
    public int Values => _texts.Length;

    /// <summary>
    /// The integers, of those from <paramref name="least"/> to <paramref name="greatest"/>, that satisfy the comparison with its i-th value, which is =, &lt;, &lt;=, &gt;, &gt;=
    /// or one of IN: they are a range, empty when low is above high. With a <paramref name="scale"/> the integers stand for floats, themselves divided by it.
    /// </summary>
    internal (long Low, long High) RangeOf(int i, double scale, long least, long greatest)
    {
        // Each comparison is monotone in the number compared, so its edge can be found with the comparison itself.
        var low = _op is FilterOp.Less or FilterOp.LessOrEqual ? least : Edge(i, scale, _op == FilterOp.Greater ? FilterOp.Greater : FilterOp.GreaterOrEqual, least, greatest);
        var high = _op is FilterOp.Greater or FilterOp.GreaterOrEqual ? greatest : LastBelow(i, scale, _op == FilterOp.Less ? FilterOp.Less : FilterOp.LessOrEqual, least, greatest);
        return (low, high);
    }

    /// <summary>The floats that satisfy the comparison with its i-th value, as a range with both edges in it; null when that isn't one.</summary>
    internal (double Low, double High)? FloatRangeOf(int i)
    {
        if (_integers[i] is < -9007199254740992 or > 9007199254740992)
        {
            // Compared before it is rounded: as a float 2^53 + 1 is 2^53, which it doesn't equal.
            return null;
        }

        var value = _numbers[i];
        return double.IsNaN(value)
            ? (double.PositiveInfinity, double.NegativeInfinity)
            : _op switch
            {
                FilterOp.Equal or FilterOp.In => (value, value),
                FilterOp.Greater => (Math.BitIncrement(value), double.PositiveInfinity),
                FilterOp.GreaterOrEqual => (value, double.PositiveInfinity),
                FilterOp.Less => (double.NegativeInfinity, Math.BitDecrement(value)),
                FilterOp.LessOrEqual => (double.NegativeInfinity, value),
                _ => null,
            };
    }

    /// <summary>Tests text.</summary>
    public bool TestText(ReadOnlySpan<byte> text)
    {
        switch (_op)
        {
            case FilterOp.Exists:
                return true;
            case FilterOp.Equal:
                return text.SequenceEqual(_texts[0]);
            case FilterOp.In:
                foreach (var candidate in _texts)
                {
                    if (text.SequenceEqual(candidate))
                    {
                        return true;
                    }
                }

                return false;
            case FilterOp.StartsWith:
                return text.StartsWith(_texts[0]);
            case FilterOp.EndsWith:
                return text.EndsWith(_texts[0]);
            case FilterOp.Contains:
                return text.IndexOf(_texts[0]) >= 0;
            case FilterOp.Greater:
                return text.SequenceCompareTo(_texts[0]) > 0;
            case FilterOp.GreaterOrEqual:
                return text.SequenceCompareTo(_texts[0]) >= 0;
            case FilterOp.Less:
                return text.SequenceCompareTo(_texts[0]) < 0;
            default:
                return text.SequenceCompareTo(_texts[0]) <= 0;
        }
    }

    /// <summary>Tests a float.</summary>
    public bool TestFloat(double value)
    {
        if (Math.Abs(value) <= 9007199254740992 && value == Math.Floor(value))
        {
            return TestInteger((long)value);     // one JSON number, whichever column it came to lie in
        }

        switch (_op)
        {
            case FilterOp.Exists:
                return true;
            case FilterOp.In:
                foreach (var candidate in _numbers)
                {
                    if (value == candidate)
                    {
                        return true;
                    }
                }

                return false;
            case FilterOp.StartsWith or FilterOp.EndsWith or FilterOp.Contains:
                Span<byte> text = stackalloc byte[40];
                value.TryFormat(text, out var written, "R", CultureInfo.InvariantCulture);
                return TestText(text[..written]);
            default:
                return Compare(value, _numbers[0]);
        }
    }

    /// <summary>Tests an integer; exact also past 2^53.</summary>
    public bool TestInteger(long value)
    {
        switch (_op)
        {
            case FilterOp.Exists:
                return true;
            case FilterOp.In:
                for (var i = 0; i < _numbers.Length; i++)
                {
                    if (_integers[i] is { } integer ? value == integer : value == _numbers[i])
                    {
                        return true;
                    }
                }

                return false;
            case FilterOp.StartsWith or FilterOp.EndsWith or FilterOp.Contains:
                Span<byte> text = stackalloc byte[24];
                value.TryFormat(text, out var written, default, CultureInfo.InvariantCulture);
                return TestText(text[..written]);
            default:
                return _integers[0] is { } exact ? Compare(value, exact) : Compare(value, _numbers[0]);
        }
    }

    /// <summary>Tests a truth value.</summary>
    public bool TestBool(bool value) => _op switch
    {
        FilterOp.Exists => true,
        FilterOp.In => _bools.AsSpan().Contains(value ? 1 : 0),
        FilterOp.Equal => _bools[0] == (value ? 1 : 0),
        FilterOp.StartsWith or FilterOp.EndsWith or FilterOp.Contains => TestText(value ? "true"u8 : "false"u8),
        _ => _bools[0] >= 0 && Compare(value ? 1L : 0L, _bools[0]),
    };

    /// <summary>Tests a value of any kind; the slow form of the others. Absent never holds.</summary>
    public bool Test(FieldValue value) => value.Kind switch
    {
        FieldKind.String => TestText(Encoding.UTF8.GetBytes(value.AsString)),
        FieldKind.Integer => TestInteger(value.AsInteger),
        FieldKind.Float => TestFloat(value.AsDouble),
        FieldKind.Bool => TestBool(value.AsBool),
        _ => false,
    };

    /// <summary>The first number from least to greatest that is above (or equal); one past the greatest when none is.</summary>
    private long Edge(int i, double scale, FilterOp op, long least, long greatest)
    {
        if (!Holds(i, scale, op, greatest))
        {
            return greatest == long.MaxValue ? throw new ArgumentOutOfRangeException(nameof(greatest)) : greatest + 1;
        }

        while (least < greatest)
        {
            var middle = least + (long)(((ulong)greatest - (ulong)least) / 2);
            if (Holds(i, scale, op, middle))
            {
                greatest = middle;
            }
            else
            {
                least = middle + 1;
            }
        }

        return greatest;
    }

    /// <summary>The last number from least to greatest that is below (or equal); one before the least when none is.</summary>
    private long LastBelow(int i, double scale, FilterOp op, long least, long greatest)
    {
        if (!Holds(i, scale, op, least))
        {
            return least == long.MinValue ? throw new ArgumentOutOfRangeException(nameof(least)) : least - 1;
        }

        while (least < greatest)
        {
            var middle = greatest - (long)(((ulong)greatest - (ulong)least) / 2);
            if (Holds(i, scale, op, middle))
            {
                least = middle;
            }
            else
            {
                greatest = middle - 1;
            }
        }

        return least;
    }

    private bool Holds(int i, double scale, FilterOp op, long entry)
    {
        if (scale == 0)
        {
            return _integers[i] is { } exact ? Compare(op, entry, exact) : Compare(op, entry, _numbers[i]);
        }

        var value = entry / scale;
        return Math.Abs(value) <= 9007199254740992 && value == Math.Floor(value)
            ? _integers[i] is { } whole ? Compare(op, (long)value, whole) : Compare(op, (long)value, _numbers[i])
            : Compare(op, value, _numbers[i]);
    }

    private bool Compare(double value, double with) => Compare(_op, value, with);

    private bool Compare(long value, long with) => Compare(_op, value, with);

    private static bool Compare(FilterOp op, double value, double with) => op switch
    {
        FilterOp.Equal => value == with,
        FilterOp.Greater => value > with,
        FilterOp.GreaterOrEqual => value >= with,
        FilterOp.Less => value < with,
        _ => value <= with,
    };

    private static bool Compare(FilterOp op, long value, long with) => op switch
    {
        FilterOp.Equal => value == with,
        FilterOp.Greater => value > with,
        FilterOp.GreaterOrEqual => value >= with,
        FilterOp.Less => value < with,
        _ => value <= with,
    };

    private static double Number(FieldValue value) => value.Kind switch
    {
        FieldKind.Integer or FieldKind.Float => value.AsDouble,
        FieldKind.String when double.TryParse(value.AsString, NumberStyles.Float, CultureInfo.InvariantCulture, out var parsed) => parsed,
        _ => double.NaN,
    };
}
