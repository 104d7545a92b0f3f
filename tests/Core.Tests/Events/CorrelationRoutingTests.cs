using System.Text;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Tests.Events;

public class CorrelationRoutingTests
{
    private const int Partitions = 8;

    [Theory]
    [InlineData("\"o-17\"", "o-17")]
    [InlineData("17", "17")]
    [InlineData("17.5", "17.5")]
    public void EventsOfOneValueGoToThePartitionOfATraceWithThatId(string value, string id)
    {
        var fields = new CorrelationFields();
        fields.Set("shop", "order_id");
        var routed = Route(fields, [.. Enumerable.Repeat($$"""{"dataset":"Shop","order_id":{{value}}}""", 20)]);
        Assert.Equal((TraceKey.Of(id).PartitionOf(Partitions), 20), Assert.Single(routed));
    }

    [Theory]
    [InlineData("""{"dataset":"cart","order_id":"o-17"}""")]       // another dataset
    [InlineData("""{"dataset":"shop","order":"o-17"}""")]          // without the field
    [InlineData("""{"dataset":"shop","order_id":""}""")]
    [InlineData("""{"dataset":"shop","order_id":true}""")]
    public void OthersTakeTurns(string line)
    {
        var fields = new CorrelationFields();
        fields.Set("shop", "order_id");
        Assert.Equal(Partitions, Route(fields, [.. Enumerable.Repeat(line, Partitions)]).Count);
    }

    [Fact]
    public void ATraceIdComesFirst()
    {
        var fields = new CorrelationFields();
        fields.Set("shop", "order_id");
        var routed = Route(fields, [.. Enumerable.Range(0, 20).Select(i => $$"""{"dataset":"shop","order_id":{{i}},"trace.trace_id":"t"}""")]);
        Assert.Equal(TraceKey.Of("t").PartitionOf(Partitions), Assert.Single(routed).Partition);
    }

    [Fact]
    public void AChangeHoldsFromTheNextEventOn()
    {
        var fields = new CorrelationFields();
        var router = new EventRouter(Partitions, fields);
        string[] lines = [.. Enumerable.Repeat("""{"dataset":"shop","order_id":"o-17","task":"t-4"}""", Partitions)];
        Assert.Equal(Partitions, Route(router, lines).Count);
        fields.Set("shop", "order_id");
        Assert.Equal(TraceKey.Of("o-17").PartitionOf(Partitions), Assert.Single(Route(router, lines)).Partition);
        fields.Set("shop", "task");
        Assert.Equal(TraceKey.Of("t-4").PartitionOf(Partitions), Assert.Single(Route(router, lines)).Partition);
        fields.Set("shop", null);
        Assert.Equal(Partitions, Route(router, lines).Count);
    }

    private static List<(int Partition, int Rows)> Route(CorrelationFields fields, string[] lines) => Route(new EventRouter(Partitions, fields), lines);

    private static List<(int Partition, int Rows)> Route(EventRouter router, string[] lines)
    {
        router.Append(Encoding.UTF8.GetBytes(string.Join('\n', lines)), PayloadEncoding.Json, new(null, "unknown", 0), new NoRefusals());
        var reader = new EventBatchReader();
        var routed = new List<(int, int)>();
        for (var partition = 0; partition < Partitions; partition++)
        {
            var rows = 0;
            while (router.TryTakeBatch(partition, out var record))
            {
                rows += reader.Read(record).Rows;
            }

            if (rows > 0)
            {
                routed.Add((partition, rows));
            }
        }

        return routed;
    }

    private sealed class NoRefusals : IRefusalSink
    {
        public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => Assert.Fail($"{reason}: {detail}");
    }
}
