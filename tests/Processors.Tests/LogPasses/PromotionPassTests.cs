using System.Text.Json;
using CsCheck;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Processors.LogPasses;
using StreamObserve.Processors.Queries;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.LogPasses;

public class PromotionPassTests
{
    private const long StartNs = TestState.StartMs * 1_000_000;

    private static readonly SimulatedRule Errors = new(RuleSubject.Error, 0, "", 1);
    private static readonly SimulatedRule Nothing = new(RuleSubject.Any, 0, "", 0);

    [Fact]
    public async Task ADroppedTraceComesBackWholeAndMarkedAndNoCalculationSeesIt()
    {
        using var test = new TestState();
        test.SetPolicy(1, Errors, Nothing);
        test.Append(test.Event(TestState.TraceId(1)), test.Event(TestState.TraceId(2), isError: true));
        test.Append(test.Event(TestState.TraceId(1), isRoot: false), test.Event(TestState.TraceId(3)));
        test.Tick(20_000);
        test.Pump();
        var before = test.State.Snapshot();
        Assert.Empty((await TraceAsync(test, 1)).Rows);

        var answer = Promote(test, TestState.TraceId(1));
        Assert.Equal((2, 0, 0, 1), (answer.Promoted, answer.Already, answer.Kept, answer.Traces));
        Assert.Equal([TestState.TraceId(1)], answer.TraceIds);
        var found = await TraceAsync(test, 1);
        Assert.Equal((2, 2, false), (found.Rows.Count, found.Arrived, found.Kept));
        Assert.All(found.Rows, row => Assert.True(JsonDocument.Parse(row.Json).RootElement.GetProperty("meta.sample.promoted").GetBoolean()));
        var after = test.State.Snapshot();
        Assert.Equal(before.Blocks, after.Blocks);
        Assert.Equal(before.HeadBlock, after.HeadBlock);
        Assert.Equal([2L], test.Kept());
    }

    [Fact]
    public async Task EachRowComesBackOnceEvenOverARestart()
    {
        using var test = new TestState();
        test.SetPolicy(1, Errors, Nothing);
        test.Append(test.Event(TestState.TraceId(1)), test.Event(TestState.TraceId(1), isRoot: false), test.Event(TestState.TraceId(2), isError: true), test.Event(route: "/pay"));
        test.Tick(20_000);
        test.Pump();
        Assert.Equal(2, (Promote(test, TestState.TraceId(1))).Promoted);
        Assert.Equal((0, 2), ((Promote(test, TestState.TraceId(1))) is var again ? (again.Promoted, again.Already) : default));
        test.Cut();
        test.Crash();
        test.Pump();
        Assert.Equal(2, (await TraceAsync(test, 1)).Rows.Count);

        // By a condition that all meet: what has come back, what was kept, and the one row that is left.
        var all = Promote(test, where: "route exists");
        Assert.Equal((1, 2, 1), (all.Promoted, all.Already, all.Kept));
        test.Crash();       // before a cut
        test.Pump();
        Assert.Equal(1, (Promote(test, where: "route exists")).Promoted);
    }

    [Fact]
    public async Task AConditionBringsWholeTracesBack()
    {
        using var test = new TestState();
        test.SetPolicy(1, Nothing);
        test.Append(test.Event(TestState.TraceId(1)), test.Event(TestState.TraceId(2)), test.Event(route: "/pay"), test.Event());
        test.Append(test.Event(TestState.TraceId(1), isRoot: false, route: "/pay"));
        test.Append(test.Event(TestState.TraceId(1), isRoot: false));
        test.Tick(20_000);
        test.Pump();

        var answer = Promote(test, where: "route = \"/pay\"");
        Assert.Equal((4, 1), (answer.Promoted, answer.Traces));
        Assert.Equal(3, (await TraceAsync(test, 1)).Rows.Count);
        Assert.Empty((await TraceAsync(test, 2)).Rows);
    }

    [Fact]
    public void RowsThatAreAlikeComeBackAsOftenAsTheyWereDropped()
    {
        using var test = new TestState();
        var e = test.Event(route: "/pay");
        test.Append(e);
        test.Tick(20_000);
        test.SetPolicy(1, Nothing);
        test.Append(e);
        test.Append(e);
        test.Tick(20_000);
        test.Pump();
        var answer = Promote(test, where: "route = \"/pay\"");
        Assert.Equal((2, 1), (answer.Promoted, answer.Kept));
    }

    /// <summary>A block has one column for a field whose batches have whole numbers here and fractions there.</summary>
    [Fact]
    public void RowsAreKnownAgainInWhateverFormTheyAreStored()
    {
        using var test = new TestState(TestState.Default with { BlockRows = 4 });
        string[] lines = ["{\"v\":3,\"t\":\"00ff\"}", "{\"v\":2.5,\"t\":\"x\"}", "{\"v\":-0.0,\"t\":\"\"}", "{\"v\":true}", "{\"v\":9007199254740993}"];
        foreach (var line in lines)
        {
            test.AppendJson(line);
        }

        test.Tick(20_000);
        test.Pump();
        Assert.NotEmpty(test.State.Snapshot().Blocks);
        var answer = Promote(test, where: "n does-not-exist");
        Assert.Equal((0, 0, lines.Length), (answer.Promoted, answer.Already, answer.Kept));
    }

