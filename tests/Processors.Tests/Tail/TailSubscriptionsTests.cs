using System.Text;
using Microsoft.Extensions.Time.Testing;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Processors.Tail;
using StreamObserve.Simulation;

namespace StreamObserve.Processors.Tests.Tail;

public sealed class TailSubscriptionsTests : global::Akka.TestKit.Xunit.TestKit
{
    private static readonly TimeSpan ForgetAfter = TimeSpan.FromSeconds(15);
    private static readonly Condition Errors = new Condition.Match("error", FilterOp.Equal, [FieldValue.Of(true)]);

    private readonly FakeTimeProvider _time = new();
    private readonly TailSubscriptions _tails;

    public TailSubscriptionsTests() => _tails = new(3, _time, ForgetAfter);

    [Fact]
    public async Task OnlyMatchingRowsAreSentWithTheirOffset()
    {
        Assert.Null(_tails.Add(Subscribe(1, Errors, 100), TestActor));
        _tails.OnBatch(41, Batch(4, isError: false));
        _tails.OnBatch(42, Batch(3, isError: true));
        var rows = await ExpectMsgAsync<TailRows>();

        Assert.Equal((3, 1L, 42L, 3L), (rows.Partition, rows.SubscriptionId, rows.Offset, rows.Matched));
        Assert.Equal(3, rows.Rows.Count);
        Assert.All(rows.Rows, row => Assert.Contains("\"error\":true", Encoding.UTF8.GetString(row.Json), StringComparison.Ordinal));
        Assert.True(rows.Calculated.IsEmpty);
        await ExpectNoMsgAsync(TimeSpan.Zero);
    }

    [Fact]
    public void AFilterOnRelatedSpansIsRefused()
    {
        Assert.Contains("root.name", _tails.Add(Subscribe(1, new Condition.Match("root.name", FilterOp.Exists, []), 100), TestActor), StringComparison.Ordinal);
        Assert.Equal(0, _tails.Count);
    }

    [Fact]
    public async Task PastItsRateRowsAreCountedAndNotSentUntilTimePasses()
    {
        _tails.Add(Subscribe(1, null, 10), TestActor);
        _tails.OnBatch(1, Batch(8));
        _tails.OnBatch(2, Batch(8));
        _tails.OnBatch(3, Batch(8));
        _time.Advance(TimeSpan.FromMilliseconds(500));
        _tails.OnBatch(4, Batch(8));
        _time.Advance(TimeSpan.FromHours(1));
        _tails.OnBatch(5, Batch(30));

        // A bucket of one second's rate: 8 of 10, 2, none; half a second later 5; after an hour no more than 10.
        foreach (var (matched, sent) in ((long, int)[])[(8, 8), (8, 2), (8, 0), (8, 5), (30, 10)])
        {
            var rows = await ExpectMsgAsync<TailRows>();
            Assert.Equal((matched, sent), (rows.Matched, rows.Rows.Count));
        }
    }

    [Fact]
    public async Task OneBatchSendsNoMoreThanTheLimit()
    {
        _tails.Add(Subscribe(1, null, 1_000_000), TestActor);
        _tails.OnBatch(1, Batch(Limits.TailRowsPerBatchMax + 7));
        var rows = await ExpectMsgAsync<TailRows>();

        Assert.Equal(Limits.TailRowsPerBatchMax + 7, rows.Matched);
        Assert.Equal(Limits.TailRowsPerBatchMax, rows.Rows.Count);
    }

    [Fact]
    public async Task CalculationsAreOverAllThatMatchedWhateverTheRate()
    {
        _tails.Add(Subscribe(1, null, 1) with { Calculations = [Calculation.Count] }, TestActor);
        _tails.OnBatch(1, Batch(50));
        var rows = await ExpectMsgAsync<TailRows>();

        Assert.Single(rows.Rows);
        var plan = new Core.Querying.Execution.LeafPlan("shop", new(), new(long.MinValue / 2, long.MaxValue / 2, int.MaxValue));
        var result = new Core.Querying.Execution.PartialResult(plan);
        result.Import(rows.Calculated.Span);
        Assert.Equal(50, Enumerable.Range(0, result.Cells).Sum(result.Count.Rows));
    }

    [Fact]
    public void AtTheLimitANewTailIsRefusedAndAKnownOneReplaced()
    {
        for (var id = 0; id < Limits.TailsMax; id++)
        {
            Assert.Null(_tails.Add(Subscribe(id, null, 1), TestActor));
        }

        Assert.Contains($"{Limits.TailsMax}", _tails.Add(Subscribe(Limits.TailsMax, null, 1), TestActor), StringComparison.Ordinal);
        Assert.Null(_tails.Add(Subscribe(0, Errors, 1), TestActor));
        Assert.Equal(Limits.TailsMax, _tails.Count);
        _tails.Remove(5);
        Assert.Null(_tails.Add(Subscribe(Limits.TailsMax, null, 1), TestActor));
    }

    [Fact]
    public void ATailThatNobodyRenewsIsForgotten()
    {
        _tails.Add(Subscribe(1, null, 1), TestActor);
        _tails.Add(Subscribe(2, null, 1), TestActor);
        _time.Advance(ForgetAfter);
        Assert.True(_tails.Renew(2));
        _tails.Expire();
        Assert.Equal(2, _tails.Count);
        _time.Advance(TimeSpan.FromTicks(1));
        _tails.Expire();

        Assert.False(_tails.Renew(1));
        Assert.True(_tails.Renew(2));
        Assert.Equal(1, _tails.Count);
    }

    private static TailSubscribe Subscribe(long id, Condition? filter, int rate) => new(3, id, "shop", filter, rate, [], null);

    private static EventBatch Batch(int rows, bool isError = false)
    {
        var events = Enumerable.Range(1, rows).Select(n => new SimulatedEvent(n, "shop", null, true, "/", isError, n, 1, TestState.StartMs)).ToList();
        return new EventBatchReader().Read(Assert.Single(SimulatedLog.Encode(new EventRouter(1), events)).Value);
    }
}
