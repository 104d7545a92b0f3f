using System.Globalization;
using System.Text;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Expressions;

namespace StreamObserve.Core.Tests.Querying.Expressions;

/// <summary>Evaluates an expression for one event, value by value, as plainly as can be: what the columns are measured against.</summary>
internal sealed class ReferenceExpression(CalculatedFields fields, Func<string, FieldValue> stored, long timeNs)
{
    /// <summary>The value of a calculated or stored field.</summary>
    public FieldValue Field(string name) => fields.Find(name) is var index and >= 0 ? Value(fields[index]) : stored(name);

    private FieldValue Value(Expression expression) => expression switch
    {
        Expression.Stored field => stored(field.Name),
        Expression.Calculated calculated => Value(fields[calculated.Index]),
        Expression.Constant { Text: { } text } => FieldValue.Of(text),
        Expression.Constant constant => constant.Value.Kinds[0] switch
        {
            FieldKind.Absent => FieldValue.Absent,
            FieldKind.Bool => FieldValue.Of(constant.Value.Bits[0] != 0),
            FieldKind.Integer => FieldValue.Of(constant.Value.Bits[0]),
            _ => FieldValue.Of(constant.Number!.Value),
        },
        Expression.Call call => Value(call),
        _ => throw new InvalidOperationException(),
    };

    private FieldValue Value(Expression.Call call)
    {
        var args = call.Arguments.Select(Value).ToList();
        var text = args.Count > 0 && args[0].Kind == FieldKind.String ? args[0].AsString : null;
        return call.Function switch
        {
            ExpressionFunction.If => If(args),
            ExpressionFunction.Switch => Switch(args),
            ExpressionFunction.Coalesce => args.FirstOrDefault(arg => arg.Kind != FieldKind.Absent),
            ExpressionFunction.Lt => FieldValue.Of(Compare(args[0], args[1]) < 0),
            ExpressionFunction.Lte => FieldValue.Of(Compare(args[0], args[1]) <= 0),
            ExpressionFunction.Gt => FieldValue.Of(Compare(args[0], args[1]) > 0),
            ExpressionFunction.Gte => FieldValue.Of(Compare(args[0], args[1]) >= 0),
            ExpressionFunction.Equals => FieldValue.Of(AreEqual(args[0], args[1])),
            ExpressionFunction.NotEquals => FieldValue.Of(!AreEqual(args[0], args[1])),
            ExpressionFunction.In => FieldValue.Of(args.Skip(1).Any(arg => AreEqual(args[0], arg))),
            ExpressionFunction.Exists => FieldValue.Of(args[0].Kind != FieldKind.Absent),
            ExpressionFunction.Not => FieldValue.Of(!IsTrue(args[0])),
            ExpressionFunction.Bool => FieldValue.Of(IsTrue(args[0])),
            ExpressionFunction.And => FieldValue.Of(args.All(IsTrue)),
            ExpressionFunction.Or => FieldValue.Of(args.Any(IsTrue)),
            ExpressionFunction.Min => Extreme(args, -1),
            ExpressionFunction.Max => Extreme(args, 1),
            ExpressionFunction.Sum or ExpressionFunction.Sub or ExpressionFunction.Mul or ExpressionFunction.Div or ExpressionFunction.Mod => Arithmetic(call.Function, args),
            ExpressionFunction.Log10 => Number(args[0]) is { } number ? Finite(Math.Log10(number.AsDouble)) : default,
            ExpressionFunction.Int => args[0].Kind == FieldKind.Bool ? FieldValue.Of(args[0].AsBool ? 1L : 0L)
                : Number(args[0]) is { } number ? number.Kind == FieldKind.Integer ? number : FieldValue.Of((long)number.AsDouble) : default,
            ExpressionFunction.Float => args[0].Kind == FieldKind.Bool ? FieldValue.Of(args[0].AsBool ? 1d : 0d) : Number(args[0]) is { } number ? FieldValue.Of(number.AsDouble) : default,
            ExpressionFunction.Bucket => Number(args[0]) is { } number ? FieldValue.Of(Bucket(call.Bucket!, number.AsDouble)) : default,
            ExpressionFunction.String or ExpressionFunction.Concat => FieldValue.Of(string.Concat(args.Select(Canonical))),
            ExpressionFunction.StartsWith => Affix(args, (whole, part) => whole.StartsWith(part, StringComparison.Ordinal)),
            ExpressionFunction.EndsWith => Affix(args, (whole, part) => whole.EndsWith(part, StringComparison.Ordinal)),
            ExpressionFunction.Contains => Affix(args, (whole, part) => whole.Contains(part, StringComparison.Ordinal)),
            ExpressionFunction.ToLower => text is null ? default : FieldValue.Of(text.ToLowerInvariant()),
            ExpressionFunction.Length => text is null ? default : FieldValue.Of(call.CountsBytes ? Encoding.UTF8.GetByteCount(text) : (long)new StringInfo(text).LengthInTextElements),
            ExpressionFunction.RegMatch => FieldValue.Of(text is not null && call.Pattern!.IsMatch(text)),
            ExpressionFunction.RegCount => FieldValue.Of(text is null ? 0L : call.Pattern!.Matches(text).Count),
            ExpressionFunction.RegValue => text is not null && call.Pattern!.Match(text) is { Success: true } match
                ? match.Groups is [_, var group, ..] ? group.Success ? FieldValue.Of(group.Value) : default : FieldValue.Of(match.Value) : default,
            ExpressionFunction.UnixTimestamp => text is not null && EventTime.TryParseRfc3339(text, out var parsed) ? FieldValue.Of(parsed / 1_000_000_000 + (parsed % 1_000_000_000 / 1e9)) : default,
            ExpressionFunction.EventTimestamp => FieldValue.Of(timeNs / 1_000_000_000 + (timeNs % 1_000_000_000 / 1e9)),
            ExpressionFunction.FormatTime => Format(call.Format!, args[1]),
            _ => throw new InvalidOperationException(call.Function.ToString()),
        };
    }

