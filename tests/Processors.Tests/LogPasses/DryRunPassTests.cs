using System.Text;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.LogPasses;
using StreamObserve.Simulation;
using StreamObserve.Storage;

namespace StreamObserve.Processors.Tests.LogPasses;

public sealed class DryRunPassTests : IDisposable
{
    private const string ByRoute = """{"rules":[{"name":"errors","conditions":[{"field":"error","op":"=","value":true}],"keep":true},{"name":"rest","sampler":{"type":"dynamic","goal_rate":4,"key":["route"]}}]}""";

    private readonly string _folder = Path.Combine(Directory.CreateTempSubdirectory("dry-run-").FullName, "store");
    private readonly CutScheduler _cuts = new();

    public static TheoryData<string> AnyPolicy =>
    [
        ByRoute,
        """{"rules":[{"name":"one in 3","rate":3}]}""",
        """{"rules":[{"name":"goal","sampler":{"type":"throughput","goal_per_second":1.5,"key":["route","dataset"]}}]}""",
        """{"window":"1s","policies":[{"name":"errors","type":"status_code","status_code":{"status_codes":["ERROR"]}},{"name":"slow","type":"latency","latency":{"threshold_ms":1500}},{"name":"some","type":"rate_limiting","rate_limiting":{"spans_per_second":1}}]}""",
    ];

    /// <summary>What is tried decides as what is in force: the same rows by the same rules, in whatever batches and with whatever late rows.</summary>
    [Theory]
    [MemberData(nameof(AnyPolicy))]
    public void WhatIsTriedIsWhatItWouldHaveBeen(string policy) =>
        Gen.Int[0, 1_000_000].Sample(
            seed =>
            {
                var random = new Random(seed);
                using var test = new TestState(TestState.Default with { BlockRows = 16 });
                test.SetPolicy(1, policy);
                test.Tick(20_000);      // whose window it sets is past
                for (var round = 0; round < 12; round++)
                {
                    test.Append([.. Enumerable.Range(0, random.Next(1, 15)).Select(_ => test.Event(
                        random.Next(4) == 0 ? null : TestState.TraceId((round * 3) + random.Next(1, 20)), random.Next(3) == 0, random.Next(3) == 0 ? "/pay" : "/", random.Next(9) == 0, random.Next(2_000)))]);
                    test.Tick(random.Next(100, 4_000));
                }

                test.Tick(60_000);
                test.Pump();
                var all = test.Log.Records.Sum(record => record.Events.Count);
                var done = Run(test, policy, 0, long.MaxValue / 2, ["route", "n", "absent"]);
                Assert.Equal((all, test.Kept().Count), (done.All.Rows, done.All.Kept));
                var kept = done.Fields[1].Values.Where(value => value.Count.Kept > 0).Select(value => long.Parse(value.Value, System.Globalization.CultureInfo.InvariantCulture)).Order();
                Assert.Equal(test.Kept(), kept);
                Assert.Equal(done.All, done.Fields[0].Values.Aggregate(default(DryRunCount), (sum, value) => sum + value.Count));
                Assert.Equal(done.All, done.Groups.Aggregate(default(DryRunCount), (sum, group) => sum + group.Count));
                Assert.Equal(
                    test.Meta("meta.sample.reason").GroupBy(reason => reason).Select(group => (group.Key, (long)group.Count())).Order(),
                    done.Groups.Where(group => group.Count.Kept > 0).GroupBy(group => group.Reason).Select(group => (group.Key, group.Sum(part => part.Count.Kept))).Order());
                Assert.Equal(test.Meta("meta.sample.rate").Sum(rate => double.Parse(rate, System.Globalization.CultureInfo.InvariantCulture)), done.Weight, 1e-6);
                Assert.Empty(done.Fields[2].Values);
            },
            iter: 25,
            threads: 1);

