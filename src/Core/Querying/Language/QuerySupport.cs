using StreamObserve.Core.Querying.Relations;

namespace StreamObserve.Core.Querying.Language;

/// <summary>What of the language isn't answered yet. A query that uses it is well-formed, so reading accepts it; who runs queries asks here first.</summary>
public static class QuerySupport
{
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

        for (var i = 0; i < spec.Formulas.Count; i++)
        {
            Refuse($"formulas[{i}]", spec.Formulas[i].Name);
        }

        if (spec.CompareOffsetSeconds is { } offset)
        {
            Refuse("compare_time_offset_seconds", DurationText.FormatSeconds(offset));
        }

        return errors.Errors;

        void Refuse(string field, string value) => errors.Add(field, value, $"{field} {value} is not supported yet");
    }

    /// <summary>The same for a live tail, which sees each event as it comes and so no related spans.</summary>
    public static IReadOnlyList<QueryError> CheckTail(Condition? filter, IReadOnlyList<Calculation> calculations)
    {
        var errors = new ErrorList();
        foreach (var error in Check(new QuerySpec { Calculations = calculations }))
        {
            errors.Add(error.Field, error.Value, error.Message);
        }

        CheckFields(filter, "filter");
        for (var i = 0; i < calculations.Count; i++)
        {
            CheckFields(calculations[i].Filter, $"calculations[{i}].filters");
        }

        return errors.Errors;

        void CheckFields(Condition? condition, string field)
        {
            foreach (var column in ConditionRules.Columns(condition).Distinct())
            {
                if (RelationalField.TryParse(column, out _))
                {
                    errors.Add(field, column, $"{column}: a live tail sees each event alone, before its related spans have come");
                }
            }
        }
    }

    /// <summary>The same for a comparison of a selection with the rest, which so far looks at each event's stored fields alone.</summary>
    public static IReadOnlyList<QueryError> CheckComparison(QuerySpec spec)
    {
        var errors = new ErrorList();
        for (var i = 0; i < spec.CalculatedFields.Count; i++)
        {
            errors.Add($"calculated_fields[{i}]", spec.CalculatedFields[i].Name, $"calculated_fields[{i}] {spec.CalculatedFields[i].Name} is not supported yet in a comparison");
        }

        foreach (var column in ConditionRules.Columns(spec.Where).Distinct())
        {
            if (RelationalField.TryParse(column, out _))
            {
                errors.Add("filters", column, $"filters {column} is not supported yet in a comparison");
            }
        }

        return errors.Errors;
    }
}
