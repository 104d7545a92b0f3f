using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;
using StreamObserve.Storage;

namespace StreamObserve.Processors.State;

/// <summary>
/// Keeps trace summaries at the head cursor and takes decisions at the trailing one. One read-modify-write for each (trace, batch) at the head, one look-up for
/// each (trace, batch) behind. Single writer: the partition's actor.
/// </summary>
public sealed class TraceTracker(int partition, SummaryStore<TraceSummary> summaries, StringDictionary datasets)
{
    private const string ParentIdField = "trace.parent_id";
    private const string DurationField = "duration_ms";
    private const string ErrorField = "error";

    private readonly Dictionary<TraceKey, int> _traces = [];
    private readonly List<ColumnVector> _columns = [];
    private TraceContribution[] _contributions = new TraceContribution[64];
    private TraceKey[] _keys = new TraceKey[64];
    private int[] _traceOf = [];

    /// <summary>Marks a row that has no trace.</summary>
    public const int NoTrace = -1;

    /// <summary>Folds a batch into the summaries of its traces.</summary>
    public void Fold(EventBatch batch, long logTimeMs, PolicyTimeline policies, DecisionClock clock)
    {
        var foldable = policies.FoldableAt(logTimeMs, clock);
        var current = foldable[0];
        if (!GroupByTrace(batch))
        {
            return;
        }

        var roots = RowConditions.Roots(batch, ParentIdField);
        var remap = DatasetCodes(batch);
        var count = _traces.Count;
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

        AddDurations(batch);
        AddErrors(batch);
        var bits = new ConditionBits[foldable.Count][];
        for (var v = 0; v < foldable.Count; v++)
        {
            bits[v] = TraceBits(batch, foldable[v], roots, count);
        }

        if (current.UsesSamplerHash)
        {
            AddSamplerHashes(batch);
        }

        for (var trace = 0; trace < count; trace++)
        {
            var update = new SummaryFold { Contribution = _contributions[trace], Clock = clock, Versions = foldable, Bits = bits, Trace = trace };
            summaries.Update(new ChunkKey(_keys[trace].High, _keys[trace].Low), ref update);
        }
    }

    /// <summary>
    /// The decision on each row of a batch that the trailing cursor passes, recorded with its trace when this is the first row of it to come by.
    /// </summary>
    public void Decide(EventBatch batch, long offset, CompiledSamplingPolicy policyOfRows, PolicyTimeline policies, Span<SamplingDecision> decisions)
    {
        GroupByTrace(batch);
        var ofTrace = new SamplingDecision[_traces.Count];
        for (var trace = 0; trace < ofTrace.Length; trace++)
        {
            ofTrace[trace] = Decision(_keys[trace], policies);
        }

        ConditionBits[]? rowBits = null;
        for (var row = 0; row < batch.Rows; row++)
        {
            if (_traceOf[row] != NoTrace)
            {
                decisions[row] = ofTrace[_traceOf[row]];
                continue;
            }

            rowBits ??= RowConditions.Bits(batch, policyOfRows, RootsOfTheirOwn(batch));
            decisions[row] = policyOfRows.DecideRow(rowBits[row], batch.Datasets.Text(batch.DatasetCodes[row]), partition, offset, row);
        }
    }

    /// <summary>A trace's summary, if it is still kept.</summary>
    public bool TryGet(TraceKey key, out TraceSummary summary) => summaries.TryGet(new ChunkKey(key.High, key.Low), out summary) == ReadOutcome.Found;

    private SamplingDecision Decision(TraceKey key, PolicyTimeline policies)
    {
        var chunkKey = new ChunkKey(key.High, key.Low);
        if (summaries.TryGet(chunkKey, out var summary) != ReadOutcome.Found)
        {
            return SamplingDecision.NoRuleMatched;      // past the late-span retention: nothing is known of it, so it stays
        }

        if (summary.IsDecided)
        {
            return summary.Decision;
        }

        if (summary.PolicyVersion < policies.Versions[0].Set.Version)
        {
            // Its version is forgotten although nothing was recorded: the cursor passed the trace while no policy had ever had a rule, without a look at it.
            return SamplingDecision.NoRuleMatched;
        }

        var dataset = System.Text.Encoding.UTF8.GetString(datasets[summary.DecidingDataset]);
        var record = new DecisionRecord { Decision = policies.Of(summary.PolicyVersion).Decide(summary, dataset) };
        summaries.Update(chunkKey, ref record);
        return record.Decision;
    }

    /// <summary>Roots, and every row without a trace: it is a root of its own, even if it names a parent.</summary>
    private bool[] RootsOfTheirOwn(EventBatch batch)
    {
        var roots = RowConditions.Roots(batch, ParentIdField);
        for (var row = 0; row < roots.Length; row++)
        {
            roots[row] |= _traceOf[row] == NoTrace;
        }

        return roots;
    }

