using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class EpochSamplerTests
{
    private static readonly string[] Routes = ["/", "/cart", "/pay", "/search", "/health"];

    // Steady, and with bursts of up to five times as much; each epoch has more than 2,000 kept traces.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AThroughputGoalIsMetInEachEpoch(bool isBursty)
    {
        const double Goal = 2_000;
        var random = new Random(7);
        for (var epoch = 0; epoch < 20; epoch++)
        {
            var traces = Traces(random, 12_000 * (isBursty ? random.Next(1, 6) : 1));
            var kept = Decide(traces, new(SamplingActionKind.Throughput) { GoalPerSecond = Goal, Key = new(["route"], false) }, seconds: 10).Where(trace => trace.Decision.Keep).ToList();
            Assert.True(kept.Count >= 2_000);
            Assert.Equal(Goal * 10, kept.Sum(trace => trace.Rows), Goal * 10 * 0.05);
        }
    }

    [Fact]
    public void ADynamicSamplersRatesAreKept()
    {
        foreach (var route in Decide(Traces(new(3), 40_000), new(SamplingActionKind.Dynamic) { Rate = 10 }, 10).GroupBy(trace => trace.Route))
        {
            var (rate, count, rows) = (route.First().Decision.Rate, route.Count(), route.Sum(trace => trace.Rows));
            Assert.All(route, trace => Assert.Equal((rate, SamplingReason.DynamicSampler), (trace.Decision.Rate, trace.Decision.Reason)));
            Assert.Equal(count / rate, route.Count(trace => trace.Decision.Keep), 1.0);
            Assert.Equal(rows / rate, route.Where(trace => trace.Decision.Keep).Sum(trace => trace.Rows), rows / rate * 0.05);
        }
    }

    /// <summary>Over 200 sets of trace ids the mean estimate of the rows of each route is within half a percent of the truth.</summary>
    [Fact]
    public void EstimatesAreUnbiased()
    {
        const int Seeds = 200;
        var sizes = Traces(new(1), 4_000).Select(trace => (trace.Route, trace.Rows)).ToArray();
        var estimates = Routes.ToDictionary(route => route, _ => 0d);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var random = new Random(seed);
            var traces = Array.ConvertAll(sizes, size => (Id(random), size.Route, size.Rows));
            foreach (var (route, rows, decision) in Decide(traces, new(SamplingActionKind.Dynamic) { Rate = 5 }, 10).Where(trace => trace.Decision.Keep))
            {
                estimates[route] += decision.Rate * rows / Seeds;
            }
        }

        foreach (var route in Routes)
        {
            var truth = sizes.Where(size => size.Route == route).Sum(size => size.Rows);
            Assert.Equal(truth, estimates[route], truth * 0.005);
        }
    }

    [Fact]
    public void TheOrderInWhichTracesComeDoesNotMatter()
    {
        var traces = Traces(new(11), 3_000);
        var nested = new NestedSampler(SamplingActionKind.Throughput) { GoalPerSecond = 50 };
        Assert.Equal(Kept(traces), Kept([.. traces.Reverse()]));

        HashSet<TraceKey> Kept((TraceKey Id, string Route, int Rows)[] of)
        {
            var kept = new HashSet<TraceKey>();
            Run(of, nested, 10, (id, decision) => _ = decision.Keep && kept.Add(id));
            return kept;
        }
    }

    [Fact]
    public void AGoalIsSharedByPartitions()
    {
        var traces = Traces(new(13), 30_000);
        var kept = Enumerable.Range(0, 4).Sum(partition => Decide(
            [.. traces.Where(trace => trace.Id.PartitionOf(4) == partition)], new(SamplingActionKind.Throughput) { GoalPerSecond = 1_000 }, 10, partitions: 4)
            .Where(trace => trace.Decision.Keep).Sum(trace => trace.Rows));
        Assert.InRange(kept, 9_500, 10_500);
    }

    [Fact]
    public void RowsWithoutATraceHaveTheirPartOfTheGoal()
    {
        var sampler = new EpochSampler();
        var nested = new NestedSampler(SamplingActionKind.Throughput) { GoalPerSecond = 10 };
        sampler.Of(Group("a"), nested).AddRows(1_000);
        Assert.Equal(10, Assert.Single(sampler.Decide(_ => 10, 1, (_, _) => Assert.Fail("there is no trace"))).Value, 1e-9);
    }

    private static SampledGroup Group(string key) => new(1, "shop", 0, key);

    private static TraceKey Id(Random random) => new((ulong)random.NextInt64(), (ulong)random.NextInt64());

    /// <summary>Traces of 1 to 40 rows, of routes of which each is rarer than the one before.</summary>
    private static (TraceKey Id, string Route, int Rows)[] Traces(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => (Id(random), Routes[Math.Min((int)(-Math.Log(1 - random.NextDouble()) * 1.2), Routes.Length - 1)], random.Next(1, 8) * (random.Next(10) == 0 ? 5 : 1)))];

    private static List<(string Route, int Rows, SamplingDecision Decision)> Decide(
        (TraceKey Id, string Route, int Rows)[] traces, NestedSampler nested, double seconds, int partitions = 1)
    {
        var byId = traces.ToDictionary(trace => trace.Id);
        var decided = new List<(string, int, SamplingDecision)>();
        Run(traces, nested, seconds, (id, decision) => decided.Add((byId[id].Route, byId[id].Rows, decision)), partitions);
        Assert.Equal(traces.Length, decided.Count);
        return decided;
    }

    private static void Run((TraceKey Id, string Route, int Rows)[] traces, NestedSampler nested, double seconds, Action<TraceKey, SamplingDecision> decided, int partitions = 1)
    {
        var sampler = new EpochSampler();
        foreach (var (id, route, rows) in traces)
        {
            sampler.Of(Group(route), nested).AddTrace(id, rows);
        }

        sampler.Decide(_ => seconds, partitions, decided);
    }
}
