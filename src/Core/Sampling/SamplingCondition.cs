using System.Globalization;
using System.Text.RegularExpressions;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Sampling;

/// <summary>One condition of a sampling rule, validated. Immutable and thread-safe.</summary>
public sealed class SamplingCondition
{
    /// <summary>The prefix of fields that are looked up on the trace's root alone.</summary>
    public const string RootPrefix = "root.";

    /// <summary>The computed field that holds the number of rows of the trace.</summary>
    public const string DescendantCountField = "?.NUM_DESCENDANTS";

    /// <summary>Below it every integer is a float of its own, so that comparing as floats tells a whole number from all others.</summary>
    private const long IntegersAsFloats = 1L << 53;

    private readonly Regex? _pattern;
    private readonly HashSet<FieldValue>? _converted;

    internal SamplingCondition(string field, SamplingOperator op, IReadOnlyList<FieldValue> values, SamplingDatatype datatype = SamplingDatatype.AsIs, Regex? pattern = null)
    {
        RootOnly = field.StartsWith(RootPrefix, StringComparison.Ordinal);
        Field = RootOnly ? field[RootPrefix.Length..] : field;
        Op = op;
        Values = values;
        Datatype = datatype;
        _pattern = pattern;
        if (op is SamplingOperator.In or SamplingOperator.NotIn)
        {
            _converted = [];
            foreach (var value in values)
            {
                if (TryConvert(value, ListDatatype, out var converted))
                {
                    _converted.Add(converted);
                }
            }
        }

        if (op <= SamplingOperator.LessOrEqual && datatype == SamplingDatatype.AsIs && (Value.Kind == FieldKind.Float || (Value.Kind == FieldKind.Integer && Value.AsInteger is > -IntegersAsFloats and < IntegersAsFloats)))
        {
            OfNumbers = new(op, Value.AsDouble);
        }
    }

    /// <summary>The field, without the prefix <c>root.</c>; empty for <see cref="SamplingOperator.HasRootSpan"/> where none was given.</summary>
    public string Field { get; }

    /// <summary>The operator.</summary>
    public SamplingOperator Op { get; }

    /// <summary>The values compared with: none for <c>exists</c> and <c>not-exists</c>, any number for <c>in</c> and <c>not-in</c>, else one.</summary>
    public IReadOnlyList<FieldValue> Values { get; }

    /// <summary>The value compared with, where there is one; else absent.</summary>
    public FieldValue Value => Values.Count == 1 ? Values[0] : FieldValue.Absent;

    /// <summary>The type that both sides are converted to.</summary>
    public SamplingDatatype Datatype { get; }

    /// <summary>True when the field is looked up on the trace's root alone.</summary>
    public bool RootOnly { get; }

    /// <summary>True when it is decided from the trace's summary, not row by row: <c>has-root-span</c> and <see cref="DescendantCountField"/>.</summary>
    public bool OfWholeTrace => Op == SamplingOperator.HasRootSpan || (!RootOnly && Field == DescendantCountField);

    /// <summary>What the condition is for numbers, where that is a plain comparison; else null.</summary>
    public NumberComparison? OfNumbers { get; }

    // A list without a datatype is one of texts, so that 500 and "500" are alike.
    private SamplingDatatype ListDatatype => Datatype == SamplingDatatype.AsIs ? SamplingDatatype.String : Datatype;

    /// <summary>
    /// Whether a row whose field has this value (<see cref="FieldValue.Absent"/> when it lacks the field) meets the condition. This is the definition that evaluation over
    /// columns must equal; whether the row is the root is up to the caller. Not for <see cref="SamplingOperator.HasRootSpan"/>, which is of the trace.
    /// </summary>
    public bool Matches(FieldValue value) => Op switch
    {
        SamplingOperator.Exists => value.Kind != FieldKind.Absent,
        SamplingOperator.NotExists => value.Kind == FieldKind.Absent,
        SamplingOperator.StartsWith => value.Kind != FieldKind.Absent && value.ToString().StartsWith(Value.ToString(), StringComparison.Ordinal),
        SamplingOperator.Contains => ContainsValue(value),
        SamplingOperator.DoesNotContain => !ContainsValue(value),
        SamplingOperator.Matches => value.Kind != FieldKind.Absent && _pattern!.IsMatch(value.ToString()),
        SamplingOperator.In => IsInList(value),
        SamplingOperator.NotIn => !IsInList(value),
        SamplingOperator.HasRootSpan => throw new InvalidOperationException("has-root-span is a condition of the trace, not of a row"),
        _ => MatchesComparison(value),
    };

