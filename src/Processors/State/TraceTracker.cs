using System.Globalization;
using System.Runtime.InteropServices;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;
using StreamObserve.Core.Sampling.SamplingPolicies;
using StreamObserve.Storage;

namespace StreamObserve.Processors.State;

/// <summary>
/// Keeps trace summaries at the head cursor and takes decisions at the trailing one. One read-modify-write for each (trace, batch) at the head, one look-up for
/// each (trace, batch) behind. Single writer: the partition's actor.
/// </summary>
public sealed class TraceTracker
{
    private const string ParentIdField = "trace.parent_id";
    private const string DurationField = "duration_ms";
    private const string ErrorField = "error";

    // Rows without a trace that policies with limits are asked about are counted by what is known of them; their bytes under another number.
    private const short RowsRule = 0;
    private const short BytesRule = 1;

    private const long NanosecondsPerMillisecond = 1_000_000;
    private const double LongestDurationNs = 1e17;

    private readonly int _partition;
    private readonly SummaryStore<TraceSummary> _summaries;
    private readonly StringDictionary _datasets;
    private readonly TraceKeys _keysOfTraces;
    private readonly PendingEpochs _pending;
    private readonly RowConditions _conditions = new();
    private readonly Dictionary<TraceKey, int> _numberOf = [];
    private readonly List<ColumnVector> _columns = [];

    // By the dataset's code, of the policy that was asked for last.
    private readonly List<(CompiledSamplingPolicy Policy, CompiledRules Rules)> _rulesOfDataset = [];
    private TraceContribution[] _contributions = new TraceContribution[64];
    private TraceKey[] _keys = new TraceKey[64];
    private (ColumnVector Column, int Entry)[] _ids = new (ColumnVector, int)[64];
    private int[] _traceOf = [];
    private int[] _codes = [];
    private int _traces;
    private RowDecision[] _decisions = [];
    private int[] _decisionOfRow = [];

    internal TraceTracker(int partition, SummaryStore<TraceSummary> summaries, StringDictionary datasets, TraceKeys keys, PendingEpochs pending)
    {
        _partition = partition;
        _summaries = summaries;
        _datasets = datasets;
        _keysOfTraces = keys;
        _pending = pending;
    }

    /// <summary>Marks a row that has no trace.</summary>
    public const int NoTrace = -1;

    /// <summary>Whether decisions on dropped rows say the sampler's key too.</summary>
    public bool KeepsKeysOfDropped { get; init; }

    /// <summary>Folds a batch into the summaries of its traces. Its rows without a trace follow <paramref name="policyOfRows"/>.</summary>
    public void Fold(EventBatch batch, long logTimeMs, CompiledSamplingPolicy policyOfRows, PolicyTimeline policies, DecisionClock clock)
    {
        var foldable = policies.FoldableAt(logTimeMs, clock);
        var current = foldable[0];
        var hasTraces = GroupByTrace(batch);
        if (policyOfRows.DecidesByEpoch)
        {
            CountRows(batch, policyOfRows, clock.EpochOf(logTimeMs));
        }

        if (!hasTraces)
        {
            return;
        }

        var roots = RowConditions.Roots(batch, ParentIdField);
        var remap = DatasetCodes(batch);
        var count = _traces;
        Array.Clear(_contributions, 0, count);
        for (var row = 0; row < batch.Rows; row++)
        {
            var trace = _traceOf[row];
            if (trace == NoTrace)
            {
                continue;
            }

            ref var contribution = ref _contributions[trace];
            if (contribution.RowCount++ == 0)
            {
                contribution.LogTime = logTimeMs;
                contribution.PolicyVersion = current.Version;
                contribution.FirstDataset = remap[batch.DatasetCodes[row]];
                contribution.RootDataset = TraceSummary.NoDataset;
            }

            if (roots[row] && contribution.RootDataset == TraceSummary.NoDataset)
            {
                contribution.RootDataset = remap[batch.DatasetCodes[row]];
            }
        }

        AddErrors(batch);
        if (foldable.Any(version => version.UsesLatency))
        {
            AddTimes(batch);
        }

        if (foldable.Any(version => version.UsesBytes))
        {
            AddBytes(batch);
        }

        var bits = new ConditionBits[foldable.Count][];
        for (var v = 0; v < foldable.Count; v++)
        {
            bits[v] = TraceBits(batch, foldable[v], roots, count);
        }

        var pairs = new TracePairs?[foldable.Count];
        for (var v = 0; v < foldable.Count; v++)
        {
            pairs[v] = foldable[v].KeyFields.Count == 0 ? null : _keysOfTraces.PairsOf(batch, foldable[v], roots, _traceOf, count);
        }

        for (var trace = 0; trace < count; trace++)
        {
            var update = new SummaryFold { Contribution = _contributions[trace], Clock = clock, Versions = foldable, Bits = bits, Pairs = pairs, Keys = _keysOfTraces, Trace = trace, Id = _ids[trace] };
            if (_summaries.Update(new ChunkKey(_keys[trace].High, _keys[trace].Low), ref update) is var before && before != ReadOutcome.Found && current.DecidesByEpoch)
            {
                _pending.AddTrace(clock.EpochOf(logTimeMs), _keys[trace], mayBeKnown: before == ReadOutcome.Damaged);
            }
        }
    }

