using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Language;

public sealed class QuerySupportTests
{
    [Theory]
    [InlineData("COUNT, SUM(x), AVG(x), MIN(x), MAX(x), P50(x), P999(x), COUNT_DISTINCT(x), HEATMAP(x) WHERE NOT (a = 1 OR b exists) GROUP BY c LIMIT 5 LAST 1h EVERY 10s")]
    [InlineData("COUNT IF (a = 1) AS n GROUP BY parent_name ORDER BY n DESC")]
    [InlineData("CONCURRENCY, RATE_AVG(x), RATE_SUM(x), RATE_MAX(x) FORMULA f AS \"CONCURRENCY * 2\" COMPARE 1d")]
    public void WhatIsAnsweredPasses(string text) => Assert.Empty(QuerySupport.Check(QueryText.Parse(text).Value));

    [Theory]
    [InlineData("COUNT, RATE_MAX(x)", "calculations[1].op: RATE_MAX is about points in time, which a live tail has none of")]
    [InlineData("CONCURRENCY", "calculations[0].op: CONCURRENCY is about points in time, which a live tail has none of")]
    public void ALiveTailHasNoPointsInTime(string text, string message)
    {
        var error = Assert.Single(QuerySupport.CheckTail(QueryText.Parse(text).Value.Calculations));
        Assert.Equal(message, $"{error.Field}: {error.Message}");
    }

    [Theory]
    [InlineData("COUNT DEFINE f AS \"1\"", "calculated_fields[0] f is not supported yet")]
    [InlineData("COUNT GROUP BY a, root.name", "breakdowns[1] root.name is not supported yet")]
    [InlineData("MAX(parent.x)", "calculations[0].column parent.x is not supported yet")]
    [InlineData("COUNT IF (any2.x exists)", "calculations[0].filters any2.x is not supported yet")]
    [InlineData("WHERE a = 1 OR NOT none.x = 2 AND none.x = 3", "filters none.x is not supported yet")]
    public void WhatIsNotAnsweredYetIsNamed(string text, string message)
    {
        var error = Assert.Single(QuerySupport.Check(QueryText.Parse(text).Value));
        Assert.Equal(message, error.Message);
        Assert.Equal($"{error.Field} {error.Value} is not supported yet", message);
    }
}
