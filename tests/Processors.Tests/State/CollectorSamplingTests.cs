using StreamObserve.Processors.State;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.State;

/// <summary>Policies of the Collector's types in a partition.</summary>
public class CollectorSamplingTests
{
    private static PartitionSettings TenSeconds { get; } = TestState.Default with { WindowMs = 10_000 };

    [Fact]
    public void KeptRowsNameThePolicyAndTheirRate()
    {
        using var test = new TestState(TenSeconds);
        test.SetPolicy(1, """
            {"policies":[{"name":"errors","type":"status_code","status_code":{"status_codes":["ERROR"]}},
              {"name":"budget","type":"composite","composite":{"max_total_spans_per_second":2,"composite_sub_policy":[{"name":"rest","type":"always_sample"}]}}]}
            """);
        test.Tick(20_000 - (TestState.StartMs % 10_000));
        test.Append([.. Enumerable.Range(1, 200).Select(trace => test.Event(TestState.TraceId(trace), isError: trace <= 10))]);
        test.Tick(60_000);
        test.Pump();

        var reasons = test.Meta("meta.sample.reason").Zip(test.Meta("meta.sample.rate")).GroupBy(row => row).ToDictionary(row => row.Key, row => row.Count());
        Assert.Equal(10, reasons[("policies/errors", "1")]);
        Assert.InRange(reasons[("policies/budget/rest", "10")], 15, 20);      // of 20, some of them errors, which are kept as such
        Assert.Equal(2, reasons.Count);
    }

    [Fact]
    public void ATracesLatencyIsThatOfAllItsRowsInTheWindow()
    {
        using var test = new TestState();
        test.SetPolicy(1, """{"policies":[{"name":"slow","type":"latency","latency":{"threshold_ms":3000}}]}""");
        test.Append(test.Event(TestState.TraceId(1), durationMs: 10), test.Event(TestState.TraceId(2), durationMs: 10), test.Event(TestState.TraceId(3), durationMs: 3_000));
        test.Append(test.Event(durationMs: 2_999), test.Event(durationMs: 3_000));      // of a row without a trace: its own
        test.Tick(2_990);
        test.Append(test.Event(TestState.TraceId(1), isRoot: false, durationMs: 10), test.Event(TestState.TraceId(2), isRoot: false, durationMs: 9));
        test.Tick(60_000);
        test.Pump();
        Assert.Equal([1, 3, 5, 6], test.Kept());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ALimitOfBytesIsReached(bool hasTrace)
    {
        using var test = new TestState(TenSeconds);
        test.SetPolicy(1, """{"policies":[{"name":"bytes","type":"bytes_limiting","bytes_limiting":{"bytes_per_second":1000}}]}""");
        test.Tick(20_000 - (TestState.StartMs % 10_000));
        var events = Enumerable.Range(1, 2_000).Select(i => test.Event(hasTrace ? TestState.TraceId(i) : null)).ToList();
        test.Append(events);
        var bytes = BytesOf(events);
        test.Tick(60_000);
        test.Pump();

        var kept = test.Kept().Count;
        Assert.InRange(kept * bytes, 10_000 * (hasTrace ? 0.98 : 0.6), 10_000 * (hasTrace ? 1.02 : 1.4));
        Assert.All(test.Meta("meta.sample.rate"), rate => Assert.Equal(2_000 * bytes / 10_000, double.Parse(rate, System.Globalization.CultureInfo.InvariantCulture), 1e-9));

        static double BytesOf(List<SimulatedEvent> events) =>
            events.Average(e => "n".Length + 8 + "route".Length + e.Route.Length + "duration_ms".Length + 8 + (e.TraceId is null ? 0 : "trace.trace_id".Length + e.TraceId.Length));
    }

    [Fact]
    public void WhatNoPolicySamplesIsCountedByNobody()
    {
        using var test = new TestState();
        test.SetPolicy(1, """{"policies":[{"name":"some","type":"probabilistic","probabilistic":{"sampling_percentage":50}}]}""");
        // Of ids that differ in their last bits alone this hash keeps all or none.
        test.Append([.. Enumerable.Range(1, 50).Select(trace => test.Event($"{(ulong)trace * 0x9E3779B97F4A7C15UL:x16}{trace:x16}"))]);
        test.Tick(60_000);
        test.Pump();
        Assert.InRange(test.Kept().Count, 10, 40);
        Assert.False(test.State.Snapshot().HasUncountedDrops);

        test.SetPolicy(2, """{"policies":[{"name":"errors","type":"status_code","status_code":{"status_codes":["ERROR"]}}]}""");
        test.Append(test.Event(TestState.TraceId(100)));
        test.Tick(60_000);
        test.Pump();
        Assert.True(test.State.Snapshot().HasUncountedDrops);
    }
}
