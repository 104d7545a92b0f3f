using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.State;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.State;

public sealed class EpochSamplingTests
{
    private static readonly SimulatedRule ByRoute = new(RuleSubject.Any, 0, "", 0, new(SamplingActionKind.Dynamic, 10, ["route", "root.route"], UsesTraceLength: true));

    [Fact]
    public void KeptRowsSayBySamplerRateAndKeyWhyTheyAreKept()
    {
        using var test = new TestState();
        test.SetPolicy(1, ByRoute);
        for (var trace = 1; trace <= 400; trace++)
        {
            test.Append(test.Event(TestState.TraceId(trace), route: "/cart"), test.Event(TestState.TraceId(trace), isRoot: false, route: "/pay"));
        }

        test.Append(test.Event(TestState.TraceId(1_000), route: "/rare"));
        test.Append([.. Enumerable.Range(0, 300).Select(_ => test.Event(route: "/alone"))]);
        test.Tick(20_000);
        test.Pump();

        var kept = Meta(test);
        Assert.Equal(["/alone•,/alone,1", "/cart•/pay•,/cart,2", "/rare•,/rare,1"], kept.Select(row => row.Key).Distinct().Order(StringComparer.Ordinal));
        Assert.All(kept, row => Assert.Equal("dynamic_sampler", row.Reason));
        foreach (var key in kept.GroupBy(row => row.Key))
        {
            Assert.Single(key.Select(row => row.Rate).Distinct());
        }

        // 401 traces and 300 rows: goals of 1,101 / 10 events by their logarithms.
        Assert.Equal(1, Assert.Single(kept, row => row.Key.StartsWith("/rare", StringComparison.Ordinal)).Rate);
        Assert.InRange(kept.Where(row => row.Key.StartsWith("/cart", StringComparison.Ordinal)).Sum(row => row.Rate), 780, 820);
        Assert.InRange(kept.Where(row => row.Key.StartsWith("/alone", StringComparison.Ordinal)).Sum(row => row.Rate), 150, 450);
    }

    [Fact]
    public void ALateSpanFollowsItsTracesDecisionAndHasItsKey()
    {
        using var test = new TestState();
        test.SetPolicy(1, ByRoute);
        for (var trace = 1; trace <= 100; trace++)
        {
            test.Append(test.Event(TestState.TraceId(trace), route: "/cart"));
        }

        test.Tick(20_000);
        test.Pump();
        var before = Meta(test).Count;
        test.Cut();
        test.Crash();
        for (var trace = 1; trace <= 100; trace++)
        {
            test.Append(test.Event(TestState.TraceId(trace), isRoot: false, route: "/late"));
        }

        test.Tick(20_000);
        test.Pump();

        var kept = Meta(test);
        Assert.InRange(before, 5, 40);
        Assert.Equal(before * 2, kept.Count);
        Assert.All(kept, row => Assert.Equal("/cart•,/cart,1", row.Key));
    }

    /// <summary>What a window of any length has in memory is bounded: the lists of traces are read back from the store when their epochs are decided, after a crash too.</summary>
    [Fact]
    public void ListsOfTracesThatDoNotFitAreReadBackFromTheStore()
    {
        IReadOnlyList<long>? withRoom = null;
        foreach (var held in (int[])[1_000_000, 100])
        {
            using var test = new TestState(TestState.Default with { WindowMs = 60_000, PendingTracesHeld = held });
            test.SetPolicy(1, new SimulatedRule(RuleSubject.Any, 0, "", 0, new(SamplingActionKind.Throughput, 20, ["route"], false)));
            for (var epoch = 0; epoch < 10; epoch++)
            {
                test.Append([.. Enumerable.Range(epoch * 1_000, 1_000).Select(trace => test.Event(TestState.TraceId(trace + 1), route: trace % 10 == 0 ? "/pay" : "/"))]);
                test.Tick(10_000);
                test.Pump();
                test.Cut();
                if (epoch % 3 == 2)
                {
                    test.Crash();
                    test.Pump();
                }
            }

            test.Tick(120_000);
            test.Pump();
            Assert.Equal(10 * 200, test.Kept().Count, 10d);
            withRoom ??= test.Kept();
            Assert.Equal(withRoom, test.Kept());
        }
    }

    private static List<(string Reason, double Rate, string Key)> Meta(TestState test)
    {
        var snapshot = test.State.Snapshot();
        var rows = new List<(string, double, string)>();
        foreach (var segment in snapshot.Blocks.Select(info => (IRowSegment)snapshot.BlockReader.Open(info)).Concat(snapshot.HeadBlock))
        {
            for (var row = 0; row < segment.Rows; row++)
            {
                rows.Add((Text(segment, "meta.sample.reason", row), double.Parse(Text(segment, "meta.sample.rate", row), System.Globalization.CultureInfo.InvariantCulture), Text(segment, "meta.sample.key", row)));
            }
        }

        return rows;
    }

    private static string Text(IRowSegment segment, string field, int row)
    {
        var columns = new List<ColumnVector>();
        segment.GetColumns(field, columns);
        var column = Assert.Single(columns, column => column.Has(row));
        return column.Value(column.Rank(row)).ToString();
    }
}