    [Fact]
    public void WhatIsNotDecidedYetIsLeftAlone()
    {
        using var test = new TestState();
        test.SetPolicy(1, Nothing);
        test.Append(test.Event(TestState.TraceId(1)));
        test.Tick(20_000);
        test.Append(test.Event(TestState.TraceId(2)));
        test.Pump();
        Assert.Equal(1, (Promote(test, where: "route exists")).Promoted);
    }

    [Fact]
    public void WhatTheLogHasLostIsSaid()
    {
        using var test = new TestState();
        test.SetPolicy(1, Nothing);
        test.Append(test.Event(TestState.TraceId(1)));
        test.Tick(20_000);
        test.Append(test.Event(TestState.TraceId(2)));
        test.Tick(20_000);
        test.Pump();
        Assert.False((Promote(test, TestState.TraceId(9))).Reach.IsTruncated);
        test.Log.TruncateBefore(test.Log.Records[3].Offset);
        var answer = Promote(test, where: "route exists");
        Assert.Equal((1, true, TestState.StartMs + 20_000), (answer.Promoted, answer.Reach.IsTruncated, answer.Reach.FromMs));
    }

    [Fact]
    public void PastItsBoundsItStopsAndSaysSo()
    {
        using var test = new TestState(TestState.Default with { BlockRows = 1_000_000, FoldRows = 1_000_000 });
        test.SetPolicy(1, Nothing);
        for (var batch = 0; batch < 21; batch++)
        {
            test.Append([.. Enumerable.Range(0, 5_000).Select(_ => test.Event())]);
        }

        test.Tick(20_000);
        test.Pump();
        var answer = Promote(test, where: "route exists");
        Assert.InRange(answer.Promoted, Limits.PromotedRowsMax, Limits.PromotedRowsMax + 5_000);
        Assert.Contains("100000 events", answer.Reach.Stopped, StringComparison.Ordinal);
        Assert.InRange((Promote(test, where: $"n > {20 * 5_000}")).Promoted, 0, 5_000);
    }

    /// <summary>Whatever is sampled and however often it is asked, what is kept and what has come back are together all that was decided, each row once.</summary>
    [Fact]
    public void KeptAndBroughtBackAreAllThereIs() =>
        Gen.Select(Gen.Int[0, 1_000_000], Gen.Int[1, 4]).Sample(
            (seed, rounds) =>
            {
                var random = new Random(seed);
                using var test = new TestState(TestState.Default with { BlockRows = 16 });
                test.SetPolicy(1, Errors, new(RuleSubject.Any, 0, "", 3));
                for (var round = 0; round < rounds; round++)
                {
                    for (var batch = random.Next(1, 5); batch > 0; batch--)
                    {
                        test.Append([.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => test.Event(
                            random.Next(4) == 0 ? null : TestState.TraceId(random.Next(1, 20)), random.Next(3) == 0, random.Next(2) == 0 ? "/pay" : "/", random.Next(6) == 0, random.Next(2_000)))]);
                    }

                    test.Tick(20_000);
                    test.Pump();
                    if (random.Next(2) == 0)
                    {
                        Promote(test, where: "route = \"/pay\"");
                    }

                    test.Cut();
                    test.Crash();
                    test.Pump();
                }

                Promote(test, where: "route exists");
                var snapshot = test.State.Snapshot();
                var back = snapshot.Promoted.SelectMany(info => SegmentRows.NumbersOf(snapshot.BlockReader.Open(info)));
                Assert.Equal(test.Log.Records.SelectMany(record => record.Events).Select(e => e.Number).Order(), test.Kept().Concat(back).Order());
            },
            iter: 40,
            threads: 1);

    private static PromoteDone Promote(TestState test, string trace = "", string where = "")
    {
        Condition? condition = null;
        if (where.Length > 0)
        {
            Assert.True(ConditionText.Parse(where).TryGet(out condition, out var errors), errors?.Count > 0 ? errors[0].Message : "");
        }

        var question = new Contracts.Messages.Promote(0, 1, trace, "__all__", new() { Where = condition }, StartNs - 1, StartNs + 3_600_000_000_000);
        var (rows, answer) = new PromotionPass(question, test.State.Snapshot(), new SimulatedBatchLog(test.Log), TimeProvider.System).Run(CancellationToken.None);
        Assert.Equal(answer.Promoted, rows.Sum(batch => batch.Rows));
        if (rows.Count > 0)
        {
            test.State.Promote(rows);
        }

        return answer;
    }

    private static Task<TraceFound> TraceAsync(TestState test, int trace) =>
        TraceReader.FindAsync(new(0, 1, ColumnBlockWriter.TraceIdField, TestState.TraceId(trace)), test.State.Snapshot(), test.State.Traces, new ScanGate());
}