    private static FieldValue If(List<FieldValue> args)
    {
        for (var i = 0; i + 1 < args.Count; i += 2)
        {
            if (IsTrue(args[i]))
            {
                return args[i + 1];
            }
        }

        return args.Count % 2 == 1 ? args[^1] : default;
    }

    private static FieldValue Switch(List<FieldValue> args)
    {
        for (var i = 1; i + 1 < args.Count; i += 2)
        {
            if (AreEqual(args[0], args[i]))
            {
                return args[i + 1];
            }
        }

        return args.Count % 2 == 0 ? args[^1] : default;
    }

    private static bool IsTrue(FieldValue value) => value.Kind switch
    {
        FieldKind.Bool => value.AsBool,
        FieldKind.String => value.AsString == "true",
        FieldKind.Absent => false,
        _ => value.AsDouble != 0,
    };

    /// <summary>NaN, which is neither less nor more nor equal, for values of other types.</summary>
    private static double Compare(FieldValue a, FieldValue b) =>
        a.Kind == FieldKind.String && b.Kind == FieldKind.String ? Encoding.UTF8.GetBytes(a.AsString).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b.AsString))
        : a.IsNumber && b.IsNumber ? Whole(a).CompareTo(Whole(b)) : double.NaN;

    private static bool AreEqual(FieldValue a, FieldValue b) => a.Kind == b.Kind || (a.IsNumber && b.IsNumber) ? Whole(a).CompareTo(Whole(b)) == 0 : false;

    /// <summary>A whole float within 2^53 is the integer that its JSON number was.</summary>
    private static FieldValue Whole(FieldValue value) => value.Kind == FieldKind.Float ? ColumnVector.FloatValue(value.AsDouble) : value;

    private static FieldValue Extreme(List<FieldValue> args, int sign)
    {
        var first = args.FirstOrDefault(arg => arg.Kind != FieldKind.Absent);
        foreach (var arg in args)
        {
            var sameType = arg.Kind == first.Kind || (arg.IsNumber && first.IsNumber);
            if (sameType && (arg.Kind == FieldKind.Bool ? arg.CompareTo(first) : Compare(arg, first)) * sign > 0)
            {
                first = arg;
            }
        }

        return first;
    }

    private static FieldValue? Number(FieldValue value) => value.Kind switch
    {
        FieldKind.Absent => null,
        FieldKind.Bool => FieldValue.Of(0L),
        FieldKind.String => long.TryParse(value.AsString, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer) ? FieldValue.Of(integer)
            : double.TryParse(value.AsString, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? ColumnVector.FloatValue(number) : FieldValue.Of(0L),
        _ => Whole(value),
    };

    private static FieldValue Finite(double value) => double.IsFinite(value) ? FieldValue.Of(value) : default;

    private static FieldValue Arithmetic(ExpressionFunction function, List<FieldValue> args)
    {
        var result = Number(args[0]);
        foreach (var arg in args.Skip(1))
        {
            if (result is not { } left || Number(arg) is not { } right)
            {
                return default;
            }

            Int128? exact = left.Kind != FieldKind.Integer || right.Kind != FieldKind.Integer ? null : function switch
            {
                ExpressionFunction.Sum => (Int128)left.AsInteger + right.AsInteger,
                ExpressionFunction.Sub => (Int128)left.AsInteger - right.AsInteger,
                ExpressionFunction.Mul => (Int128)left.AsInteger * right.AsInteger,
                ExpressionFunction.Mod when right.AsInteger != 0 => (Int128)left.AsInteger % right.AsInteger,
                _ => null,
            };
            double a = left.AsDouble, b = right.AsDouble;
            var number = exact is { } whole && whole >= long.MinValue && whole <= long.MaxValue ? FieldValue.Of((long)whole) : function switch
            {
                ExpressionFunction.Sum => Finite(a + b),
                ExpressionFunction.Sub => Finite(a - b),
                ExpressionFunction.Mul => Finite(a * b),
                ExpressionFunction.Div => Finite(a / b),
                _ => Finite(a % b),
            };
            result = number.Kind == FieldKind.Absent ? null : Whole(number);
        }

        return result ?? default;
    }

    private static string Bucket(BucketShape shape, double value)
    {
        Span<byte> text = stackalloc byte[96];
        return Encoding.UTF8.GetString(text[..shape.Write(shape.BinOf(value), text)]);
    }

    private static string Canonical(FieldValue value) => Whole(value).ToString();

    private static FieldValue Affix(List<FieldValue> args, Func<string, string, bool> holds) =>
        FieldValue.Of(args[0].Kind == FieldKind.String && args[1].Kind == FieldKind.String && holds(args[0].AsString, args[1].AsString));

    private static FieldValue Format(TimeFormat format, FieldValue seconds)
    {
        var writer = new ByteWriter();
        return Number(seconds) is { } number && format.TryWrite(number.AsDouble, writer) ? FieldValue.Of(Encoding.UTF8.GetString(writer.Written)) : default;
    }
}
