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
    private readonly Histogram<double> _resultDelay;
    private readonly Counter<long> _resultsUnwritten;

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
        _resultDelay = meter.CreateHistogram(
            "streamobserve.query.results.delay",
            "s",
            "time from an answer to its being on the log",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 120] });
        _resultsUnwritten = meter.CreateCounter<long>("streamobserve.query.results.unwritten", "{result}", "answers that could not be written to the log: their links end with the process");
    }

    /// <summary>A request begins.</summary>
    public void Begin() => _running.Add(1);

    /// <summary>A request has ended: <paramref name="kind"/> is query, bubbleup, trace, catalog, sampling, result, marker or honeycomb; <paramref name="status"/> the HTTP status.</summary>
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

    /// <summary>An answer is on the log, so long after it was given.</summary>
    public void ResultWritten(TimeSpan delay) => _resultDelay.Record(delay.TotalSeconds);

    /// <summary>An answer could not be written to the log.</summary>
    public void ResultUnwritten() => _resultsUnwritten.Add(1);
}