    /// <summary>Decides the traces of all epochs that began before a log time, as far as samplers decide them together. False when there is no such epoch.</summary>
    public bool DecideEpochs(long limitMs, PolicyTimeline policies, DecisionClock clock, int partitions)
    {
        var any = false;
        while (_pending.TakeBefore(limitMs) is { } epoch)
        {
            any = true;
            var sampler = new EpochSampler();
            var groups = new Dictionary<KeyNumber, EpochGroup>();
            var limits = new EpochLimits();
            foreach (var trace in _pending.TracesOf(epoch))
            {
                // One whose summary was damaged and made anew has begun in another epoch since.
                if (TryGetByWriter(trace, out var summary) && !summary.IsDecided && summary.FirstLogTime >= epoch.Start && summary.FirstLogTime < epoch.End)
                {
                    var rules = RulesOf(summary, policies);
                    if (rules.Policies is { } ofDataset)
                    {
                        if (ofDataset.HasLimits)
                        {
                            limits.AddTrace(ofDataset, trace, summary);
                        }

                        continue;
                    }

                    var rule = rules.RuleFor(summary);
                    if (rules.EpochSamplerOf(rule) is { } nested)
                    {
                        ref var group = ref CollectionsMarshal.GetValueRefOrAddDefault(groups, new(rules, rule, summary.KeySet, nested.Key.UsesTraceLength ? summary.RowCount : 0), out _);
                        group ??= sampler.Of(new(summary.PolicyVersion, rules.Policy, (short)rule, _keysOfTraces.TextOf(nested.Key, summary.PolicyVersion, summary.KeySet, summary.RowCount)), nested);
                        group.AddTrace(trace, summary.RowCount);
                    }
                }
            }

            foreach (var (group, amount) in epoch.Rows)
            {
                var rules = policies.Of(group.Version).RulesFor(group.Policy);
                if (rules.Policies is { } ofDataset)
                {
                    limits.AddRows(ofDataset, group.Version, LeavesFromText(group.Key), amount, ofBytes: group.Rule == BytesRule);
                }
                else
                {
                    sampler.Of(group, rules.EpochSamplerOf(group.Rule)!).AddRows(amount);
                }
            }

            // A change of the window may have cut the epoch short since it began, and a version is in force for a part of it.
            var end = clock.EpochOf(epoch.Start).End;
            var rates = sampler.Decide(SecondsOf, partitions, Record).Where(rate => epoch.Rows.ContainsKey(rate.Key)).ToDictionary();
            limits.Decide(SecondsOf, partitions, Record, (group, rate) => rates[group] = rate);
            _pending.Decided(epoch, rates);

            double SecondsOf(int version) => policies.MillisecondsWithin(version, epoch.Start, end) / 1000d;
        }

        return any;

        void Record(TraceKey trace, SamplingDecision decision)
        {
            var record = new DecisionRecord { Decision = decision };
            _summaries.Update(new ChunkKey(trace.High, trace.Low), ref record);
        }
    }

