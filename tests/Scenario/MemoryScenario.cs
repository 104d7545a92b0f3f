using StreamObserve.Bench.Generator;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>However much comes through, the process stays within its default budget.</summary>
[Trait("category", "small")]
public sealed class MemoryScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private const long BudgetBytes = 1L << 30;
    private static readonly long EventCount = ScenarioSize.Pick(300_000L, 10_000_000L);
    private static readonly TimeSpan Arrives = ScenarioSize.Pick(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(15));

    [Fact]
    public async Task ResidentMemoryStaysWithinTheBudget()
    {
        NeedKcat();
        StreamObserveProcess process = await StartAsync("streamobserve", RunArguments("data", "--window", "10s"));
        var generator = new EventGenerator(GeneratorOptions.Default with { Events = EventCount, Seed = 7 });
        await using (Kcat kcat = Kcat.Produce(process.Ready.Kafka, "events"))
        {
            await Task.Run(() => generator.WriteTo(kcat.Input));
            await kcat.FinishAsync(Arrives);
        }

        using var api = new ApiClient(process.Ready.Http);
        GeneratorOptions options = GeneratorOptions.Default;
        var range = new VaryingRange(options.Start.ToUnixTimeSeconds(), (options.Start + options.Length).ToUnixTimeSeconds() + 600);
        await api.CountsAsync(EventCount, range, Arrives);
        await api.CountsAsync(EventCount, range, Arrives, "blocks");
        ProcessUsage usage = process.Usage; // the kernel keeps the peak
        Output.WriteLine($"{EventCount} events: peak of resident memory {usage.ResidentBytesPeak >> 20} MB, now {usage.ResidentBytes >> 20} MB, CPU {usage.Cpu.TotalSeconds:F1} s");
        Assert.True(usage.ResidentBytesPeak < BudgetBytes, $"resident memory reached {usage.ResidentBytesPeak} bytes");
    }
}