    [Fact]
    public void OnlyRowsOfTheTimeAndTheDatasetAreCounted()
    {
        using var test = new TestState();
        foreach (var dataset in (string[])["shop", "cart"])
        {
            test.Append([.. Enumerable.Range(0, 10).Select(_ => test.Event(dataset: dataset))]);
        }

        test.Tick(30_000);
        test.Append([.. Enumerable.Range(0, 5).Select(_ => test.Event())]);
        test.Tick(30_000);
        var done = Run(test, """{"rules":[{"name":"none","drop":true}]}""", TestState.StartMs, TestState.StartMs + 10_000, ["route"], "shop");
        Assert.Equal(new DryRunCount(10, 0), done.All);
        Assert.Equal("rules/trace/none", Assert.Single(done.Groups).Reason);
        Assert.Equal((TestState.StartMs, TestState.StartMs), (done.Reach.FromMs, done.Reach.ToMs));
        Assert.Equal(new DryRunCount(25, 0), Run(test, """{"rules":[{"name":"none","drop":true}]}""", 0, long.MaxValue / 2, []).All);
    }

    /// <summary>What has not had its window is not guessed at: the log's end decides nothing.</summary>
    [Fact]
    public void WhatHasNotHadItsWindowIsNotCounted()
    {
        using var test = new TestState();
        test.Append(test.Event(TestState.TraceId(1)));
        test.Tick(20_000);
        test.Append(test.Event(TestState.TraceId(2)));
        test.Tick(1_000);
        var done = Run(test, """{"rules":[{"name":"none","drop":true}]}""", TestState.StartMs, TestState.StartMs + 60_000, []);
        Assert.Equal((new DryRunCount(1, 0), TestState.StartMs), (done.All, done.Reach.ToMs));
    }

    [Fact]
    public void ATraceThatBeganBeforeTheTimeIsDecidedAsAWhole()
    {
        using var test = new TestState();
        test.Append(test.Event(TestState.TraceId(1), isError: true));
        test.Tick(3_000);
        test.Append(test.Event(TestState.TraceId(1), isRoot: false));
        test.Tick(30_000);
        var done = Run(test, """{"policies":[{"name":"errors","type":"status_code","status_code":{"status_codes":["ERROR"]}}]}""", TestState.StartMs + 2_000, TestState.StartMs + 60_000, []);
        Assert.Equal(new DryRunCount(1, 1), done.All);
    }

    [Fact]
    public void ValuesAndKeysAreBounded()
    {
        using var test = new TestState(TestState.Default with { FoldRows = 1_000_000 });
        for (var batch = 0; batch < 5; batch++)
        {
            test.Append([.. Enumerable.Range(batch * 1_000, 1_000).Select(i => test.Event(TestState.TraceId(i), durationMs: i))]);
        }

        test.Tick(30_000);
        var done = Run(test, """{"rules":[{"name":"by","sampler":{"type":"dynamic","goal_rate":2,"key":["duration_ms"]}}]}""", 0, long.MaxValue / 2, ["duration_ms"]);
        Assert.Equal((Limits.DryRunValuesMax, 5_000 - Limits.DryRunValuesMax), (done.Fields[0].Values.Count, done.Fields[0].Others.Rows));
        Assert.InRange(done.Groups.Count, Limits.DryRunGroupsMax, Limits.DryRunGroupsMax + 1);
        Assert.Equal(5_000, done.All.Rows);
    }

    public void Dispose()
    {
        _cuts.Dispose();
        Directory.Delete(Path.GetDirectoryName(_folder)!, recursive: true);
    }

    private DryRunDone Run(TestState test, string policy, long fromMs, long toMs, IReadOnlyList<string> fields, string dataset = "")
    {
        Assert.True(SamplingPolicy.TryParse(Encoding.UTF8.GetBytes(policy), SamplingPolicy.DefaultDataset, out var parsed, out _));
        Assert.True(SamplingPolicySet.Empty.TryWith(SamplingPolicy.DefaultDataset, parsed, out var set, out _));
        var question = new DryRun(0, 1, dataset, set, test.Settings.WindowMs, 1, fromMs, toMs, fields) { UntilOffset = test.Log.End };
        var done = new DryRunPass(question, new SimulatedBatchLog(test.Log), _folder, _cuts, TimeProvider.System, NullLogger.Instance).Run(CancellationToken.None);
        Assert.False(Directory.Exists(_folder));
        return done;
    }
}