    /// <summary>
    /// The decision on each row of a batch that the trailing cursor passes, recorded with its trace when this is the first row of it to come by. Valid until the next call.
    /// </summary>
    internal RowDecisions Decide(IRowSegment batch, long offset, long logTimeMs, CompiledSamplingPolicy policyOfRows, PolicyTimeline policies)
    {
        GroupByTrace(batch);
        var traces = _traces;
        Grow(ref _decisions, traces + _traceOf.AsSpan(0, batch.Rows).Count(NoTrace));
        for (var trace = 0; trace < traces; trace++)
        {
            _decisions[trace] = Decision(_keys[trace], policies);
        }

        // Rows without a trace come behind the traces, each with a decision of its own.
        Grow(ref _decisionOfRow, batch.Rows);
        var ofRow = _decisionOfRow.AsSpan(0, batch.Rows);
        _traceOf.AsSpan(0, batch.Rows).CopyTo(ofRow);
        var count = traces;
        ReadOnlySpan<ConditionBits> rowBits = default;
        long[]? latencies = null;
        TracePairs? pairs = null;
        Dictionary<CompiledPolicies, PolicyChances>? chancesOf = null;
        for (var row = 0; row < batch.Rows; row++)
        {
            if (ofRow[row] != NoTrace)
            {
                continue;
            }

            ofRow[row] = count;
            ref var decision = ref _decisions[count++];
            if (rowBits.IsEmpty)
            {
                rowBits = _conditions.Bits(batch, policyOfRows, RootsOfTheirOwn(batch));
            }

            latencies ??= policyOfRows.UsesLatency ? RowLatencies(batch) : new long[batch.Rows];
            var rules = policyOfRows.RulesFor(batch.Datasets.Text(batch.DatasetCodes[row]));
            if (rules.Policies is { HasLimits: true } ofDataset)
            {
                chancesOf ??= [];
                if (!chancesOf.TryGetValue(ofDataset, out var chances))
                {
                    chancesOf.Add(ofDataset, chances = new(ChancesOf(ofDataset, policyOfRows.Version, logTimeMs)));
                }

                decision = Told(rules, rules.DecideRowByLimits(ofDataset.LeavesOfRow(rowBits[row], latencies[row]), chances, _partition, offset, row));
                continue;
            }

            var rule = rules.RuleForRow(rowBits[row]);
            if (rules.EpochSamplerOf(rule) is { } sampler)
            {
                pairs ??= PairsOfRows(batch, policyOfRows);
                var key = _keysOfTraces.TextOf(sampler.Key, policyOfRows.Version, pairs, row);
                var rate = _pending.RateOf(logTimeMs, new(policyOfRows.Version, rules.Policy, (short)rule, key));
                decision = Told(rules, rules.DecideRowByEpoch(rule, rate, _partition, offset, row), sampler.Key.IsEmpty ? null : key);
            }
            else
            {
                decision = Told(rules, rules.DecideRow(rowBits[row], latencies[row], _partition, offset, row));
            }
        }

        return new(_decisions.AsSpan(0, count), ofRow);
    }

    /// <summary>A trace's summary, if it is still kept. Any thread.</summary>
    public bool TryGet(TraceKey key, out TraceSummary summary) => _summaries.TryGet(new ChunkKey(key.High, key.Low), out summary) == ReadOutcome.Found;

    private bool TryGetByWriter(TraceKey key, out TraceSummary summary) => _summaries.TryGetByWriter(new ChunkKey(key.High, key.Low), out summary) == ReadOutcome.Found;

    /// <summary>Of each limit, the chance of a row at a log time to be within it.</summary>
    private double[] ChancesOf(CompiledPolicies policies, int version, long logTimeMs)
    {
        var chances = new double[policies.Limits];
        for (var limit = 0; limit < chances.Length; limit++)
        {
            chances[limit] = 1 / _pending.RateOf(logTimeMs, new(version, policies.Policy, (short)limit, ""));
        }

        return chances;
    }

    private static RowDecision Told(CompiledRules rules, in SamplingDecision decision, string? key = null) => new(decision, key, rules.ReasonTextOf(decision));

    private RowDecision Decision(TraceKey key, PolicyTimeline policies)
    {
        if (!TryGetByWriter(key, out var summary))
        {
            return RowDecision.Unknown;      // past the late-span retention: nothing is known of it, so it stays
        }

        if (summary.PolicyVersion < policies.Versions[0].Set.Version)
        {
            // Its version is forgotten: so is what its key was; and where nothing was recorded, the cursor passed the trace while no policy had ever had a rule, without a look at it.
            return summary.IsDecided ? new(summary.Decision, null, SamplingReasons.NameOf(summary.Decision.Reason)) : RowDecision.Unknown;
        }

        var rules = RulesOf(summary, policies);
        if (summary.IsDecided)
        {
            var decision = summary.Decision;
            return Told(rules, decision, (decision.Keep || KeepsKeysOfDropped) && rules.EpochSamplerOf(decision.RuleIndex) is { Key.IsEmpty: false } sampler
                ? _keysOfTraces.TextOf(sampler.Key, summary.PolicyVersion, summary.KeySet, summary.RowCount)
                : null);
        }

        if (rules.DecidesByEpoch(summary))
        {
            // The summary, or the list that it was in, was damaged, or it was forgotten and made anew by a later row: that one's epoch decides it still, or nothing does. The row stays.
            return RowDecision.Unknown;
        }

        var record = new DecisionRecord { Decision = rules.Decide(summary) };
        _summaries.Update(new ChunkKey(key.High, key.Low), ref record);
        return Told(rules, record.Decision);
    }

