using System.Diagnostics.Metrics;

namespace StreamObserve.QueryNode;

/// <summary>What the HTTP face of role query counts, on the meter <see cref="MeterName"/>. Any thread.</summary>
public sealed class QueryMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "StreamObserve.Query";

    private readonly Counter<long> _requests;
    private readonly Histogram<double> _duration;
    private readonly UpDownCounter<long> _running;
    private readonly UpDownCounter<long> _tailSubscribers;
    private readonly Counter<long> _tailRowsSent;
    private readonly Counter<long> _tailRowsSkipped;

    /// <param name="meters">Makes and owns the meter.</param>
    public QueryMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        _requests = meter.CreateCounter<long>("streamobserve.query.requests", "{request}", "requests for answers, by kind and status (499 = the client went away)");
        _duration = meter.CreateHistogram<double>("streamobserve.query.duration", "s", "time from a request's arrival to its answer's last byte, by kind");
        _running = meter.CreateUpDownCounter<long>("streamobserve.query.running", "{request}", "requests being answered or waiting for their turn");
        _tailSubscribers = meter.CreateUpDownCounter<long>("streamobserve.query.tail.subscribers", "{subscriber}", "live tails");
        _tailRowsSent = meter.CreateCounter<long>("streamobserve.query.tail.rows_sent", "{row}", "rows written to live tails");
        _tailRowsSkipped = meter.CreateCounter<long>("streamobserve.query.tail.rows_skipped", "{row}", "matching rows that a rate or a slow reader kept from its tail");
    }

    /// <summary>A request begins.</summary>
    public void Begin() => _running.Add(1);

    /// <summary>A request has ended: <paramref name="kind"/> is query, bubbleup, trace, catalog or sampling; <paramref name="status"/> the HTTP status.</summary>
    public void End(string kind, int status, TimeSpan elapsed)
    {
        _running.Add(-1);
        _requests.Add(1, new("kind", kind), new("status", status));
        _duration.Record(elapsed.TotalSeconds, new KeyValuePair<string, object?>("kind", kind));
    }

    /// <summary>A tail began (1) or ended (-1).</summary>
    public void TailSubscribers(int change) => _tailSubscribers.Add(change);

    /// <summary>Rows of a tail since the last report.</summary>
    public void TailRows(long sent, long skipped)
    {
        _tailRowsSent.Add(sent);
        _tailRowsSkipped.Add(skipped);
    }
}
