using System.Diagnostics.Metrics;

namespace StreamObserve.Processors;

/// <summary>What the processor role counts; exported as Prometheus text at /metrics.</summary>
public sealed class ProcessorMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "StreamObserve.Processor";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _cuts;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _leafQueries;
    private readonly Histogram<double> _cutSeconds;
    private readonly Histogram<double> _leafSeconds;

    /// <summary>Makes the instruments.</summary>
    public ProcessorMetrics()
    {
        _cuts = _meter.CreateCounter<long>("streamobserve.processor.cuts", description: "cuts made durable");
        _failures = _meter.CreateCounter<long>("streamobserve.processor.failures", description: "partitions that stopped and were opened again, by reason");
        _leafQueries = _meter.CreateCounter<long>("streamobserve.processor.leaf_queries", description: "leaf queries answered, by outcome");
        _cutSeconds = _meter.CreateHistogram<double>("streamobserve.processor.cut.duration", "s", "from the capture of a cut to its being durable");
        _leafSeconds = _meter.CreateHistogram<double>("streamobserve.processor.leaf_query.duration", "s", "from the arrival of a leaf query to its answer");
    }

    /// <summary>Registers gauges that are read when metrics are exported; <paramref name="read"/> gives one value a partition.</summary>
    public void Observe(string name, string description, Func<IEnumerable<Measurement<long>>> read) =>
        _meter.CreateObservableGauge("streamobserve.processor." + name, read, description: description);

    /// <summary>A cut is durable.</summary>
    public void CutDone(TimeSpan took)
    {
        _cuts.Add(1);
        _cutSeconds.Record(took.TotalSeconds);
    }

    /// <summary>A partition failed and will be opened again.</summary>
    public void PartitionFailed(string reason) => _failures.Add(1, new KeyValuePair<string, object?>("reason", reason));

    /// <summary>A leaf query was answered.</summary>
    public void LeafQueryDone(string outcome, TimeSpan took)
    {
        _leafQueries.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
        _leafSeconds.Record(took.TotalSeconds);
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();
}
