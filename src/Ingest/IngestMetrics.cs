using System.Diagnostics.Metrics;

namespace StreamObserve.Ingest;

/// <summary>What the ingest role counts, as meter <c>StreamObserve.Ingest</c>. Only what was committed counts as records and events. Thread-safe.</summary>
public sealed class IngestMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "StreamObserve.Ingest";

    private readonly Meter _meter;
    private readonly Counter<long> _records;
    private readonly Counter<long> _events;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _transactions;
    private readonly Counter<long> _aborted;
    private readonly Counter<long> _lost;
    private readonly Counter<long> _ticks;
    private readonly Counter<long> _doorAnswers;
    private long _lag;

    /// <summary>Makes the instruments.</summary>
    public IngestMetrics()
    {
        _meter = new Meter(MeterName);
        _records = _meter.CreateCounter<long>("streamobserve.ingest.records", "{record}", "Records taken from the input topics, and requests taken by the HTTP door.");
        _events = _meter.CreateCounter<long>("streamobserve.ingest.events", "{event}", "Events written to the batches log.");
        _refused = _meter.CreateCounter<long>("streamobserve.ingest.refused", "{event}", "Events that could not be decoded, by reason.");
        _transactions = _meter.CreateCounter<long>("streamobserve.ingest.transactions", "{transaction}", "Committed transactions, by door.");
        _aborted = _meter.CreateCounter<long>("streamobserve.ingest.transactions.aborted", "{transaction}", "Transactions that were aborted and done again or answered with 503, by door.");
        _lost = _meter.CreateCounter<long>("streamobserve.ingest.lost", "{record}", "Input records that retention took before they were read.");
        _ticks = _meter.CreateCounter<long>("streamobserve.ingest.ticks", "{record}", "Control records written by the pacemaker.");
        _doorAnswers = _meter.CreateCounter<long>("streamobserve.ingest.door.answers", "{request}", "Answers of the HTTP door, by status.");
        _meter.CreateObservableGauge("streamobserve.ingest.lag", () => Interlocked.Read(ref _lag), "{record}", "Records in the assigned input partitions that are not committed yet.");
    }

    /// <summary>Input records behind the ends of the assigned partitions, as last seen.</summary>
    public long Lag
    {
        get => Interlocked.Read(ref _lag);
        set => Interlocked.Exchange(ref _lag, value);
    }

    /// <summary>A transaction was committed.</summary>
    public void Committed(string door, long records, long events)
    {
        _records.Add(records, new KeyValuePair<string, object?>("door", door));
        _events.Add(events, new KeyValuePair<string, object?>("door", door));
        _transactions.Add(1, new KeyValuePair<string, object?>("door", door));
    }

    /// <summary>A transaction was aborted.</summary>
    public void Aborted(string door) => _aborted.Add(1, new KeyValuePair<string, object?>("door", door));

    /// <summary>An event was refused, for good.</summary>
    public void Refused(string reason) => _refused.Add(1, new KeyValuePair<string, object?>("reason", reason));

    /// <summary>Input records are gone.</summary>
    public void Lost(long records) => _lost.Add(records);

    /// <summary>A control record was written.</summary>
    public void ControlRecordWritten() => _ticks.Add(1);

    /// <summary>The HTTP door answered.</summary>
    public void Answered(int status) => _doorAnswers.Add(1, new KeyValuePair<string, object?>("status", status));

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();
}
