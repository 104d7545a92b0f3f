using System.Text.RegularExpressions;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>A checked expression over one event's fields. Immutable; several threads may evaluate it.</summary>
internal abstract record Expression
{
    private Expression()
    {
    }

    /// <summary>A constant: a vector of one entry.</summary>
    public sealed record Constant(ValueVector Value) : Expression
    {
        /// <summary>The text, null when it is none.</summary>
        public string? Text => Value.Kinds[0] == Events.FieldKind.String ? Value.Strings.Text((int)Value.Bits[0]) : null;

        /// <summary>The number, null when it is none.</summary>
        public double? Number => Value.Kinds[0] switch
        {
            Events.FieldKind.Integer => Value.Bits[0],
            Events.FieldKind.Float => BitConverter.Int64BitsToDouble(Value.Bits[0]),
            _ => null,
        };
    }

    /// <summary>A stored field.</summary>
    public sealed record Stored(string Name) : Expression;

    /// <summary>An earlier calculated field of the same query, by its index.</summary>
    public sealed record Calculated(int Index) : Expression;

    /// <summary>A function or an operator over its arguments, with what could be prepared from constant ones.</summary>
    public sealed record Call(ExpressionFunction Function, IReadOnlyList<Expression> Arguments) : Expression
    {
        /// <summary>Of REG_MATCH, REG_VALUE and REG_COUNT.</summary>
        public Regex? Pattern { get; init; }

        /// <summary>Of FORMAT_TIME.</summary>
        public TimeFormat? Format { get; init; }

        /// <summary>Of BUCKET.</summary>
        public BucketShape? Bucket { get; init; }

        /// <summary>Of LENGTH: count bytes, not characters.</summary>
        public bool CountsBytes { get; init; }
    }
}
