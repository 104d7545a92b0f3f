namespace StreamObserve.Core.Querying.Language;

/// <summary>What of the language isn't answered yet. A query that uses it is well-formed, so reading accepts it; who runs queries asks here first.</summary>
public static class QuerySupport
{
    // A field's prefix that relates it to another span of its trace.
    private static readonly string[] RelationalPrefixes = ["root.", "parent.", "child.", "any.", "any2.", "any3.", "none."];

    /// <summary>An error for each part of the query that isn't answered yet; empty when it can run.</summary>
    public static IReadOnlyList<QueryError> Check(QuerySpec spec)
    {
        var errors = new ErrorList();
        for (var i = 0; i < spec.Calculations.Count; i++)
        {
            var op = spec.Calculations[i].Op;
            if (op is CalculationOp.Concurrency or CalculationOp.RateAvg or CalculationOp.RateSum or CalculationOp.RateMax)
            {
                Refuse($"calculations[{i}].op", op.Name());
            }
        }

        for (var i = 0; i < spec.CalculatedFields.Count; i++)
        {
            Refuse($"calculated_fields[{i}]", spec.CalculatedFields[i].Name);
        }

        for (var i = 0; i < spec.Formulas.Count; i++)
        {
            Refuse($"formulas[{i}]", spec.Formulas[i].Name);
        }

        if (spec.CompareOffsetSeconds is { } offset)
        {
            Refuse("compare_time_offset_seconds", DurationText.FormatSeconds(offset));
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
