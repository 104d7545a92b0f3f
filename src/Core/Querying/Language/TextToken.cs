namespace StreamObserve.Core.Querying.Language;

/// <summary>What a piece of the text form is.</summary>
internal enum TokenKind : byte
{
    /// <summary>Behind the last piece.</summary>
    End,

    /// <summary>A bare word: keyword, operation, operator or field name.</summary>
    Word,

    /// <summary>Starts with a digit or a sign: number, duration or time.</summary>
    Literal,

    /// <summary>In single quotes: text.</summary>
    SingleQuoted,

    /// <summary>In double quotes: text where a value belongs, a name where a name does.</summary>
    DoubleQuoted,

    /// <summary>In backticks: a name.</summary>
    Backticked,

    /// <summary>One of <c>( ) , = != &gt; &gt;= &lt; &lt;= *</c>.</summary>
    Symbol,

    /// <summary>Not a piece of the language; its text is why.</summary>
    Bad,
}

/// <summary>A piece of the text form: <paramref name="Text"/> with quotes and escapes undone, its place in UTF-16 code units.</summary>
internal readonly record struct TextToken(TokenKind Kind, string Text, int Offset, int Length)
{
    /// <summary>True of this bare word in any case.</summary>
    public bool IsWord(string word) => Kind == TokenKind.Word && Text.Equals(word, StringComparison.OrdinalIgnoreCase);

    /// <summary>True of this symbol.</summary>
    public bool IsSymbol(string symbol) => Kind == TokenKind.Symbol && Text == symbol;
}
