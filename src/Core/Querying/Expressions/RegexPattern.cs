using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace StreamObserve.Core.Querying.Expressions;

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

        var read = new StringBuilder(pattern.Length);
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

            most = Math.Max(most, bound.Length is 0 ? 1 : bound.Length > 9 ? 1e9 : int.Parse(bound, CultureInfo.InvariantCulture));
        }

        at = end;
        return most;
    }
}
