using System.Diagnostics;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>Seven processes; the oldest processor, which hosts the shard coordinator, is killed with -9.</summary>
[Trait("category", "small")]
public sealed class ClusterScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private const int Partitions = 6;
    private static readonly int EventCount = ScenarioSize.Pick(60_000, 1_000_000);
    private static readonly TimeSpan Arrives = ScenarioSize.Pick(TimeSpan.FromSeconds(60), TimeSpan.FromMinutes(5));
    private static readonly TimeSpan SaysWhatIsMissingWithin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnswersAgainWithin = TimeSpan.FromSeconds(30);
    private readonly int[] _remoting = LoopbackPorts.Take(6);

    [Fact]
    public async Task QueriesSayWhatIsMissingAndAreWholeAgainAfterTheOldestProcessorIsKilled()
    {
        NeedKcat();
        string file = PathOf("events.ndjson");
        Events.Generate(file, EventCount);
        EventTable expected = EventTable.Read(file, Events.GeneratedDimensions);
        VaryingRange range = expected.AllTime();

        StreamObserveProcess broker = await StartAsync("broker", RunArguments("broker", "--roles", "broker"));
        await StartNodeAsync("ingest", 0, "ingest", broker);
        StreamObserveProcess oldest = await StartNodeAsync("processor-1", 1, "processor", broker);
        await StartNodeAsync("processor-2", 2, "processor", broker);
        await StartNodeAsync("processor-3", 3, "processor", broker);
        StreamObserveProcess[] queryNodes = [await StartNodeAsync("query-1", 4, "query", broker), await StartNodeAsync("query-2", 5, "query", broker)];
        ApiClient[] apis = [.. queryNodes.Select(q => new ApiClient(q.Ready.Http))];

        await Kcat.ProduceFileAsync(broker.Ready.Kafka, "events", file, Arrives);
        foreach (ApiClient api in apis)
        {
            await api.CountsAsync(EventCount, range, Arrives);
            await AssertExactAsync(api, range, expected);
        }

        QueryAnswer before = await apis[0].QueryAsync(new QueryRequest { Calculations = ["COUNT"], Range = range.Next(), Source = "aggregates" });
        Dictionary<int, long> heads = before.Covered.ToDictionary(c => c.Partition, c => c.HeadOffset);
        Assert.Equal(Partitions, heads.Count);
        await oldest.KillAsync();
        var sinceKill = Stopwatch.StartNew();
        foreach ((ApiClient api, int node) in apis.Select((a, i) => (a, i + 1)))
        {
            await WatchRecoveryAsync(api, node, range, heads, sinceKill);
            await AssertExactAsync(api, range, expected);
            api.Dispose();
        }
    }

    private async Task<StreamObserveProcess> StartNodeAsync(string name, int port, string role, StreamObserveProcess broker)
    {
        // The ingest and the first query node are the seeds, so that no processor's end takes the way in away. All processors
        // share a folder, as on a shared disk: the next owner of a partition goes on from the last one's cut.
        return await StartAsync(name, RunArguments(
            role,
            "--roles", role, "--kafka", broker.Ready.Kafka, "--partitions", $"{Partitions}", "--window", "5s",
            "--remoting", $"127.0.0.1:{_remoting[port]}", "--seed", $"127.0.0.1:{_remoting[0]}", "--seed", $"127.0.0.1:{_remoting[4]}"));
    }

    /// <summary>
    /// Asks without a pause until all partitions answer with everything. Every answer comes within a second and adds up, and one that counts less
    /// says why: a partition that failed, or one that covers less of its log than before the kill. The first node asked must have seen partitions fail.
    /// </summary>
    private async Task WatchRecoveryAsync(ApiClient api, int node, VaryingRange range, Dictionary<int, long> heads, Stopwatch sinceKill)
    {
        int partial = 0;
        TimeSpan? firstPartial = null;
        while (true)
        {
            QueryAnswer answer = await api.QueryAsync(new QueryRequest { Calculations = ["COUNT"], Range = range.Next(), Source = "aggregates", Partial = "allow" });
            Assert.True(answer.Response.Elapsed <= SaysWhatIsMissingWithin, $"an answer took {answer.Response.Elapsed.TotalSeconds:F2} s: {answer}");
            Assert.Equal(Partitions, answer.Asked);
            Assert.Equal(answer.Asked, answer.Answered + answer.Failed.Count);
            double count = answer.Single("COUNT");
            if (answer.Failed.Count > 0)
            {
                partial++;
                firstPartial ??= sinceKill.Elapsed;
                Assert.All(answer.Failed, f => Assert.True(f.Partition is >= 0 and < Partitions && f.Reason.Length > 0, $"{f}"));
                Assert.InRange(count, 0, EventCount);
            }
            else if (count == EventCount)
            {
                break;
            }
            else
            {
                Assert.True(count < EventCount && answer.Covered.Any(c => c.HeadOffset < heads[c.Partition]), $"counts {count} of {EventCount} and does not say why: {answer}");
            }

            Assert.True(sinceKill.Elapsed < AnswersAgainWithin, $"not whole {sinceKill.Elapsed.TotalSeconds:F0} s after the kill: {answer}");
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }

        Output.WriteLine($"query node {node}: whole {sinceKill.Elapsed.TotalSeconds:F1} s after the kill, {partial} partial answers, the first after {firstPartial?.TotalMilliseconds:F0} ms");
        if (node == 1)
        {
            Assert.True(firstPartial <= SaysWhatIsMissingWithin, $"the first answer that said what is missing came after {firstPartial?.ToString() ?? "none"}: the killed process should have held partitions");
        }
    }

    private static async Task AssertExactAsync(ApiClient api, VaryingRange range, EventTable expected)
    {
        foreach (string dimension in new[] { "service.name", "http.status_code", "hostname" })
        {
            QueryAnswer answer = await api.QueryAsync(new QueryRequest { Calculations = ["COUNT"], Breakdowns = [dimension], Range = range.Next() });
            Assert.Empty(answer.Failed);
            AssertSameNumbers($"COUNT by {dimension}", expected.CountBy(dimension), answer.By(dimension, "COUNT"));
        }
    }
}