    /// <summary>The value as the datatype has it; false when it does not convert. An absent value converts to nothing.</summary>
    internal static bool TryConvert(FieldValue value, SamplingDatatype datatype, out FieldValue converted)
    {
        converted = value;
        switch (datatype)
        {
            case SamplingDatatype.AsIs:
                return value.Kind != FieldKind.Absent;
            case SamplingDatatype.String:
                converted = FieldValue.Of(value.ToString());
                return value.Kind != FieldKind.Absent;
            case SamplingDatatype.Int:
                return TryConvertToInteger(value, out converted);
            case SamplingDatatype.Float:
                return TryConvertToFloat(value, out converted);
            default:
                return TryConvertToBool(value, out converted);
        }
    }

    private static bool TryConvertToInteger(FieldValue value, out FieldValue converted)
    {
        converted = value;
        switch (value.Kind)
        {
            case FieldKind.Integer:
                return true;
            case FieldKind.Float when Math.Abs(value.AsDouble) < long.MaxValue:
                converted = FieldValue.Of((long)value.AsDouble);
                return true;
            case FieldKind.String when long.TryParse(value.AsString, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer):
                converted = FieldValue.Of(integer);
                return true;
            default:
                return false;
        }
    }

    private static bool TryConvertToFloat(FieldValue value, out FieldValue converted)
    {
        converted = value;
        if (value.IsNumber)
        {
            converted = FieldValue.Of(value.AsDouble);
            return true;
        }

        if (value.Kind == FieldKind.String
            && double.TryParse(value.AsString, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var number)
            && double.IsFinite(number))
        {
            converted = FieldValue.Of(number);
            return true;
        }

        return false;
    }

    private static bool TryConvertToBool(FieldValue value, out FieldValue converted)
    {
        bool? truth = value.ToString().ToUpperInvariant() switch { "TRUE" or "T" or "1" => true, "FALSE" or "F" or "0" => false, _ => null };
        converted = truth is { } known ? FieldValue.Of(known) : value;
        return truth is not null;
    }

    private bool ContainsValue(FieldValue value) => value.Kind != FieldKind.Absent && value.ToString().Contains(Value.ToString(), StringComparison.Ordinal);

    private bool IsInList(FieldValue value) => TryConvert(value, ListDatatype, out var converted) && _converted!.Contains(converted);

    private bool MatchesComparison(FieldValue value)
    {
        // A missing field differs from every text: the one comparison that it meets.
        if (value.Kind == FieldKind.Absent)
        {
            return Datatype == SamplingDatatype.String && Op == SamplingOperator.NotEqual;
        }

        if (!TryConvert(value, Datatype, out var mine) || !TryConvert(Value, Datatype, out var theirs) || (mine.Kind != theirs.Kind && !(mine.IsNumber && theirs.IsNumber)))
        {
            return false;
        }

        var order = mine.CompareTo(theirs);
        return Op switch
        {
            SamplingOperator.Equal => order == 0,
            SamplingOperator.NotEqual => order != 0,
            SamplingOperator.Greater => order > 0,
            SamplingOperator.Less => order < 0,
            SamplingOperator.GreaterOrEqual => order >= 0,
            _ => order <= 0,
        };
    }
}

/// <summary>A comparison with a number, of which it is known beforehand whether it holds for lesser, equal and greater ones.</summary>
/// <param name="op">One of the comparisons.</param>
/// <param name="value">What is compared with.</param>
public readonly struct NumberComparison(SamplingOperator op, double value)
{
    private readonly bool _less = op is SamplingOperator.Less or SamplingOperator.LessOrEqual or SamplingOperator.NotEqual;
    private readonly bool _equal = op is SamplingOperator.Equal or SamplingOperator.LessOrEqual or SamplingOperator.GreaterOrEqual;
    private readonly bool _greater = op is SamplingOperator.Greater or SamplingOperator.GreaterOrEqual or SamplingOperator.NotEqual;

    /// <summary>Whether it holds for a number.</summary>
    public bool Holds(double number) => number < value ? _less : number > value ? _greater : _equal;
}
