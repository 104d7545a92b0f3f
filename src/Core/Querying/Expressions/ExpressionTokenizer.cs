using System.Globalization;
using System.Text;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>Cuts an expression's text into tokens, one at a time.</summary>
internal sealed class ExpressionTokenizer(string text)
{
    private int _at;

    /// <summary>The next token; at the end, and from a bad one on, always the same.</summary>
    public ExpressionToken Next()
    {
        while (_at < text.Length && char.IsWhiteSpace(text[_at]))
        {
            _at++;
        }

        if (_at == text.Length)
        {
            return new(ExpressionTokenKind.End, "", _at);
        }

        var start = _at;
        var c = text[start];
        if (c == '$')
        {
            return Field(start);
        }

        if (c is '"' or '\'' or '`')
        {
            return Quoted(start);
        }

        if (char.IsAsciiDigit(c) || (c == '.' && start + 1 < text.Length && char.IsAsciiDigit(text[start + 1])))
        {
            return Number(start);
        }

        if (StartsName(c))
        {
            while (_at < text.Length && ContinuesName(text[_at]))
            {
                _at++;
            }

            return new(ExpressionTokenKind.Word, text[start.._at], start);
        }

        if (start + 1 < text.Length && text.AsSpan(start, 2) is "&&" or "||" or "==" or "!=" or "<=" or ">=")
        {
            _at += 2;
            return new(ExpressionTokenKind.Symbol, text.Substring(start, 2), start);
        }

        if (c is '(' or ')' or ',' or '+' or '-' or '*' or '/' or '%' or '=' or '<' or '>' or '!')
        {
            _at++;
            return new(ExpressionTokenKind.Symbol, text.Substring(start, 1), start);
        }

        return Bad(start, char.IsControl(c) || char.IsSurrogate(c) ? $"unexpected U+{(int)c:X4}" : $"unexpected \"{c}\"");
    }

    private static bool StartsName(char c) => char.IsLetter(c) || c is '_' or '@';

    private static bool ContinuesName(char c) => char.IsLetterOrDigit(c) || c is '_' or '.' or ':' or '@';

    private ExpressionToken Bad(int at, string why)
    {
        _at = at;
        return new(ExpressionTokenKind.Bad, why, at);
    }

    private ExpressionToken Field(int start)
    {
        _at++;
        if (_at < text.Length && text[_at] is '"' or '\'' or '`')
        {
            var name = Quoted(_at);
            return name.Kind == ExpressionTokenKind.Text ? new(ExpressionTokenKind.Field, name.Text, start) : name;
        }

        var first = _at;
        while (_at < text.Length && (ContinuesName(text[_at]) || JoinsLetters(_at, first)))
        {
            _at++;
        }

        return _at > first
            ? new(ExpressionTokenKind.Field, text[first.._at], start)
            : Bad(start, "expected a field's name after $, as in $duration_ms or $\"http response\"");
    }

    /// <summary>A minus or slash with a letter on both sides is part of a name: $user-agent, but $a - $b, $a-1 and $a/$b.</summary>
    private bool JoinsLetters(int at, int first) =>
        text[at] is '-' or '/' && at > first && char.IsLetter(text[at - 1]) && at + 1 < text.Length && char.IsLetter(text[at + 1]);

    private ExpressionToken Number(int start)
    {
        Digits();
        if (_at < text.Length && text[_at] == '.')
        {
            _at++;
            Digits();
        }

        if (_at < text.Length && text[_at] is 'e' or 'E')
        {
            var exponent = _at + 1 < text.Length && text[_at + 1] is '+' or '-' ? _at + 2 : _at + 1;
            if (exponent < text.Length && char.IsAsciiDigit(text[exponent]))
            {
                _at = exponent;
                Digits();
            }
        }

        if (_at < text.Length && StartsName(text[_at]))
        {
            return Bad(start, $"a number and a name run together in \"{text[start..(_at + 1)]}\"; a field that starts with a digit is written $\"1st\"");
        }

        return new(ExpressionTokenKind.Number, text[start.._at], start);
    }

    private void Digits()
    {
        while (_at < text.Length && char.IsAsciiDigit(text[_at]))
        {
            _at++;
        }
    }

    private ExpressionToken Quoted(int start)
    {
        var quote = text[start];
        var content = new StringBuilder();
        for (_at = start + 1; _at < text.Length; _at++)
        {
            var c = text[_at];
            if (c == quote)
            {
                _at++;
                var read = content.ToString();
                return TextTokenizer.IsUnicode(read) ? new(ExpressionTokenKind.Text, read, start) : Bad(start, "the text is not valid Unicode");
            }

            if (c != '\\' || quote == '`')
            {
                content.Append(c);
                continue;
            }

            var escape = _at++;
            if (_at == text.Length)
            {
                break;
            }

            if (!TryUnescape(content))
            {
                return Bad(escape, $"unknown escape \\{text[_at]}; backticks keep text as it is: `\\d+`");
            }
        }

        return Bad(start, $"the {quote} is never closed");
    }

    // On entry behind the backslash; on success at the escape's last character.
    private bool TryUnescape(StringBuilder content)
    {
        var c = text[_at];
        var plain = c switch
        {
            '\\' or '"' or '\'' or '/' => c,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'a' => '\a',
            'b' => '\b',
            'f' => '\f',
            'v' => '\v',
            _ => '\0',
        };
        if (plain != '\0')
        {
            content.Append(plain);
            return true;
        }

        var digits = c switch { 'u' => 4, 'x' => 2, _ => 0 };
        if (digits > 0 && _at + digits < text.Length
            && ushort.TryParse(text.AsSpan(_at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
        {
            content.Append((char)code);
            _at += digits;
            return true;
        }

        return false;
    }
}
