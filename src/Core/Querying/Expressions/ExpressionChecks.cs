using System.Text.RegularExpressions;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>Checks a call's constant arguments, prepares what follows from them, and folds calls whose arguments are all constant.</summary>
internal static class ExpressionChecks
{
    /// <summary>The call made ready, or its value when it is constant; null with a message when it can't be.</summary>
    public static Expression? Prepare(Expression.Call call, out string error)
    {
        error = "";
        switch (call.Function)
        {
            case ExpressionFunction.IngestTimestamp:
                error = "INGEST_TIMESTAMP() can't be answered: the moment at which an event arrived is not stored; EVENT_TIMESTAMP() is the event's own time";
                return null;
            case ExpressionFunction.EventTimestamp:
                return call;
            case ExpressionFunction.RegMatch or ExpressionFunction.RegValue or ExpressionFunction.RegCount:
                if (TextOf(call, 1) is not { } pattern)
                {
                    error = "the pattern of a regular expression is a constant text, as in REG_MATCH($name, `^GET`)";
                    return null;
                }

                call = call with { Pattern = RegexPattern.Compile(pattern, out error) };
                break;
            case ExpressionFunction.FormatTime:
                if (TextOf(call, 0) is not { } format)
                {
                    error = "the format of FORMAT_TIME is a constant text, as in FORMAT_TIME(\"%Y-%m-%d\", EVENT_TIMESTAMP())";
                    return null;
                }

                call = call with { Format = TimeFormat.Compile(format, out error) };
                break;
            case ExpressionFunction.Bucket:
                call = call with { Bucket = BucketShape.Of(call.Arguments, out error) };
                break;
            case ExpressionFunction.Length when call.Arguments.Count == 2:
                if (TextOf(call, 1) is not ("bytes" or "chars"))
                {
                    error = "LENGTH counts \"chars\" or \"bytes\"";
                    return null;
                }

                call = call with { CountsBytes = TextOf(call, 1) == "bytes" };
                break;
        }

        return error.Length > 0 ? null : Fold(call);
    }

    private static Expression Fold(Expression.Call call)
    {
        var values = new ValueVector[call.Arguments.Count];
        for (var i = 0; i < values.Length; i++)
        {
            if (call.Arguments[i] is not Expression.Constant constant)
            {
                return call;
            }

            values[i] = constant.Value;
        }

        return new Expression.Constant(Kernels.Run(call, values, 1));
    }

    private static string? TextOf(Expression.Call call, int argument) => (call.Arguments[argument] as Expression.Constant)?.Text;
}