    private CompiledRules RulesOf(in TraceSummary summary, PolicyTimeline policies)
    {
        var policy = policies.Of(summary.PolicyVersion);
        var dataset = summary.DecidingDataset;
        while (_rulesOfDataset.Count <= dataset)
        {
            _rulesOfDataset.Add(default);
        }

        var (of, rules) = _rulesOfDataset[dataset];
        if (of != policy)
        {
            _rulesOfDataset[dataset] = (policy, rules = policy.RulesFor(System.Text.Encoding.UTF8.GetString(_datasets[dataset])));
        }

        return rules;
    }

    /// <summary>Counts the rows without a trace that a sampler decides by epoch.</summary>
    private void CountRows(EventBatch batch, CompiledSamplingPolicy policy, Epoch epoch)
    {
        if (_traceOf.AsSpan(0, batch.Rows).IndexOf(NoTrace) < 0)
        {
            return;
        }

        var bits = _conditions.Bits(batch, policy, RootsOfTheirOwn(batch));
        var latencies = policy.UsesLatency ? RowLatencies(batch) : new long[batch.Rows];
        var bytes = policy.UsesBytes ? RowBytes.Of(batch) : null;
        var pairs = PairsOfRows(batch, policy);
        for (var row = 0; row < batch.Rows; row++)
        {
            var rules = _traceOf[row] == NoTrace ? policy.RulesFor(batch.Datasets.Text(batch.DatasetCodes[row])) : null;
            if (rules?.Policies is { HasLimits: true } ofDataset)
            {
                var group = new SampledGroup(policy.Version, rules.Policy, RowsRule, TextOfLeaves(ofDataset.LeavesOfRow(bits[row], latencies[row])));
                _pending.AddRow(epoch, group);
                if (bytes is not null)
                {
                    _pending.AddRow(epoch, group with { Rule = BytesRule }, bytes[row]);
                }
            }
            else if (rules?.RuleForRow(bits[row]) is { } rule && rules.EpochSamplerOf(rule) is { } sampler)
            {
                _pending.AddRow(epoch, new(policy.Version, rules.Policy, (short)rule, _keysOfTraces.TextOf(sampler.Key, policy.Version, pairs, row)));
            }
        }
    }

    /// <summary>What keys may be made of, of each row without a trace.</summary>
    private TracePairs PairsOfRows(IRowSegment batch, CompiledSamplingPolicy policy)
    {
        var numbers = new int[batch.Rows];
        for (var row = 0; row < numbers.Length; row++)
        {
            numbers[row] = _traceOf[row] == NoTrace ? row : NoTrace;
        }

        return _keysOfTraces.PairsOf(batch, policy, RootsOfTheirOwn(batch), numbers, numbers.Length);
    }

    /// <summary>Roots, and every row without a trace: it is a root of its own, even if it names a parent.</summary>
    private bool[] RootsOfTheirOwn(IRowSegment batch)
    {
        var roots = RowConditions.Roots(batch, ParentIdField);
        for (var row = 0; row < roots.Length; row++)
        {
            roots[row] |= _traceOf[row] == NoTrace;
        }

        return roots;
    }

    /// <summary>Numbers the batch's traces; false when no row has one. A trace whose id is in two columns of the field may have two numbers, each as good as a batch of its own.</summary>
    private bool GroupByTrace(IRowSegment batch)
    {
        Grow(ref _traceOf, batch.Rows);
        _traceOf.AsSpan(0, batch.Rows).Fill(NoTrace);
        _traces = 0;
        _numberOf.Clear();
        _columns.Clear();
        batch.GetColumns(ColumnBlockWriter.TraceIdField, _columns);
        foreach (var column in _columns)
        {
            switch (column.Type)
            {
                case ColumnType.Dictionary:
                    GroupByCode(column);
                    break;
                case ColumnType.Hex or ColumnType.Text:
                    GroupByValue(column);
                    break;
            }
        }

        return _traces > 0;
    }

