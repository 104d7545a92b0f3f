using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Language;

public sealed class QuerySupportTests
{
    [Theory]
    [InlineData("COUNT, SUM(x), AVG(x), MIN(x), MAX(x), P50(x), P999(x), COUNT_DISTINCT(x), HEATMAP(x) WHERE NOT (a = 1 OR b exists) GROUP BY c LIMIT 5 LAST 1h EVERY 10s")]
    [InlineData("COUNT IF (a = 1) AS n GROUP BY parent_name ORDER BY n DESC")]
    [InlineData("COUNT IF (any2.x exists) WHERE f = 2 OR NOT none.x = 2 AND none.x = 3 GROUP BY a, root.name DEFINE f AS \"1 + $a\"")]
    public void WhatIsAnsweredPasses(string text) => Assert.Empty(QuerySupport.Check(QueryText.Parse(text).Value));

    [Theory]
    [InlineData("CONCURRENCY", "calculations[0].op CONCURRENCY is not supported yet")]
    [InlineData("COUNT, RATE_AVG(x)", "calculations[1].op RATE_AVG is not supported yet")]
    [InlineData("RATE_SUM(x)", "calculations[0].op RATE_SUM is not supported yet")]
    [InlineData("RATE_MAX(x)", "calculations[0].op RATE_MAX is not supported yet")]
    [InlineData("COUNT COMPARE 1d", "compare_time_offset_seconds 1d is not supported yet")]
    [InlineData("COUNT FORMULA f AS \"1\"", "formulas[0] f is not supported yet")]
    public void WhatIsNotAnsweredYetIsNamed(string text, string message)
    {
        var error = Assert.Single(QuerySupport.Check(QueryText.Parse(text).Value));
        Assert.Equal(message, error.Message);
        Assert.Equal($"{error.Field} {error.Value} is not supported yet", message);
    }

    [Fact]
    public void ALiveTailHasNoRelatedSpans()
    {
        var filter = ConditionText.Parse("a = 1 AND root.name = \"x\"").Value;
        var calculations = QueryText.Parse("COUNT IF (any.error = true), RATE_SUM(x)").Value.Calculations;
        Assert.Equal(
            [
                "calculations[1].op RATE_SUM is not supported yet",
                "root.name: a live tail sees each event alone, before its related spans have come",
                "any.error: a live tail sees each event alone, before its related spans have come",
            ],
            QuerySupport.CheckTail(filter, calculations).Select(error => error.Message));
        Assert.Empty(QuerySupport.CheckTail(null, []));
    }

    [Fact]
    public void AComparisonLooksAtStoredFieldsAlone() => Assert.Equal(
        ["calculated_fields[0] f is not supported yet in a comparison", "filters any.x is not supported yet in a comparison"],
        QuerySupport.CheckComparison(QueryText.Parse("WHERE a = 1 OR any.x = 2 DEFINE f AS \"1\"").Value).Select(error => error.Message));
}