/// <summary>
/// Regular expressions that take linear time on any text: no look-around, no back-references. RE2's <c>(?P&lt;name&gt;…)</c> is read too, and groups are numbered as they open.
/// </summary>
internal static class RegexPattern
{
    public static Regex? Compile(string pattern, out string error)
    {
        error = "";
        if (pattern.Length > ExpressionLimits.PatternCharsMax)
        {
            error = $"a regular expression may be {ExpressionLimits.PatternCharsMax} characters long, not {pattern.Length}";
            return null;
        }

        if (Symbols(pattern) > ExpressionLimits.PatternSymbolsMax)
        {
            error = $"the regular expression {pattern} has more than {ExpressionLimits.PatternSymbolsMax} symbols with its repeats written out; repeat less";
            return null;
        }

        try
        {
            return new Regex(WithoutNames(pattern), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (NotSupportedException)
        {
            error = $"the regular expression {pattern} uses look-around, a back-reference or an atomic group, which are not supported";
        }
        catch (ArgumentException failure)
        {
            error = $"the regular expression {pattern} can't be read: {failure.Message}";
        }

        return null;
    }

    /// <summary>
    /// Takes the names off groups, RE2's and .NET's: nothing refers to them, and .NET would number named groups behind the others.
    /// </summary>
    private static string WithoutNames(string pattern)
    {
        if (!pattern.Contains("(?", StringComparison.Ordinal))
        {
            return pattern;
        }

        var read = new System.Text.StringBuilder(pattern.Length);
        for (var i = 0; i < pattern.Length; i++)
        {
            var end = i;
            if (pattern[i] == '\\')
            {
                end = i + 1;
            }
            else if (pattern[i] == '[')
            {
                end = ClassEnd(pattern, i);
            }
            else if (NameEnd(pattern, i) is var name and >= 0)
            {
                read.Append('(');
                i = name;
                continue;
            }

            read.Append(pattern, i, Math.Min(end, pattern.Length - 1) - i + 1);
            i = end;
        }

        return read.ToString();
    }

    /// <summary>Where the name of a group that begins here ends, -1 when none begins.</summary>
    private static int NameEnd(string pattern, int at)
    {
        var rest = pattern.AsSpan(at);
        var skip = rest.StartsWith("(?P<", StringComparison.Ordinal) ? 4 : rest.StartsWith("(?<", StringComparison.Ordinal) ? 3 : 0;
        return skip == 0 || rest.Length == skip || rest[skip] is '=' or '!' ? -1 : pattern.IndexOf('>', at);
    }

    /// <summary>Roughly how many symbols the pattern has when {n,m} are written out; too much is as good as the number.</summary>
    private static double Symbols(string pattern)
    {
        var outer = new Stack<double>();
        double sum = 0, last = 0;
        for (var i = 0; i < pattern.Length; i++)
        {
            switch (pattern[i])
            {
                case '(':
                    outer.Push(sum);
                    (sum, last) = (0, 0);
                    break;
                case ')' when outer.Count > 0:
                    last = sum + 1;
                    sum = outer.Pop() + last;
                    break;
                case '[':
                    i = ClassEnd(pattern, i);
                    sum += last = 1;
                    break;
                case '{' when Repeats(pattern, ref i) is { } times:
                    sum += last * (times - 1);
                    last *= times;
                    break;
                default:
                    i += pattern[i] == '\\' ? 1 : 0;
                    sum += last = 1;
                    break;
            }
        }

        while (outer.Count > 0)
        {
            sum += outer.Pop();
        }

        return sum;
    }

    private static int ClassEnd(string pattern, int at)
    {
        for (var i = at + 2; i < pattern.Length; i++)
        {
            if (pattern[i] == ']')
            {
                return i;
            }

            i += pattern[i] == '\\' ? 1 : 0;
        }

        return pattern.Length;
    }

    private static double? Repeats(string pattern, ref int at)
    {
        var end = pattern.IndexOf('}', at);
        if (end < 0)
        {
            return null;
        }

        double most = 1;
        foreach (var bound in pattern[(at + 1)..end].Split(','))
        {
            if (bound.Length > 0 && !bound.All(char.IsAsciiDigit))
            {
                return null;
            }

            most = Math.Max(most, bound.Length is 0 ? 1 : bound.Length > 9 ? 1e9 : int.Parse(bound, System.Globalization.CultureInfo.InvariantCulture));
        }

        at = end;
        return most;
    }
}

/// <summary>The bins of BUCKET: <paramref name="Size"/> wide, counted from <paramref name="Min"/> (from 0 without one), with one bin below and one above.</summary>
internal sealed record BucketShape(double Size, double? Min, double? Max)
{
    public static BucketShape? Of(IReadOnlyList<Expression> arguments, out string error)
    {
        var numbers = new double?[3];
        for (var i = 1; i < arguments.Count; i++)
        {
            if ((arguments[i] as Expression.Constant)?.Number is not { } number)
            {
                error = "the size, min and max of BUCKET are constant numbers, as in BUCKET($duration_ms, 100, 0, 1000)";
                return null;
            }

            numbers[i - 1] = number;
        }

        error = numbers[0] <= 0 ? "the size of BUCKET must be above 0" : numbers[1] >= numbers[2] ? "the min of BUCKET must be below its max" : "";
        return error.Length > 0 ? null : new(numbers[0]!.Value, numbers[1], numbers[2]);
    }

    /// <summary>A number's bin: its place from min, or an infinity. A number on an edge belongs to the bin below it, but min to the first one.</summary>
    public double BinOf(double value)
    {
        if (value < Min)
        {
            return double.NegativeInfinity;
        }

        if (value > Max)
        {
            return double.PositiveInfinity;
        }

        var bin = Math.Ceiling((value - (Min ?? 0)) / Size) - 1;
        return Min is null ? bin : Math.Max(bin, 0);
    }

    /// <summary>Writes a bin's name into at least 96 bytes.</summary>
    public int Write(double bin, Span<byte> destination)
    {
        var writer = new NumberText(destination);
        if (double.IsInfinity(bin))
        {
            return bin < 0 && Min is not null ? writer.Ascii("< ").Number(Min.Value).Length
                : bin > 0 && Max is not null ? writer.Ascii("> ").Number(Max.Value).Length
                : writer.Number(bin).Length;
        }

        double from = (Min ?? 0) + (bin * Size), to = from + Size;
        return writer.Number(from).Ascii(" - ").Number(to > Max ? Max.Value : to).Length;
    }

    /// <summary>Numbers to 15 digits, so that 3 x 0.1 is 0.3.</summary>
    private ref struct NumberText(Span<byte> destination)
    {
        private readonly Span<byte> _destination = destination;

        public int Length { get; private set; }

        public NumberText Ascii(string text)
        {
            Length += System.Text.Encoding.ASCII.GetBytes(text, _destination[Length..]);
            return this;
        }

        public NumberText Number(double value)
        {
            (value == 0 ? 0 : value).TryFormat(_destination[Length..], out var written, "G15", System.Globalization.CultureInfo.InvariantCulture);
            Length += written;
            return this;
        }
    }
}
