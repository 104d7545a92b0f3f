using System.Globalization;
using System.Text;

namespace StreamObserve.Core.Querying.Language;

/// <summary>Cuts the text form into pieces.</summary>
internal static class TextTokenizer
{
    /// <summary>The pieces, ending with one of <see cref="TokenKind.End"/>, or at the first that is <see cref="TokenKind.Bad"/>.</summary>
    public static List<TextToken> Split(string text)
    {
        var tokens = new List<TextToken>();
        var at = 0;
        while (true)
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
            {
                at++;
            }

            var token = Next(text, at);
            tokens.Add(token);
            if (token.Kind is TokenKind.End or TokenKind.Bad)
            {
                return tokens;
            }

            at += token.Length;
        }
    }

    /// <summary>True when a bare word may start with it.</summary>
    public static bool StartsWord(char c) => char.IsLetter(c) || c is '_' or '@';

    /// <summary>True when a bare word may go on with it.</summary>
    public static bool ContinuesWord(char c) => char.IsLetterOrDigit(c) || c is '_' or '.' or '-' or ':' or '/' or '@';

    private static TextToken Next(string text, int at)
    {
        if (at == text.Length)
        {
            return new TextToken(TokenKind.End, "", at, 0);
        }

        var c = text[at];
        if (StartsWord(c))
        {
            return Run(TokenKind.Word, text, at, ContinuesWord);
        }

        if (char.IsAsciiDigit(c) || (c is '-' or '+' or '.' && at + 1 < text.Length && char.IsAsciiDigit(text[at + 1])))
        {
            return Run(TokenKind.Literal, text, at, static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '+' or ':' or '_' or 'µ' or 'μ');
        }

        switch (c)
        {
            case '(' or ')' or ',' or '=' or '*':
                return Symbol(text, at, 1);
            case '>' or '<':
                return Symbol(text, at, at + 1 < text.Length && text[at + 1] == '=' ? 2 : 1);
            case '!' when at + 1 < text.Length && text[at + 1] == '=':
                return Symbol(text, at, 2);
            case '`':
                var end = text.IndexOf('`', at + 1);
                return end < 0 ? Unclosed(c, at) : new TextToken(TokenKind.Backticked, text[(at + 1)..end], at, end + 1 - at);
            case '"':
                return Quoted(TokenKind.DoubleQuoted, text, at);
            case '\'':
                return Quoted(TokenKind.SingleQuoted, text, at);
            default:
                return new TextToken(TokenKind.Bad, $"unexpected {Show(text, at)} at {at}", at, 1);
        }
    }

    private static TextToken Run(TokenKind kind, string text, int at, Func<char, bool> goesOn)
    {
        var end = at + 1;
        while (end < text.Length && goesOn(text[end]))
        {
            end++;
        }

        return new TextToken(kind, text[at..end], at, end - at);
    }

    private static TextToken Symbol(string text, int at, int length) => new(TokenKind.Symbol, text.Substring(at, length), at, length);

    private static TextToken Unclosed(char quote, int at) => new(TokenKind.Bad, $"the {quote} at {at} is never closed", at, 1);

    private static TextToken Quoted(TokenKind kind, string text, int start)
    {
        var content = new StringBuilder();
        var quote = text[start];
        for (var at = start + 1; at < text.Length; at++)
        {
            var c = text[at];
            if (c == quote)
            {
                var read = content.ToString();
                return IsUnicode(read)
                    ? new TextToken(kind, read, start, at + 1 - start)
                    : new TextToken(TokenKind.Bad, $"the text at {start} is not valid Unicode", start, 1);
            }

            if (c != '\\')
            {
                content.Append(c);
                continue;
            }

            at++;
            if (at < text.Length && TryUnescape(text, ref at, out var escaped))
            {
                content.Append(escaped);
                continue;
            }

            return at >= text.Length
                ? Unclosed(quote, start)
                : new TextToken(TokenKind.Bad, $"unknown escape \\{text[at]} at {at - 1}; there are \\\\ \\\" \\' \\n \\r \\t \\uXXXX", at - 1, 1);
        }

        return Unclosed(quote, start);
    }

    // On entry behind the backslash; on success at the escape's last character.
    private static bool TryUnescape(string text, ref int at, out char c)
    {
        c = text[at];
        switch (c)
        {
            case '\\' or '"' or '\'':
                return true;
            case 'n':
                c = '\n';
                return true;
            case 'r':
                c = '\r';
                return true;
            case 't':
                c = '\t';
                return true;
            case 'u' when at + 4 < text.Length && ushort.TryParse(text.AsSpan(at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code):
                c = (char)code;
                at += 4;
                return true;
            default:
                return false;
        }
    }

    /// <summary>True when no half of a surrogate pair stands alone.</summary>
    internal static bool IsUnicode(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(text[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static string Show(string text, int at)
    {
        var c = text[at];
        return char.IsControl(c) || char.IsSurrogate(c) ? $"U+{(int)c:X4}" : $"\"{c}\"";
    }
}
