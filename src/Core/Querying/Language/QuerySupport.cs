using StreamObserve.Core.Querying.Relations;

namespace StreamObserve.Core.Querying.Language;

/// <summary>What of the language cannot be asked everywhere. Well-formed all the same, so reading accepts it; who runs tails and comparisons asks here first.</summary>
public static class QuerySupport
{
    /// <summary>
    /// An error for each part of a live tail that it can't answer: it sees each event as it comes and so no related spans, and it has no points in time, so that it can't
    /// subtract one from the next, nor say how much of one spans cover.
    /// </summary>
    public static IReadOnlyList<QueryError> CheckTail(Condition? filter, IReadOnlyList<Calculation> calculations)
    {
        var errors = new ErrorList();
        CheckFields(filter, "filter");
        for (var i = 0; i < calculations.Count; i++)
        {
            var op = calculations[i].Op;
            if (op == CalculationOp.Concurrency || op.RateOf() is not null)
            {
                errors.Add($"calculations[{i}].op", op.Name(), $"{op.Name()} is about points in time, which a live tail has none of");
            }

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

    /// <summary>An error for each part of a comparison of a selection with the rest that it can't answer: so far it looks at each event's stored fields alone.</summary>
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
