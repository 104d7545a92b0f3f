using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>The pipeline beside a Kafka that it does not host, whichever the fixture found.</summary>
[Trait("category", "small")]
public sealed class ExternalKafkaScenario(KafkaFixture kafka, ITestOutputHelper output) : ScenarioTest(output), IClassFixture<KafkaFixture>
{
    private const int EventCount = 20_000;

    [Fact]
    public async Task EventsOfAnExternalKafkaAreCountedExactly()
    {
        NeedKcat();
        Output.WriteLine($"Kafka at {kafka.Bootstrap} ({kafka.Kind})");
        string file = PathOf("events.ndjson");
        Events.Generate(file, EventCount);
        EventTable expected = EventTable.Read(file, ["service.name"]);
        VaryingRange range = expected.AllTime();
        StreamObserveProcess process = await StartAsync("pipeline", RunArguments("data", "--kafka", kafka.Bootstrap, "--window", "2s"));
        Assert.False(process.Ready.Has("kafka"), "the embedded broker must be off with --kafka");
        await Kcat.ProduceFileAsync(kafka.Bootstrap, "events", file, TimeSpan.FromMinutes(1));
        using var api = new ApiClient(process.Ready.Http);
        await api.CountsAsync(EventCount, range, TimeSpan.FromMinutes(1));
        await api.CountsAsync(EventCount, range, TimeSpan.FromMinutes(1), "blocks");
        QueryAnswer services = await api.QueryAsync(new QueryRequest { Calculations = ["COUNT"], Breakdowns = ["service.name"], Range = range.Next() });
        AssertSameNumbers("COUNT by service.name", expected.CountBy("service.name"), services.By("service.name", "COUNT"));
    }
}
