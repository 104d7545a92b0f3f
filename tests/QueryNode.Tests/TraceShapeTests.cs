using System.Text;
using StreamObserve.QueryNode.Coordination;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

public class TraceShapeTests
{
    [Fact]
    public void AWholeTreeHasNoGaps() => Assert.Empty(Gaps(Span(0, "a"), Span(5, "b", "a"), Span(6, "c", "b"), Span(0.5, "d", "a")));

    [Fact]
    public void AParentThatIsNotThereIsNamed()
    {
        var gap = Assert.Single(Gaps(Span(0, "a"), Span(5, "b", "x"), Span(6, "c", "x"), Span(7, "d", "y")));
        Assert.Equal(("parent", "3 spans name parents that no span here is: x, y", 2L), (gap.Reason, gap.Detail, gap.Rows));
        Assert.StartsWith("1 span names a parent", Assert.Single(Gaps(Span(5, "b", "x"))).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void ManyParentsAreCounted() =>
        Assert.EndsWith(": p0, p1, p2 and 7 more", Assert.Single(Gaps([.. Enumerable.Range(0, 10).Select(i => Span(i, $"s{i}", $"p{i}"))])).Detail, StringComparison.Ordinal);

    [Fact]
    public void WithoutARootNothingIsWhole() => Assert.Equal("root", Assert.Single(Gaps(Span(0, "a", "b"), Span(0, "b", "a"))).Reason);

    [Fact]
    public void AChildThatStartsBeforeItsParentTellsOfClocks()
    {
        var gap = Assert.Single(Gaps(Span(100, "a", service: "gateway"), Span(80, "b", "a", "cart"), Span(95, "c", "a", "cart"), Span(90, "d", "a", "pay"), Span(99.5, "e", "a", "near")));
        Assert.Equal(("clock_skew", "3 spans start before the parent, as only clocks that differ make it look: cart before gateway by 20 ms, pay before gateway by 10 ms"), (gap.Reason, gap.Detail));
    }

    [Fact]
    public void EventsAndLinksOfSpansAreNoSpans() => Assert.Empty(Gaps(Span(10, "a"), Row(0, """{"trace.parent_id":"a","meta.annotation_type":"span_event"}"""), Row(20, """{"meta.annotation_type":"link","trace.parent_id":"zz"}""")));

    [Fact]
    public void LogLinesThatShareAnIdHaveNoTree() => Assert.Empty(Gaps(Row(1, """{"body":"a","trace.parent_id":"x"}"""), Row(2, """{"body":{"trace.span_id":"q"},"list":[1,{"trace.span_id":"z"}]}""")));

    private static List<TraceGap> Gaps(params TraceRow[] rows) => [.. TraceShape.GapsOf(rows)];

    private static TraceRow Span(double ms, string id, string? parent = null, string service = "") =>
        Row(ms, $$"""{"name":"op","trace.span_id":"{{id}}"{{(parent is null ? "" : $",\"trace.parent_id\":\"{parent}\"")}}{{(service.Length == 0 ? "" : $",\"service.name\":\"{service}\"")}} }""");

    private static TraceRow Row(double ms, string json) => new((long)(ms * 1e6), Encoding.UTF8.GetBytes(json));
}
