using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Language;

public sealed class QuerySupportTests
{
    [Theory]
    [InlineData("COUNT, RATE_MAX(x)", "calculations[1].op: RATE_MAX is about points in time, which a live tail has none of")]
    [InlineData("CONCURRENCY", "calculations[0].op: CONCURRENCY is about points in time, which a live tail has none of")]
    public void ALiveTailHasNoPointsInTime(string text, string message)
    {
        var error = Assert.Single(QuerySupport.CheckTail(null, QueryText.Parse(text).Value.Calculations));
        Assert.Equal(message, $"{error.Field}: {error.Message}");
    }

    [Fact]
    public void ALiveTailHasNoRelatedSpans()
    {
        var filter = ConditionText.Parse("a = 1 AND root.name = \"x\"").Value;
        var calculations = QueryText.Parse("COUNT IF (any.error = true), RATE_SUM(x)").Value.Calculations;
        Assert.Equal(
            [
                "root.name: a live tail sees each event alone, before its related spans have come",
                "any.error: a live tail sees each event alone, before its related spans have come",
                "RATE_SUM is about points in time, which a live tail has none of",
            ],
            QuerySupport.CheckTail(filter, calculations).Select(error => error.Message));
        Assert.Empty(QuerySupport.CheckTail(null, []));
    }

    [Fact]
    public void AComparisonLooksAtStoredFieldsAlone() => Assert.Equal(
        ["calculated_fields[0] f is not supported yet in a comparison", "filters any.x is not supported yet in a comparison"],
        QuerySupport.CheckComparison(QueryText.Parse("WHERE a = 1 OR any.x = 2 DEFINE f AS \"1\"").Value).Select(error => error.Message));
}