    /// <summary>Texts of a dictionary are told apart by their codes already.</summary>
    private void GroupByCode(ColumnVector column)
    {
        Grow(ref _codes, column.Count);
        column.CopyCodes(_codes);
        var numberOf = new int[column.Strings.Count];
        numberOf.AsSpan().Fill(NoTrace);
        for (int row = 0, k = 0; row < column.Rows; row++)
        {
            if (!column.Has(row))
            {
                continue;
            }

            var code = _codes[k];
            if (numberOf[code] == NoTrace && column.Strings[code] is { IsEmpty: false } text)
            {
                numberOf[code] = NextNumber(TraceKey.Of(text), column, k);
            }

            _traceOf[row] = numberOf[code];
            k++;
        }
    }

    private void GroupByValue(ColumnVector column)
    {
        Span<byte> scratch = stackalloc byte[64];
        for (int row = 0, k = 0; row < column.Rows; row++)
        {
            if (!column.Has(row))
            {
                continue;
            }

            if (column.Type == ColumnType.Hex && column.HexWidth == 16)
            {
                _traceOf[row] = Number(TraceKey.FromBytes(column.HexAt(k)), column, k);
            }
            else if (column.Utf8(k, scratch) is { IsEmpty: false } text)
            {
                _traceOf[row] = Number(TraceKey.Of(text), column, k);
            }

            k++;
        }
    }

    /// <summary>Room for so many entries; what was in it is not kept.</summary>
    private static void Grow<T>(ref T[] array, int count)
    {
        if (array.Length < count)
        {
            array = new T[Math.Max(count, array.Length * 2)];
        }
    }

    private int Number(TraceKey key, ColumnVector column, int entry)
    {
        ref var numberPlusOne = ref CollectionsMarshal.GetValueRefOrAddDefault(_numberOf, key, out var isKnown);
        if (!isKnown)
        {
            numberPlusOne = NextNumber(key, column, entry) + 1;
        }

        return numberPlusOne - 1;
    }

    private int NextNumber(TraceKey key, ColumnVector column, int entry)
    {
        var number = _traces++;
        if (number == _keys.Length)
        {
            Array.Resize(ref _keys, number * 2);
            Array.Resize(ref _ids, number * 2);
            Array.Resize(ref _contributions, number * 2);
        }

        _keys[number] = key;
        _ids[number] = (column, entry);
        return number;
    }

    private int[] DatasetCodes(EventBatch batch)
    {
        var remap = new int[batch.Datasets.Count];
        for (var code = 0; code < remap.Length; code++)
        {
            remap[code] = _datasets.Add(batch.Datasets[code]);
        }

        return remap;
    }

    private void AddTimes(EventBatch batch)
    {
        for (var trace = 0; trace < _traces; trace++)
        {
            _contributions[trace].EarliestStartNs = long.MaxValue;
            _contributions[trace].LatestEndNs = long.MinValue;
        }

        var durations = RowDurations(batch);
        for (var row = 0; row < batch.Rows; row++)
        {
            if (_traceOf[row] != NoTrace)
            {
                ref var contribution = ref _contributions[_traceOf[row]];
                contribution.EarliestStartNs = Math.Min(contribution.EarliestStartNs, batch.TimesNs[row]);
                contribution.LatestEndNs = Math.Max(contribution.LatestEndNs, batch.TimesNs[row] + durations[row]);
            }
        }
    }

    private void AddBytes(EventBatch batch)
    {
        var bytes = RowBytes.Of(batch);
        for (var row = 0; row < batch.Rows; row++)
        {
            if (_traceOf[row] != NoTrace)
            {
                _contributions[_traceOf[row]].Bytes += bytes[row];
            }
        }
    }

    /// <summary>How long each row took, in whole milliseconds; 0 where it does not say.</summary>
    private long[] RowLatencies(IRowSegment batch) => Array.ConvertAll(RowDurations(batch), duration => duration / NanosecondsPerMillisecond);

