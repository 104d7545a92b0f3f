namespace StreamObserve.Core.Querying.Language;

/// <summary>What of the language isn't answered yet. A query that uses it is well-formed, so reading accepts it; who runs queries asks here first.</summary>
public static class QuerySupport
{
    // A field's prefix that relates it to another span of its trace.
    private static readonly string[] RelationalPrefixes = ["root.", "parent.", "child.", "any.", "any2.", "any3.", "none."];

    /// <summary>
    /// The same for the calculations of a live tail, which has no points in time: it can't subtract one from the next, nor say how much of one spans cover.
    /// </summary>
    public static IReadOnlyList<QueryError> CheckTail(IReadOnlyList<Calculation> calculations)
    {
        var errors = new ErrorList();
        for (var i = 0; i < calculations.Count; i++)
        {
            var op = calculations[i].Op;
            if (op == CalculationOp.Concurrency || op.RateOf() is not null)
            {
                errors.Add($"calculations[{i}].op", op.Name(), $"{op.Name()} is about points in time, which a live tail has none of");
            }
        }

        return errors.Count > 0 ? errors.Errors : Check(new QuerySpec { Calculations = calculations });
    }

    /// <summary>An error for each part of the query that isn't answered yet; empty when it can run.</summary>
    public static IReadOnlyList<QueryError> Check(QuerySpec spec)
    {
        var errors = new ErrorList();
        for (var i = 0; i < spec.CalculatedFields.Count; i++)
        {
            Refuse($"calculated_fields[{i}]", spec.CalculatedFields[i].Name);
        }

        for (var i = 0; i < spec.Breakdowns.Count; i++)
        {
            CheckField(spec.Breakdowns[i], $"breakdowns[{i}]");
        }

        for (var i = 0; i < spec.Calculations.Count; i++)
        {
            CheckField(spec.Calculations[i].Column, $"calculations[{i}].column");
            CheckFields(spec.Calculations[i].Filter, $"calculations[{i}].filters");
        }

        CheckFields(spec.Where, "filters");
        return errors.Errors;

        void Refuse(string field, string value) => errors.Add(field, value, $"{field} {value} is not supported yet");

        void CheckFields(Condition? condition, string field)
        {
            foreach (var column in ConditionRules.Columns(condition).Distinct())
            {
                CheckField(column, field);
            }
        }

        void CheckField(string? column, string field)
        {
            if (column is not null && RelationalPrefixes.Any(prefix => column.StartsWith(prefix, StringComparison.Ordinal)))
            {
                Refuse(field, column);
            }
        }
    }
}