    /// <summary>Numbers the batch's traces; false when no row has one.</summary>
    private bool GroupByTrace(EventBatch batch)
    {
        if (_traceOf.Length < batch.Rows)
        {
            _traceOf = new int[Math.Max(batch.Rows, _traceOf.Length * 2)];
        }

        _traceOf.AsSpan(0, batch.Rows).Fill(NoTrace);
        _traces.Clear();
        _columns.Clear();
        batch.GetColumns(ColumnBlockWriter.TraceIdField, _columns);
        Span<byte> scratch = stackalloc byte[64];
        foreach (var column in _columns)
        {
            if (column.Type is not (ColumnType.Hex or ColumnType.Text or ColumnType.Dictionary))
            {
                continue;
            }

            var byCode = column.Type == ColumnType.Dictionary ? new int[column.Strings.Count] : null;
            byCode?.AsSpan().Fill(NoTrace);
            for (int row = 0, k = 0; row < batch.Rows; row++)
            {
                if (!column.Has(row))
                {
                    continue;
                }

                if (byCode is not null)
                {
                    ref var known = ref byCode[column.Codes[k]];
                    if (known == NoTrace && column.Strings[column.Codes[k]].Length > 0)
                    {
                        known = Number(TraceKey.Of(column.Strings[column.Codes[k]]));
                    }

                    _traceOf[row] = known;
                }
                else if (column.Type == ColumnType.Hex && column.HexWidth == 16)
                {
                    _traceOf[row] = Number(TraceKey.FromBytes(column.HexBytes.AsSpan(k * 16, 16)));
                }
                else if (column.Utf8(k, scratch) is { IsEmpty: false } text)
                {
                    _traceOf[row] = Number(TraceKey.Of(text));
                }

                k++;
            }
        }

        return _traces.Count > 0;
    }

    private int Number(TraceKey key)
    {
        if (_traces.TryGetValue(key, out var number))
        {
            return number;
        }

        number = _traces.Count;
        _traces.Add(key, number);
        if (number == _keys.Length)
        {
            Array.Resize(ref _keys, number * 2);
            Array.Resize(ref _contributions, number * 2);
        }

        _keys[number] = key;
        return number;
    }

    private int[] DatasetCodes(EventBatch batch)
    {
        var remap = new int[batch.Datasets.Count];
        for (var code = 0; code < remap.Length; code++)
        {
            remap[code] = datasets.Add(batch.Datasets[code]);
        }

        return remap;
    }

    private void AddDurations(EventBatch batch)
    {
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
                if (!column.Has(row))
                {
                    continue;
                }

                var duration = column.Type == ColumnType.Float ? column.Floats[k] : column.Integers[k];
                k++;
                if (_traceOf[row] != NoTrace)
                {
                    ref var contribution = ref _contributions[_traceOf[row]];
                    contribution.LongestDurationMs = Math.Max(contribution.LongestDurationMs, duration);
                }
            }
        }
    }

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

    private void AddSamplerHashes(EventBatch batch)
    {
        _columns.Clear();
        batch.GetColumns(ColumnBlockWriter.TraceIdField, _columns);
        Span<byte> scratch = stackalloc byte[64];
        foreach (var column in _columns)
        {
            for (int row = 0, k = 0; row < batch.Rows; row++)
            {
                if (!column.Has(row))
                {
                    continue;
                }

                var trace = _traceOf[row];
                if (trace != NoTrace && _contributions[trace].SamplerHash == 0)
                {
                    _contributions[trace].SamplerHash = DeterministicSampler.HashOf(column.Utf8(k, scratch));
                }

                k++;
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

        var ofRow = RowConditions.Bits(batch, policy, roots);
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
        public int Trace;

        public void Update(ref TraceSummary summary, bool isNew)
        {
            var version = isNew || summary.IsEmpty ? Contribution.PolicyVersion : summary.PolicyVersion;
            for (var v = 0; v < Versions.Count; v++)
            {
                if (Versions[v].Version == version)
                {
                    Contribution.PolicyVersion = version;
                    Contribution.Bits = Bits[v][Trace];
                    break;
                }
            }

            summary.Fold(Contribution, Clock.WindowAt(summary.IsEmpty ? Contribution.LogTime : summary.FirstLogTime));
        }
    }

    private struct DecisionRecord : ISummaryUpdater<TraceSummary>
    {
        public SamplingDecision Decision;

        public readonly void Update(ref TraceSummary summary, bool isNew) => summary.Record(Decision);
    }
}
