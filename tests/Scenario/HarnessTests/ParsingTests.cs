using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario.HarnessTests;

public sealed class ParsingTests
{
    [Fact]
    public void TheReadyLineNamesWhatIsBound()
    {
        Assert.True(ReadyLine.TryParse("ready http=http://127.0.0.1:8080 kafka=127.0.0.1:9092 otlp-grpc=http://[::1]:4317", out ReadyLine ready));
        Assert.Equal(new Uri("http://127.0.0.1:8080"), ready.Http);
        Assert.Equal("127.0.0.1:9092", ready.Kafka);
        Assert.False(ready.Has("remoting"));
        Assert.Throws<KeyNotFoundException>(() => ready.Address("remoting"));
        Assert.False(ReadyLine.TryParse("already http=x", out _));
    }

    [Theory]
    [InlineData("ready http=http://127.0.0.1:0")]
    [InlineData("ready kafka=127.0.0.1")]
    [InlineData("ready and steady")]
    public void AMalformedReadyLineIsRefused(string line) => Assert.ThrowsAny<FormatException>(() => ReadyLine.TryParse(line, out _));

    [Fact]
    public void ProcessUsageIsReadBehindAnyCommandName()
    {
        const string Stat = "77 (a) (b c) S 1 77 77 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 1 0 100 1 1";
        const string Status = "Name:\ta\nVmPeak:\t  900 kB\nVmHWM:\t     640 kB\nVmRSS:\t     512 kB\n";
        Assert.Equal(new ProcessUsage(TimeSpan.FromSeconds(3), 512 * 1024, 640 * 1024), ProcessUsage.Parse(Stat, Status));
    }

    [Fact]
    public void ProcessUsageAgreesWithTheRuntimeAboutThisProcess()
    {
        using var self = Process.GetCurrentProcess();
        TimeSpan before = self.TotalProcessorTime;
        ProcessUsage usage = ProcessUsage.Of(Environment.ProcessId);
        self.Refresh();
        Assert.InRange(usage.Cpu, before - TimeSpan.FromMilliseconds(30), self.TotalProcessorTime + TimeSpan.FromMilliseconds(30));
        Assert.InRange(usage.ResidentBytes, self.WorkingSet64 / 2, self.WorkingSet64 * 2);
        Assert.True(usage.ResidentBytesPeak >= usage.ResidentBytes);
    }

    [Fact]
    public async Task ServerSentEventsAreReadAsTheStandardSays()
    {
        const string Text = ": hello\n\nevent: row\nid: 4:17\ndata: {\"a\":\ndata: 1}\n\ndata:plain\r\n\r\nevent: stats\n\nevent: row\ndata: unfinished\n";
        var events = new List<ServerSentEvent>();
        await foreach (ServerSentEvent e in ServerSentEvents.ReadAsync(new MemoryStream(Encoding.UTF8.GetBytes(Text)), TestContext.Current.CancellationToken))
        {
            events.Add(e);
        }

        Assert.Equal([new ServerSentEvent("row", "4:17", "{\"a\":\n1}"), new ServerSentEvent("message", "4:17", "plain")], events);
    }

    [Fact]
    public void TailRowsGiveTheirFieldsBareOrWrapped()
    {
        Assert.Equal("x", (string?)TailSubscriber.FieldsOf("""{"name":"x"}""")["name"]);
        Assert.Equal("x", (string?)TailSubscriber.FieldsOf("""{"time":"…","data":{"name":"x"}}""")["name"]);
    }

    [Fact]
    public void AQueryIsWrittenInTheContractsForm()
    {
        var request = new QueryRequest
        {
            Calculations = ["COUNT", "P99(duration_ms)"],
            Breakdowns = ["name"],
            Filters = [("error", "=", true), ("x", "exists", null)],
            Range = new TimeRange(1, 2),
            Source = "blocks",
            Unweighted = true,
            Limit = 7,
        };
        JsonNode expected = JsonNode.Parse("""
            {"dataset":"__all__","query":{"calculations":[{"op":"COUNT"},{"op":"P99","column":"duration_ms"}],"start_time":1,"end_time":2,"limit":7,"granularity":1,
             "breakdowns":["name"],"filters":[{"column":"error","op":"=","value":true},{"column":"x","op":"exists"}],"usage_mode":true},"source":"blocks","partial":"fail"}
            """)!;
        Assert.True(JsonNode.DeepEquals(expected, request.ToJson()), request.ToJson().ToJsonString());
    }

    [Fact]
    public void AnAnswerIsReadWithItsReceipt()
    {
        QueryAnswer answer = Answer("""
            {"id":"r1","query":{},"data":{"series":[],"results":[{"data":{"error":true,"COUNT":5}},{"data":{"error":false,"COUNT":1200000.5}},{"data":{"COUNT":2}}],"total":{},"other":{}},
             "receipt":{"partitions":{"asked":4,"answered":3,"failed":[{"partition":2,"reason":"unreachable","retryable":true}]},
              "covered":[{"partition":0,"head_offset":10,"trailing_offset":8,"from":"a","to":"b"}],"lag_ms":1,"rows_read":0,"elapsed_ms":1,"lost":[],"used":["aggregates"],
              "labels":{"COUNT":{"kind":"bounded","bound":0.02}}}}
            """);
        Assert.Equal(new Dictionary<string, double> { ["true"] = 5, ["false"] = 1200000.5 }, answer.By("error", "COUNT"));
        Assert.Equal((4, 3), (answer.Asked, answer.Answered));
        Assert.Equal([new FailedPartition(2, "unreachable")], answer.Failed);
        Assert.Equal([new CoveredPartition(0, 10, 8)], answer.Covered);
        Assert.Equal(new Label("bounded", 0.02), answer.LabelOf("COUNT"));
        Assert.Throws<FormatException>(() => answer.LabelOf("SUM(x)"));
        Assert.Throws<FormatException>(() => answer.By("error", "SUM(x)"));
        Assert.Throws<FormatException>(() => Answer("""{"data":{"results":[]}}"""));
    }

    [Fact]
    public void RangesDifferFromCallToCallAndHoldAllEvents()
    {
        var varying = new VaryingRange(1_661_140_339, 1_661_143_000);
        TimeRange[] ranges = [.. Enumerable.Range(0, 1_000).Select(_ => varying.Next())];
        Assert.Equal(1_000, ranges.Distinct().Count());
        Assert.All(ranges, r => Assert.True(r.FromSeconds < 1_661_140_339 && r.ToSeconds > 1_661_143_001 && r.FromSeconds % 600 == 0 && r.ToSeconds % 600 == 0));
    }

    [Fact]
    public void AStackTraceIsRecognised()
    {
        Assert.True(CommandRun.HasStackTrace("oops\n   at A.B() in c.cs:line 1"));
        Assert.False(CommandRun.HasStackTrace("--window: `5parsecs` is not a duration; look at 5s"));
    }

    private static QueryAnswer Answer(string json) => new(new ApiResponse(HttpStatusCode.OK, "application/json", json, TimeSpan.Zero));
}
