using System.Text.Json;
using StreamObserve.Core.Querying;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>Derived columns of a dataset in its queries: those that a query names become calculated fields of it.</summary>
internal static class DerivedColumns
{
    /// <summary>The query with the derived columns that it names, and those that they name, each before its users. A calculated field of the query's own wins.</summary>
    public static QuerySpec Apply(QuerySpec spec, IReadOnlyList<MetaRecord> derived)
    {
        if (derived.Count == 0)
        {
            return spec;
        }

        var expressions = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var record in derived)
        {
            using var document = JsonDocument.Parse(record.Value);
            expressions[document.RootElement.GetProperty("alias"u8).GetString()!] = document.RootElement.GetProperty("expression"u8).GetString()!;
        }

        foreach (var own in spec.CalculatedFields)
        {
            expressions.Remove(own.Name);
        }

        var fields = new List<NamedExpression>();
        var visited = new HashSet<string>(StringComparer.Ordinal);
        foreach (var column in Columns(spec))
        {
            Add(column, expressions, visited, fields);
        }

        foreach (var own in spec.CalculatedFields)
        {
            AddNamed(own.Expression, expressions, visited, fields);
        }

        return fields.Count == 0 ? spec : spec with { CalculatedFields = [.. fields, .. spec.CalculatedFields] };
    }

    private static void Add(string column, Dictionary<string, string> expressions, HashSet<string> visited, List<NamedExpression> fields)
    {
        if (!expressions.TryGetValue(column, out var expression) || !visited.Add(column))
        {
            return;
        }

        AddNamed(expression, expressions, visited, fields);
        fields.Add(new(column, expression));
    }

    /// <summary>Adds those that an expression names. One that only looks so, within a text, is one too many and does no harm.</summary>
    private static void AddNamed(string expression, Dictionary<string, string> expressions, HashSet<string> visited, List<NamedExpression> fields)
    {
        foreach (var name in expressions.Keys)
        {
            if (expression.Contains("$" + name, StringComparison.Ordinal) || expression.Contains($"$\"{name}\"", StringComparison.Ordinal))
            {
                Add(name, expressions, visited, fields);
            }
        }
    }

    private static IEnumerable<string> Columns(QuerySpec spec)
    {
        foreach (var breakdown in spec.Breakdowns)
        {
            yield return breakdown;
        }

        foreach (var calculation in spec.Calculations)
        {
            if (calculation.Column is { } column)
            {
                yield return column;
            }

            foreach (var filtered in Columns(calculation.Filter))
            {
                yield return filtered;
            }
        }

        foreach (var filtered in Columns(spec.Where))
        {
            yield return filtered;
        }
    }

    private static IEnumerable<string> Columns(Condition? condition) => condition switch
    {
        Condition.Match match => [match.Column],
        Condition.Not not => Columns(not.Part),
        Condition.All all => all.Parts.SelectMany(Columns),
        Condition.Any any => any.Parts.SelectMany(Columns),
        _ => [],
    };
}
