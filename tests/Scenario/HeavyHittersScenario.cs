using System.Globalization;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>
/// A field with a value of its own in nearly every event: memory stays within the budget, the heavy values are counted with bounds that hold, and the answer says what it
/// left out; from rows and from aggregates.
/// </summary>
[Trait("category", "small")]
public sealed class HeavyHittersScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private const long BudgetBytes = 1L << 30;
    private const int HeavyUsers = 12;
    private static readonly long EventCount = ScenarioSize.Pick(300_000L, 10_000_000L);
    private static readonly TimeSpan Arrives = ScenarioSize.Pick(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(15));
    private static readonly long StartSeconds = 1_700_000_040;

    [Fact]
    public async Task HeavyUsersAreCountedWithinBoundsAndTheRestIsSaidToBeLeftOut()
    {
        NeedKcat();
        StreamObserveProcess process = await StartAsync("streamobserve", RunArguments("data", "--window", "5s"));
        using var api = new ApiClient(process.Ready.Http);
        var truth = new long[HeavyUsers];
        await using (Kcat kcat = Kcat.Produce(process.Ready.Kafka, "events"))
        {
            await Task.Run(() => Write(kcat.Input, truth));
            await kcat.FinishAsync(Arrives);
        }

        var range = new VaryingRange(StartSeconds, StartSeconds + 600);
        await api.CountsAsync(EventCount, range, Arrives);
        foreach (string source in (string[])["auto", "aggregates"])
        {
            // Rows that came faster than the trailing cursor goes, and are more than memory holds, are only in the log for some seconds: the answer says at_least until it has passed them.
            QueryAnswer answer = await Eventually.AsksAsync(
                "all rows are read",
                Arrives,
                () => api.QueryAsync(new QueryRequest { Calculations = ["COUNT"], Breakdowns = ["user.id"], Range = range.Next(), Source = source }),
                answer => answer.LabelsBy("user.id", "COUNT").Values.All(label => label.Kind != "at_least"),
                answer => answer.ToString());
            AssertBounds(answer, truth, source);
        }

        ProcessUsage usage = process.Usage;
        Output.WriteLine($"{EventCount} events: peak of resident memory {usage.ResidentBytesPeak >> 20} MB, CPU {usage.Cpu.TotalSeconds:F1} s");
        Assert.True(usage.ResidentBytesPeak < BudgetBytes, $"resident memory reached {usage.ResidentBytesPeak} bytes");
    }

    /// <summary>A tenth of the events are of heavy users, the first ones more often; all others of a user of their own.</summary>
    private static void Write(Stream to, long[] truth)
    {
        var random = new Random(11);
        using var writer = new StreamWriter(to, leaveOpen: true);
        for (long i = 0; i < EventCount; i++)
        {
            string user = string.Create(CultureInfo.InvariantCulture, $"user-{i:x9}");
            if (random.Next(10) == 0)
            {
                int heavy = (int)(HeavyUsers * Math.Pow(random.NextDouble(), 2));
                truth[heavy]++;
                user = string.Create(CultureInfo.InvariantCulture, $"heavy-{heavy}");
            }

            double time = StartSeconds + (600d * i / EventCount);
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"{{\"time\":{time:F3},\"service.name\":\"door\",\"user.id\":\"{user}\"}}\n"));
        }
    }

    private void AssertBounds(QueryAnswer answer, long[] truth, string source)
    {
        Dictionary<string, double> counts = answer.By("user.id", "COUNT");
        Dictionary<string, Label> labels = answer.LabelsBy("user.id", "COUNT");
        double leftOutMax = answer.GroupsLeftOutMax;
        Output.WriteLine($"{source}: {counts.Count} groups, left out at most {leftOutMax} each, used {string.Join(' ', answer.Used)}");
        for (int user = 0; user < truth.Length; user++)
        {
            string name = $"heavy-{user}";
            Assert.True(counts.ContainsKey(name) || truth[user] <= leftOutMax, $"{name} with {truth[user]} events is missing; left out are at most {leftOutMax}");
            double most = labels[name].Interval?.High ?? counts[name];
            Output.WriteLine($"{source}: {name} {counts[name]} {labels[name].Kind} to {most}, true {truth[user]}");
            Assert.InRange(truth[user], counts[name], most);
            Assert.Contains(labels[name].Kind, (string[])["exact", "bounded"]);
        }

        Assert.Equal(EventCount, answer.Total("COUNT"));
        Assert.InRange(leftOutMax, 1, EventCount / 100);
    }
}
