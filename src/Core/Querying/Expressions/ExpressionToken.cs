namespace StreamObserve.Core.Querying.Expressions;

/// <summary>What a piece of an expression's text is.</summary>
internal enum ExpressionTokenKind : byte
{
    /// <summary>Behind the last character.</summary>
    End,

    /// <summary>A bare word: a function, a field, <c>true</c>, <c>AND</c>…</summary>
    Word,

    /// <summary><c>$name</c>, <c>$"name"</c>: <see cref="ExpressionToken.Text"/> is the name.</summary>
    Field,

    /// <summary>A number.</summary>
    Number,

    /// <summary>Text in any quotes, escapes resolved.</summary>
    Text,

    /// <summary>An operator, a bracket or a comma.</summary>
    Symbol,

    /// <summary>Nothing that can be; <see cref="ExpressionToken.Text"/> says why.</summary>
    Bad,
}

/// <summary>A piece of an expression's text. <paramref name="At"/> counts UTF-16 code units from 0.</summary>
internal readonly record struct ExpressionToken(ExpressionTokenKind Kind, string Text, int At)
{
    /// <summary>True of this symbol.</summary>
    public bool Is(string symbol) => Kind == ExpressionTokenKind.Symbol && Text == symbol;

    /// <summary>True of this bare word in any case.</summary>
    public bool IsWord(string word) => Kind == ExpressionTokenKind.Word && Text.Equals(word, StringComparison.OrdinalIgnoreCase);

    /// <summary>As an error names it.</summary>
    public override string ToString() => Kind switch
    {
        ExpressionTokenKind.End => "the end",
        ExpressionTokenKind.Field => $"the field {Text}",
        ExpressionTokenKind.Text => $"the text \"{Text}\"",
        _ => $"\"{Text}\"",
    };
}
