using Akka.Actor;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Processors.State;

namespace StreamObserve.Processors.Tail;

/// <summary>
/// The live tails of one partition: each batch at the head is filtered once for each, before any sampling. A tail gets at most its rate of rows; the others are
/// counted by the subscriber from what matched. Owned by the partition's actor.
/// </summary>
internal sealed class TailSubscriptions(int partition, TimeProvider time, TimeSpan forgetAfter) : IHeadListener
{
    private static readonly ResolvedTime Always = new(long.MinValue / 2, long.MaxValue / 2, int.MaxValue);
    private readonly Dictionary<long, Subscription> _subscriptions = [];

    public int Count => _subscriptions.Count;

    /// <summary>Adds or replaces a tail; a refusal for people, else null.</summary>
    public string? Add(TailSubscribe subscribe, IActorRef subscriber)
    {
        if (_subscriptions.Count >= Limits.TailsMax && !_subscriptions.ContainsKey(subscribe.SubscriptionId))
        {
            return $"partition {partition} serves {Limits.TailsMax} tails already";
        }

        if (QuerySupport.CheckTail(subscribe.Filter, subscribe.Calculations) is [var error, ..])
        {
            return error.Message;
        }

        _subscriptions[subscribe.SubscriptionId] = new(subscribe, subscriber, time.GetTimestamp());
        return null;
    }

    public bool Renew(long id)
    {
        if (!_subscriptions.TryGetValue(id, out var subscription))
        {
            return false;
        }

        subscription.RenewedAt = time.GetTimestamp();
        return true;
    }

    public void Remove(long id) => _subscriptions.Remove(id);

    /// <summary>Forgets the tails that nobody has renewed.</summary>
    public void Expire()
    {
        foreach (var (id, subscription) in _subscriptions)
        {
            if (time.GetElapsedTime(subscription.RenewedAt) > forgetAfter)
            {
                _subscriptions.Remove(id);
            }
        }
    }

    public void OnBatch(long offset, EventBatch batch)
    {
        foreach (var subscription in _subscriptions.Values)
        {
            Send(subscription, offset, batch);
        }
    }

    /// <summary>Sends one tail a batch from before it began: a resume.</summary>
    public void Replay(long id, long offset, EventBatch batch)
    {
        if (_subscriptions.TryGetValue(id, out var subscription))
        {
            Send(subscription, offset, batch);
        }
    }

    private void Send(Subscription subscription, long offset, EventBatch batch)
    {
        var matching = subscription.Scan.Matching(batch, Always.StartNs, Always.EndNs);
        if (matching.IsEmpty)
        {
            return;
        }

        var allowed = Math.Min(Math.Min(matching.Length, Limits.TailRowsPerBatchMax), subscription.Allowance(time));
        var rows = new (long, byte[])[allowed];
        for (var i = 0; i < allowed; i++)
        {
            rows[i] = (batch.TimesNs[matching[i]], EventJson.Write(batch, matching[i]));
        }

        subscription.Spend(allowed);
        var matched = matching.Length;
        var calculated = ReadOnlyMemory<byte>.Empty;
        if (subscription.Calculates)
        {
            var result = new PartialResult(subscription.Plan);
            using var scan = new RowScan(subscription.Plan, result);
            scan.Add(batch, Always.StartNs, Always.EndNs);
            var writer = new ByteWriter();
            result.Export(writer);
            calculated = writer.WrittenMemory;
        }

        subscription.Subscriber.Tell(new TailRows(partition, subscription.Id, offset, matched, rows, calculated));
    }

    private sealed class Subscription
    {
        private double _tokens;
        private long _filledAt;
        private readonly int _rate;

        public Subscription(TailSubscribe subscribe, IActorRef subscriber, long now)
        {
            Id = subscribe.SubscriptionId;
            Subscriber = subscriber;
            Calculates = subscribe.Calculations.Count > 0;
            Plan = new(subscribe.Dataset, new() { Where = subscribe.Filter, Calculations = Calculates ? subscribe.Calculations : [Calculation.Count] }, Always);
            Scan = new(Plan, new PartialResult(Plan));
            RenewedAt = _filledAt = now;
            _rate = subscribe.RowsPerSecond;
            _tokens = _rate;
        }

        public long Id { get; }

        public IActorRef Subscriber { get; }

        public bool Calculates { get; }

        public LeafPlan Plan { get; }

        public RowScan Scan { get; }

        public long RenewedAt { get; set; }

        /// <summary>Rows that may be sent now: a bucket of one second's rate.</summary>
        public int Allowance(TimeProvider time)
        {
            var now = time.GetTimestamp();
            _tokens = Math.Min(_rate, _tokens + (time.GetElapsedTime(_filledAt, now).TotalSeconds * _rate));
            _filledAt = now;
            return (int)_tokens;
        }

        public void Spend(int rows) => _tokens -= rows;
    }
}
