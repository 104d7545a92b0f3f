using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace StreamObserve.Core.Querying.Language;

/// <summary>Names in the text form: when they can be bare, and how to quote them when not.</summary>
internal static class TextNames
{
    private static readonly FrozenSet<string> Reserved = new[]
    {
        "AND", "OR", "NOT", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "SINCE", "UNTIL", "LAST", "EVERY", "COMPARE", "DEFINE", "FORMULA", "UNWEIGHTED",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>True of words that never are a bare name, since they begin a clause or join conditions.</summary>
    public static bool IsReserved(string word) => Reserved.Contains(word);

    /// <summary>
    /// The name bare where every place can take it so; else in backticks; else (with a backtick or a control character in it) in double quotes with escapes.
    /// Names of operations are quoted, since ORDER BY would take <c>count</c> for the calculation.
    /// </summary>
    public static string Format(string name)
    {
        if (IsWord(name) && !IsReserved(name) && !OperatorNames.TryParse(name, out CalculationOp _))
        {
            return name;
        }

        foreach (var c in name)
        {
            if (c == '`' || BreaksLine(c))
            {
                return Quote(name);
            }
        }

        return $"`{name}`";
    }

    /// <summary>Text in double quotes, on one line.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (var c in text)
        {
            switch (c)
            {
                case '"' or '\\':
                    quoted.Append('\\').Append(c);
                    break;
                case '\n':
                    quoted.Append("\\n");
                    break;
                case '\r':
                    quoted.Append("\\r");
                    break;
                case '\t':
                    quoted.Append("\\t");
                    break;
                case var _ when BreaksLine(c):
                    quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
                    break;
                default:
                    quoted.Append(c);
                    break;
            }
        }

        return quoted.Append('"').ToString();
    }

    private static bool BreaksLine(char c) => char.IsControl(c) || c is '\u2028' or '\u2029';

    private static bool IsWord(string name)
    {
        if (name.Length == 0 || !TextTokenizer.StartsWord(name[0]))
        {
            return false;
        }

        foreach (var c in name)
        {
            if (!TextTokenizer.ContinuesWord(c))
            {
                return false;
            }
        }

        return true;
    }
}
