using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Querying.Relations;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>The calculated fields of a query, read and checked. Immutable; several threads may evaluate them.</summary>
public sealed class CalculatedFields
{
    private readonly Dictionary<string, int> _indexes;
    private readonly List<Expression> _expressions;

    private CalculatedFields(Dictionary<string, int> indexes, List<Expression> expressions)
    {
        _indexes = indexes;
        _expressions = expressions;
    }

    /// <summary>How many.</summary>
    public int Count => _expressions.Count;

    /// <summary>True of the name of a calculated field, which hides a stored field of the same name.</summary>
    public bool Has(string name) => _indexes.ContainsKey(name);

    /// <summary>Reads the expressions; every one that is wrong gives an error at <c>calculated_fields[i].expression</c>.</summary>
    public static Parsed<CalculatedFields> Parse(IReadOnlyList<NamedExpression> fields)
    {
        var errors = new ErrorList();
        var compiled = Compile(fields, errors);
        return errors.Count == 0 ? Parsed<CalculatedFields>.Of(compiled) : Parsed<CalculatedFields>.Failed(errors.Errors);
    }

    /// <summary>The fields of a query that passed its checks; null when it has none.</summary>
    internal static CalculatedFields? Of(QuerySpec spec) => spec.CalculatedFields.Count == 0 ? null : Parse(spec.CalculatedFields).Value;

    internal static CalculatedFields Compile(IReadOnlyList<NamedExpression> fields, ErrorList errors)
    {
        var scope = new Scope(fields);
        var nodes = ExpressionLimits.NodesMax;
        var expressions = new List<Expression>();
        for (var i = 0; i < fields.Count; i++)
        {
            scope.Now = i;
            if (RelationalField.TryParse(fields[i].Name, out _))
            {
                errors.Add($"calculated_fields[{i}].name", fields[i].Name, $"{fields[i].Name} names a related span's field; a calculated field needs a name without such a prefix");
            }

            if (ExpressionParser.Parse(fields[i].Expression, scope, ref nodes, out var message) is { } expression)
            {
                expressions.Add(expression);
                continue;
            }

            errors.Add($"calculated_fields[{i}].expression", fields[i].Expression, $"{fields[i].Name}: {message}");
            expressions.Add(new Expression.Stored(fields[i].Name));
        }

        return new(scope.Indexes, expressions);
    }

    internal Expression this[int index] => _expressions[index];

    /// <summary>The index of a calculated field, -1 of any other.</summary>
    internal int Find(string name) => _indexes.GetValueOrDefault(name, -1);

    private sealed class Scope : IExpressionScope
    {
        public Scope(IReadOnlyList<NamedExpression> fields)
        {
            for (var i = 0; i < fields.Count; i++)
            {
                Indexes.TryAdd(fields[i].Name, i);
            }
        }

        public Dictionary<string, int> Indexes { get; } = new(StringComparer.Ordinal);

        /// <summary>The field being read.</summary>
        public int Now { get; set; }

        public Expression? Find(string name, out string error)
        {
            error = "";
            if (!Indexes.TryGetValue(name, out var index))
            {
                if (!RelationalField.TryParse(name, out var related))
                {
                    return new Expression.Stored(name);
                }

                error = $"{name} is a field of a related span; an expression sees one event alone, and {related.Prefix} belongs in filters and breakdowns";
                return null;
            }

            if (index < Now)
            {
                return new Expression.Calculated(index);
            }

            error = index == Now
                ? $"{name} names itself; give the calculated field another name than the field that it is made from"
                : $"{name} is a later calculated field; move it before this one";
            return null;
        }
    }
}
