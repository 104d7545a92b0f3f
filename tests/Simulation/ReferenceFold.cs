using StreamObserve.Core.Sampling;
using Epochs = System.Collections.Generic.Dictionary<StreamObserve.Simulation.ReferenceFold.Group, (System.Collections.Generic.Dictionary<string, double> Traces, System.Collections.Generic.Dictionary<string, double> Rows)>;

namespace StreamObserve.Simulation;

/// <summary>
/// What a partition must hold, computed the plain way: all of the log at once, every event remembered, each trace decided by going through its rows. Shares with
/// the system the samplers' hashes, the goals of keys and the mapping of log time to epochs only.
/// </summary>
internal sealed class ReferenceFold
{
    private readonly List<(SimulatedRecord Record, long LogTimeMs, SimulatedPolicy Policy)> _batches = [];
    private readonly Dictionary<string, Trace> _traces = [];
    private readonly List<(int Version, long FromMs)> _versions = [(0, 0)];
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
                _versions.Add((set.Version, _headLogTimeMs));
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
        var epochs = DecideEpochs();
        var limits = DecideLimits();
        foreach (var (record, logTimeMs, policy) in _batches)
        {
            if (record.Offset >= trailing || record.IsLostToRows)
            {
                continue;
            }

            for (var row = 0; row < record.Events.Count; row++)
            {
                var e = record.Events[row];
                var trace = e.TraceId is { } id ? _traces[id] : null;
                if ((trace?.Policy ?? policy).CollectorOf(trace?.Dataset ?? e.Dataset) is { } collector)
                {
                    var ofCollector = trace is null
                        ? collector.RateOfRow(e, CompiledRules.Place(_partition, record.Offset, row), limits[Group.Of(policy, e.Dataset, 0, _clock.EpochOf(logTimeMs))].Chance)
                        : collector.RateOfTrace(e.TraceId!, trace.Rows, limits[Group.Of(trace.Policy, trace.Dataset, 0, _clock.EpochOf(trace.FirstLogTimeMs))]);
                    if (ofCollector > 0)
                    {
                        kept.Add(e.Number, e.ClientRate * ofCollector);
                    }

                    continue;
                }

                var decided = trace is null ? policy.RuleOf(e.Dataset, [e]) : trace.Policy.RuleOf(trace.Dataset, trace.Rows);
                var rate = decided is not { Rule: { } rule, Index: var index }
                    ? 1
                    : trace is null
                    ? RateOfRow(rule, Group.Of(policy, e.Dataset, index, _clock.EpochOf(logTimeMs)), e, CompiledRules.HashOfPlace(_partition, record.Offset, row), epochs)
                    : RateOfTrace(rule, Group.Of(trace.Policy, trace.Dataset, index, _clock.EpochOf(trace.FirstLogTimeMs)), e.TraceId!, epochs);
                if (rate > 0)
                {
                    kept.Add(e.Number, e.ClientRate * rate);
                }
            }
        }

