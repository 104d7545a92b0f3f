using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Querying.Relations;

namespace StreamObserve.Core.Tests.Querying.Relations;

public sealed class RelationPlanTests
{
    [Theory]
    [InlineData("root.name", Relation.Root, "name")]
    [InlineData("parent.service.name", Relation.Parent, "service.name")]
    [InlineData("child.x", Relation.Child, "x")]
    [InlineData("any.root.x", Relation.Any, "root.x")]
    [InlineData("any2.x", Relation.Any2, "x")]
    [InlineData("any3.x", Relation.Any3, "x")]
    [InlineData("none.x", Relation.None, "x")]
    public void APrefixNamesARelation(string field, Relation relation, string name)
    {
        Assert.True(RelationalField.TryParse(field, out var related));
        Assert.Equal((relation, RelationalField.PrefixOf(relation), name), (related.Relation, related.Prefix, related.Name));
    }

    [Theory]
    [InlineData("parent_name")]
    [InlineData("root.")]
    [InlineData("rooted.x")]
    [InlineData("any4.x")]
    [InlineData("Root.x")]
    [InlineData("x.root.y")]
    public void OtherNamesAreTheEventsOwn(string field) => Assert.False(RelationalField.TryParse(field, out _));

    [Fact]
    public void AQueryWithoutRelationsHasNoPlan() => Assert.Null(RelationPlan.Of(QueryText.Parse("COUNT IF (a = 1) WHERE b = 2 OR NOT c = 3 GROUP BY parent_name").Value));

    [Fact]
    public void ComparisonsOfOnePrefixJoinedByAndSpeakOfOneSpan() => Assert.Equal(
        ["Any (a = 1 AND b = 2 AND f = 6)", "None c = 3"],
        Spans("WHERE any.a = 1 AND x = 0 AND (any.b = 2 AND none.c = 3) AND any.f = 6"));

    [Fact]
    public void ComparisonsInAnOrOrUnderANotSpeakOfSpansOfTheirOwn() => Assert.Equal(
        ["Any a = 1", "Any b = 2", "Any c = 3", "Root d = 4"],
        Spans("WHERE any.a = 1 OR any.b = 2 OR NOT (any.c = 3 AND root.d = 4)").Order(StringComparer.Ordinal));

    [Fact]
    public void EachCalculationSpeaksOfSpansOfItsOwn() => Assert.Equal(
        ["Any a = 1", "Any a = 1", "Any b = 2"],
        Spans("COUNT IF (any.a = 1) AS one, COUNT IF (any.b = 2) AS two WHERE any.a = 1").Order(StringComparer.Ordinal));

    [Fact]
    public void ABreakdownShowsTheSpanOfTheComparisonsAtTheTop()
    {
        Assert.Equal(["Any a = 1 -> name, b"], Spans("WHERE any.a = 1 GROUP BY any.name, any.b"));
        Assert.Equal(["Any a = 1", "Any -> name"], Spans("WHERE any.a = 1 OR x = 2 GROUP BY any.name"));
        Assert.Equal(["Any a = 1", "Root -> name"], Spans("WHERE any.a = 1 GROUP BY root.name"));
        Assert.Equal(["Any a = 1", "Any -> name"], Spans("COUNT IF (any.a = 1) GROUP BY any.name"));
    }

    [Theory]
    [InlineData("COUNT GROUP BY a, none.name", "breakdowns[1]", "none.name can't be a breakdown: none. speaks of spans that there are not, at 18")]
    [InlineData("MAX(parent.x)", "calculations[0].column", "MAX(parent.x): a calculation takes a field of the event itself; parent. belongs in filters and breakdowns, at 0")]
    public void WhatARelationCannotDoIsRefused(string text, string field, string message)
    {
        var error = Assert.Single(QueryText.Parse(text).Errors);
        Assert.Equal((field, message), (error.Field, error.Message));
    }

    private static IEnumerable<string> Spans(string text) => RelationPlan.Of(QueryText.Parse(text).Value)!.Spans.Select(spans =>
        $"{spans.Relation}{(spans.Condition is Condition.All ? $" ({ConditionText.Format(spans.Condition)})" : spans.Condition is null ? "" : " " + ConditionText.Format(spans.Condition))}"
        + (spans.Fields.Count > 0 ? $" -> {string.Join(", ", spans.Fields)}" : ""));
}