    /// <summary>How long each row took, in nanoseconds; 0 where it does not say.</summary>
    private long[] RowDurations(IRowSegment batch)
    {
        var durations = new long[batch.Rows];
        _columns.Clear();
        batch.GetColumns(DurationField, _columns);
        foreach (var column in _columns)
        {
            if (!column.IsNumeric)
            {
                continue;
            }

            for (int row = 0, k = 0; row < batch.Rows; row++)
            {
                if (column.Has(row))
                {
                    var duration = column.Type == ColumnType.Float ? column.Floats[k] : column.Integers[k];
                    durations[row] = (long)Math.Clamp(duration * NanosecondsPerMillisecond, 0, LongestDurationNs);
                    k++;
                }
            }
        }

        return durations;
    }

    private static string TextOfLeaves(ConditionBits leaves) => $"{leaves.High:x16}{leaves.Low:x16}";

    /// <summary>The leaves that a text stands for. Of those that are not told apart any more: none.</summary>
    private static ConditionBits LeavesFromText(string text) => text == KeySets.OtherValue
        ? default
        : new(ulong.Parse(text.AsSpan(16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture), ulong.Parse(text.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));

    private void AddErrors(EventBatch batch)
    {
        _columns.Clear();
        batch.GetColumns(ErrorField, _columns);
        foreach (var column in _columns)
        {
            for (int row = 0, k = 0; row < batch.Rows; row++)
            {
                if (!column.Has(row))
                {
                    continue;
                }

                var isError = column.Type switch
                {
                    ColumnType.Bool => column.Integers[k] != 0,
                    ColumnType.Dictionary => column.Strings[column.Codes[k]].SequenceEqual("true"u8),
                    _ => false,
                };
                k++;
                if (isError && _traceOf[row] != NoTrace)
                {
                    _contributions[_traceOf[row]].HasError = true;
                }
            }
        }
    }

    private ConditionBits[] TraceBits(EventBatch batch, CompiledSamplingPolicy policy, bool[] roots, int traces)
    {
        var ofTrace = new ConditionBits[traces];
        if (policy.Bits.Count == 0)
        {
            return ofTrace;
        }

        var ofRow = _conditions.Bits(batch, policy, roots);
        for (var row = 0; row < batch.Rows; row++)
        {
            if (_traceOf[row] != NoTrace)
            {
                ofTrace[_traceOf[row]] |= ofRow[row];
            }
        }

        return ofTrace;
    }

    private struct SummaryFold : ISummaryUpdater<TraceSummary>
    {
        public TraceContribution Contribution;
        public DecisionClock Clock;
        public IReadOnlyList<CompiledSamplingPolicy> Versions;
        public ConditionBits[][] Bits;
        public TracePairs?[] Pairs;
        public TraceKeys Keys;
        public int Trace;
        public (ColumnVector Column, int Entry) Id;

        public void Update(ref TraceSummary summary, bool isNew)
        {
            var version = isNew || summary.IsEmpty ? Contribution.PolicyVersion : summary.PolicyVersion;
            TracePairs? pairs = null;
            for (var v = 0; v < Versions.Count; v++)
            {
                if (Versions[v].Version == version)
                {
                    Contribution.PolicyVersion = version;
                    Contribution.Bits = Bits[v][Trace];
                    pairs = Pairs[v];
                    break;
                }
            }

            if (summary.IsEmpty)
            {
                AddHashes();
            }

            if (summary.Fold(Contribution, Clock.WindowAt(summary.IsEmpty ? Contribution.LogTime : summary.FirstLogTime)) && pairs is not null)
            {
                summary.KeySet = pairs.AddTo(Keys.Of(version), summary.KeySet, Trace);
            }
        }

        /// <summary>What samplers ask of the trace id, which is the same for all of its batches: taken with the first.</summary>
        private void AddHashes()
        {
            var policy = Versions[0];
            if (!policy.UsesSamplerHash && policy.Probabilistic.Count == 0)
            {
                return;
            }

            Span<byte> scratch = stackalloc byte[64];
            var id = Id.Column.Utf8(Id.Entry, scratch);
            if (policy.UsesSamplerHash)
            {
                Contribution.SamplerHash = DeterministicSampler.HashOf(id);
            }

            for (var i = 0; i < policy.Probabilistic.Count; i++)
            {
                if (policy.Probabilistic[i].Keeps(id))
                {
                    Contribution.Bits = Contribution.Bits.With(CompiledSamplingPolicy.ProbabilisticBit(i));
                }
            }
        }
    }

    private struct DecisionRecord : ISummaryUpdater<TraceSummary>
    {
        public SamplingDecision Decision;

        public readonly void Update(ref TraceSummary summary, bool isNew) => summary.Record(Decision);
    }
}