        return kept;
    }

    /// <summary>What a kept trace stands for; 0 when it is not kept.</summary>
    private static double RateOfTrace(SimulatedRule rule, Group group, string id, Epochs epochs) => rule.Sampler switch
    {
        { DecidesByEpoch: true } => epochs[group].Traces.GetValueOrDefault(id),
        { } sampler => new ProbabilisticSampler(sampler.Number, NestedSampler.DefaultSalt).Keeps(System.Text.Encoding.UTF8.GetBytes(id)) ? 100 / sampler.Number : 0,
        null => rule.Rate > 0 && DeterministicSampler.Keep(DeterministicSampler.HashOf(id), rule.Rate) ? rule.Rate : 0,
    };

    private static double RateOfRow(SimulatedRule rule, Group group, SimulatedEvent row, uint hash, Epochs epochs)
    {
        switch (rule.Sampler)
        {
            case { DecidesByEpoch: true } sampler:
                var rate = epochs[group].Rows[sampler.KeyOf([row], isTrace: false)];
                return DeterministicSampler.Keep(hash, rate) ? rate : 0;
            case { } sampler:
                return hash <= sampler.Number / 100 * uint.MaxValue ? 100 / sampler.Number : 0;
            default:
                return rule.Rate > 0 && DeterministicSampler.Keep(hash, rule.Rate) ? rule.Rate : 0;
        }
    }

    /// <summary>What samplers that decide by epoch come to, over all that the log holds of each epoch.</summary>
    private Epochs DecideEpochs()
    {
        var traces = new Dictionary<Group, (SimulatedSampler Sampler, List<(string Id, string Key, int Rows)> Traces, Dictionary<string, int> Rows)>();
        foreach (var (id, trace) in _traces)
        {
            if (trace.Policy.RuleOf(trace.Dataset, trace.Rows) is { Rule.Sampler: { DecidesByEpoch: true } sampler, Index: var index })
            {
                Of(Group.Of(trace.Policy, trace.Dataset, index, _clock.EpochOf(trace.FirstLogTimeMs)), sampler).Traces.Add((id, sampler.KeyOf(trace.Rows, isTrace: true), trace.Rows.Count));
            }
        }

        foreach (var (record, logTimeMs, policy) in _batches)
        {
            foreach (var e in record.Events.Where(e => e.TraceId is null))
            {
                if (policy.RuleOf(e.Dataset, [e]) is { Rule.Sampler: { DecidesByEpoch: true } sampler, Index: var index })
                {
                    var rows = Of(Group.Of(policy, e.Dataset, index, _clock.EpochOf(logTimeMs)), sampler).Rows;
                    var key = sampler.KeyOf([e], isTrace: false);
                    rows[key] = rows.GetValueOrDefault(key) + 1;
                }
            }
        }

        return traces.ToDictionary(group => group.Key, group => group.Value.Sampler.Decide(group.Value.Traces, group.Value.Rows, SecondsOf(group.Key)));

        (SimulatedSampler Sampler, List<(string Id, string Key, int Rows)> Traces, Dictionary<string, int> Rows) Of(Group group, SimulatedSampler sampler)
        {
            if (!traces.TryGetValue(group, out var of))
            {
                traces.Add(group, of = (sampler, [], []));
            }

            return of;
        }
    }

    /// <summary>What limits come to, over all that the log holds of each epoch.</summary>
    private Dictionary<Group, (double Chance, HashSet<string> Within)> DecideLimits()
    {
        var asking = new Dictionary<Group, (SimulatedCollector Collector, List<(string Id, IReadOnlyList<SimulatedEvent> Rows)> Traces, List<SimulatedEvent> Rows)>();
        foreach (var (id, trace) in _traces)
        {
            Of(trace.Policy, trace.Dataset, trace.FirstLogTimeMs)?.Traces.Add((id, trace.Rows));
        }

        foreach (var (record, logTimeMs, policy) in _batches)
        {
            foreach (var e in record.Events.Where(e => e.TraceId is null))
            {
                Of(policy, e.Dataset, logTimeMs)?.Rows.Add(e);
            }
        }

        return asking.ToDictionary(group => group.Key, group => group.Value.Collector.Limit(group.Value.Traces, group.Value.Rows, SecondsOf(group.Key)));

        (SimulatedCollector Collector, List<(string Id, IReadOnlyList<SimulatedEvent> Rows)> Traces, List<SimulatedEvent> Rows)? Of(SimulatedPolicy policy, string dataset, long logTimeMs)
        {
            if (policy.CollectorOf(dataset) is not { } collector)
            {
                return null;
            }

            var group = Group.Of(policy, dataset, 0, _clock.EpochOf(logTimeMs));
            if (!asking.TryGetValue(group, out var of))
            {
                asking.Add(group, of = (collector, [], []));
            }

            return of;
        }
    }

    /// <summary>For how long of its epoch a group's policy version was in force: at least a millisecond.</summary>
    private double SecondsOf(Group group)
    {
        var at = _versions.FindIndex(version => version.Version == group.Version);
        var until = at + 1 < _versions.Count ? _versions[at + 1].FromMs : long.MaxValue;
        return Math.Max(1, Math.Min(group.Epoch.End, until) - Math.Max(group.Epoch.Start, _versions[at].FromMs)) / 1000d;
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

    /// <summary>Whose traces a sampler decides together.</summary>
    internal sealed record Group(int Version, string Policy, int Rule, Epoch Epoch)
    {
        public static Group Of(SimulatedPolicy policy, string dataset, int rule, Epoch epoch) => new(policy.Version, policy.PolicyOf(dataset), rule, epoch);
    }

    private sealed class Trace(long firstOffset, long firstLogTimeMs, long windowMs, SimulatedPolicy policy, string firstDataset)
    {
        public long FirstOffset { get; } = firstOffset;

        public long FirstLogTimeMs { get; } = firstLogTimeMs;

        public long WindowMs { get; } = windowMs;

        public SimulatedPolicy Policy { get; } = policy;

        public string FirstDataset { get; } = firstDataset;

        public string? RootDataset { get; set; }

        public string Dataset => RootDataset ?? FirstDataset;

        public List<SimulatedEvent> Rows { get; } = [];
    }
}
