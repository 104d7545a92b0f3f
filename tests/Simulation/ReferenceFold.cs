using StreamObserve.Core.Sampling;

namespace StreamObserve.Simulation;

/// <summary>
/// What a partition must hold, computed the plain way: all of the log at once, every event remembered, each trace decided by going through its rows. Shares with
/// the system the sampler's hash and the mapping of log time to epochs only.
/// </summary>
internal sealed class ReferenceFold
{
    private readonly List<(SimulatedRecord Record, long LogTimeMs, SimulatedPolicy Policy)> _batches = [];
    private readonly Dictionary<string, Trace> _traces = [];
    private readonly DecisionClock _clock;
    private readonly int _partition;
    private readonly long _headLogTimeMs;

    /// <summary>Folds the records below the head offset.</summary>
    public ReferenceFold(int partition, IEnumerable<SimulatedRecord> records, long head, long windowMs)
    {
        _partition = partition;
        _clock = new(windowMs);
        var policy = SimulatedPolicy.None;
        foreach (var record in records)
        {
            if (record.Offset >= head || record.IsUnseen)
            {
                continue;
            }

            _headLogTimeMs = Math.Max(_headLogTimeMs, record.AppendTimeMs);
            if (record.Policy is { } set && set.Version > policy.Version)
            {
                policy = set;
                _clock.ChangeWindow(_headLogTimeMs, set.WindowMs ?? windowMs);
            }

            if (record.Events.Count > 0)
            {
                _batches.Add((record, _headLogTimeMs, policy));
            }
        }

        foreach (var (record, logTimeMs, policyOfBatch) in _batches)
        {
            AddToTraces(record, logTimeMs, policyOfBatch);
        }
    }

    /// <summary>Batches whose traces are all decided: the trailing cursor must have passed them, and no other.</summary>
    public IEnumerable<SimulatedRecord> Decided()
    {
        var limit = _clock.TrailingLimit(_headLogTimeMs);
        return _batches.Where(batch => batch.LogTimeMs < limit && !batch.Record.IsLostToRows).Select(batch => batch.Record);
    }

    /// <summary>Events in aggregates.</summary>
    public IEnumerable<SimulatedEvent> Counted() => _batches.Where(batch => !batch.Record.IsLostToAggregates).SelectMany(batch => batch.Record.Events);

    /// <summary>Events between the cursors.</summary>
    public IEnumerable<SimulatedEvent> Recent(long trailing) =>
        _batches.Where(batch => batch.Record.Offset >= trailing && !batch.Record.IsLostToRows).SelectMany(batch => batch.Record.Events);

    /// <summary>Kept rows below the trailing cursor and their weights, by number.</summary>
    public Dictionary<long, double> Kept(long trailing)
    {
        var kept = new Dictionary<long, double>();
        foreach (var (record, _, policy) in _batches)
        {
            if (record.Offset >= trailing || record.IsLostToRows)
            {
                continue;
            }

            for (var row = 0; row < record.Events.Count; row++)
            {
                var e = record.Events[row];
                int rate;
                uint hash;
                if (e.TraceId is { } id)
                {
                    var trace = _traces[id];
                    rate = trace.Policy.RateOf(trace.RootDataset ?? trace.FirstDataset, trace.Rows);
                    hash = DeterministicSampler.HashOf(id);
                }
                else
                {
                    rate = policy.RateOf(e.Dataset, [e]);
                    hash = CompiledRules.HashOfPlace(_partition, record.Offset, row);
                }

                if (rate > 0 && DeterministicSampler.Keep(hash, rate))
                {
                    kept.Add(e.Number, (double)e.ClientRate * rate);
                }
            }
        }

        return kept;
    }

    /// <summary>What a reader of a failure needs to know of a row: where it stands, where its trace began and what that follows.</summary>
    public string Describe(long number)
    {
        foreach (var (record, logTimeMs, policy) in _batches)
        {
            if (record.Events.FirstOrDefault(e => e.Number == number) is not { } e)
            {
                continue;
            }

            var place = Text($"row {number} at {record.Offset} (log time {logTimeMs}, policy {policy.Version}, client rate {e.ClientRate})");
            return e.TraceId is { } id && _traces[id] is var trace
                ? Text($"{place} of trace {id}: from {trace.FirstOffset} on (log time {trace.FirstLogTimeMs}, window {trace.WindowMs}, policy {trace.Policy.Version}), {trace.Rows.Count} rows in time")
                : place + " without a trace";
        }

        return Text($"row {number}, which is not in the log");

        static string Text(FormattableString text) => FormattableString.Invariant(text);
    }

    private void AddToTraces(SimulatedRecord record, long logTimeMs, SimulatedPolicy policy)
    {
        foreach (var e in record.Events)
        {
            if (e.TraceId is not { } id)
            {
                continue;
            }

            if (!_traces.TryGetValue(id, out var trace))
            {
                _traces[id] = trace = new(record.Offset, logTimeMs, _clock.WindowAt(logTimeMs), policy, e.Dataset);
            }

            if (logTimeMs <= trace.FirstLogTimeMs + trace.WindowMs)
            {
                trace.Rows.Add(e);
                trace.RootDataset ??= e.IsRoot ? e.Dataset : null;
            }
        }
    }

    private sealed class Trace(long firstOffset, long firstLogTimeMs, long windowMs, SimulatedPolicy policy, string firstDataset)
    {
        public long FirstOffset { get; } = firstOffset;

        public long FirstLogTimeMs { get; } = firstLogTimeMs;

        public long WindowMs { get; } = windowMs;

        public SimulatedPolicy Policy { get; } = policy;

        public string FirstDataset { get; } = firstDataset;

        public string? RootDataset { get; set; }

        public List<SimulatedEvent> Rows { get; } = [];
    }
}
