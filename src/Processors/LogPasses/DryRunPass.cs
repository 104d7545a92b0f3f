using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.State;
using StreamObserve.Storage;

namespace StreamObserve.Processors.LogPasses;

/// <summary>
/// Tries policies on a stretch of the log: two readings of it, one window apart, with the summaries, the tracker and the epochs that a partition has, in a store of their own that is thrown away.
/// So its decisions are those that the policies would have come to, and what it holds is bounded as a partition is. But for rows that come more than a window after their trace began, where that
/// was before the log is read: they are decided as traces of their own. One use, one thread at a time.
/// </summary>
/// <param name="question">What is tried, on what.</param>
/// <param name="log">The partition's log.</param>
/// <param name="folder">A folder of its own, for the store.</param>
/// <param name="cuts">The process's storage threads.</param>
/// <param name="time">Tells when it has read for long enough.</param>
/// <param name="logger">Receives what a partition's parts have to say.</param>
internal sealed class DryRunPass(DryRun question, IBatchLog log, string folder, CutScheduler cuts, TimeProvider time, ILogger logger)
{
    private static readonly PartitionStoreOptions StoreOptions = new() { MemoryBudgetBytes = Limits.DryRunStoreBytes, ForceToDisk = false };

    private readonly long _started = time.GetTimestamp();
    private readonly Dictionary<(string Reason, string? Key), DryRunCount> _groups = [];
    private readonly Dictionary<string, DryRunCount>[] _fields = [.. question.Fields.Select(_ => new Dictionary<string, DryRunCount>(StringComparer.Ordinal))];
    private readonly DryRunCount[] _others = new DryRunCount[question.Fields.Count];
    private readonly byte[] _dataset = Encoding.UTF8.GetBytes(question.Dataset);
    private DryRunCount _all;
    private long _bytes;
    private long _keptBytes;
    private double _weight;
    private string _stopped = "";

    /// <summary>Tries them.</summary>
    public DryRunDone Run(CancellationToken cancellation)
    {
        // From where on all traces and epochs that matter are whole.
        var windowMs = question.Policies.Compiled.WindowMs ?? question.WindowMs;
        var beginning = log.Beginning(new DecisionClock(windowMs).EpochOf(Math.Max(0, question.FromMs - windowMs)).Start, cancellation);
        DeleteFolder();      // of one that a crash ended
        try
        {
            using var store = PartitionStore<TraceSummary>.Open(folder, StoreOptions, PartitionSettings.Fingerprint(question.Partition, question.Partitions), cuts, time, logger);
            var (from, to) = Read(store, beginning.Offset, windowMs, cancellation);
            return new()
            {
                Partition = question.Partition,
                QueryId = question.QueryId,
                All = _all,
                Bytes = _bytes,
                KeptBytes = _keptBytes,
                Weight = _weight,
                Groups = [.. _groups.Select(group => new DryRunGroup(group.Key.Reason, Shown(group.Key.Key ?? ""), group.Value))],
                Fields = [.. _fields.Select((values, i) => new DryRunField([.. values.Select(value => new DryRunValue(value.Key, value.Value))], _others[i]))],
                Reach = new(from, to, _all.Rows, beginning.LogStart > 0 && beginning.Offset <= beginning.LogStart, _stopped, ""),
            };
        }
        finally
        {
            DeleteFolder();
        }
    }

    private void DeleteFolder()
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Reads with two cursors, as a partition does; the log times of the first and the last record that were counted.</summary>
    private (long FromMs, long ToMs) Read(PartitionStore<TraceSummary> store, long from, long windowMs, CancellationToken cancellation)
    {
        var policies = new PolicyTimeline([new(question.Policies, 0, long.MaxValue)]);
        var clock = new DecisionClock(windowMs);
        var keys = new TraceKeys(logger);
        var pending = new PendingEpochs(store.Blocks, Limits.PendingTracesHeld, logger);
        var tracker = new TraceTracker(question.Partition, store.Summaries, new(), keys, pending) { KeepsKeysOfDropped = true };
        var compiled = question.Policies.Compiled;
        using EventBatchReader headReader = new(), trailReader = new();
        using var trail = log.Read(from, question.UntilOffset, cancellation).GetEnumerator();
        var hasTrail = trail.MoveNext();
        long headTime = 0, trailTime = 0, first = 0, last = 0;
        foreach (var record in log.Read(from, question.UntilOffset, cancellation))
        {
            headTime = Math.Max(headTime, record.AppendTimeMs);
            if (trailTime >= question.ToMs || !GoesOn())
            {
                break;
            }

            if (EventBatchReader.IsEventBatch(record.Value.Span))
            {
                tracker.Fold(headReader.Read(record.Value), headTime, compiled, policies, clock);
            }

            Trail(clock.TrailingLimit(headTime));
        }

        // What has not had its window is not decided, and not counted.
        return (first, last);

        void Trail(long limit)
        {
            tracker.DecideEpochs(limit, policies, clock, question.Partitions);
            while (hasTrail && Math.Max(trailTime, trail.Current.AppendTimeMs) < limit && GoesOn())
            {
                trailTime = Math.Max(trailTime, trail.Current.AppendTimeMs);
                if (trailTime >= question.FromMs && trailTime < question.ToMs && EventBatchReader.IsEventBatch(trail.Current.Value.Span))
                {
                    var batch = trailReader.Read(trail.Current.Value);
                    Count(batch, tracker.Decide(batch, trail.Current.Offset, trailTime, compiled, policies));
                    first = first == 0 ? trailTime : first;
                    last = trailTime;
                }

                pending.Forget(trailTime);
                hasTrail = trail.MoveNext();
            }
        }
    }

    private bool GoesOn()
    {
        if (time.GetElapsedTime(_started).TotalSeconds < Limits.LogPassSecondsMax)
        {
            return true;
        }

        _stopped = $"the log was read for {Limits.LogPassSecondsMax} s; try a shorter time";
        return false;
    }

    private void Count(EventBatch batch, RowDecisions decisions)
    {
        var isAsked = AskedRows(batch);
        var bytes = RowBytes.Of(batch);
        for (var row = 0; row < batch.Rows; row++)
        {
            if (!isAsked[row])
            {
                continue;
            }

            var (decision, key, reason) = decisions[row];
            Add(ref _all, decision.Keep);
            _bytes += bytes[row];
            _keptBytes += decision.Keep ? bytes[row] : 0;
            _weight += decision.Keep ? decision.Rate : 0;
            var group = _groups.Count < Limits.DryRunGroupsMax || _groups.ContainsKey((reason, key)) ? (reason, key) : (reason, KeySets.OtherValue);
            Add(ref CollectionsMarshal.GetValueRefOrAddDefault(_groups, group, out _), decision.Keep);
        }

        for (var field = 0; field < _fields.Length; field++)
        {
            CountValues(batch, decisions, isAsked, question.Fields[field], _fields[field], ref _others[field]);
        }
    }

    private bool[] AskedRows(EventBatch batch)
    {
        var asked = new bool[batch.Rows];
        for (var row = 0; row < asked.Length; row++)
        {
            asked[row] = _dataset.Length == 0 || batch.Datasets[batch.DatasetCodes[row]].SequenceEqual(_dataset);
        }

        return asked;
    }

    private static void CountValues(EventBatch batch, RowDecisions decisions, bool[] isAsked, string field, Dictionary<string, DryRunCount> values, ref DryRunCount others)
    {
        var columns = new List<ColumnVector>();
        batch.GetColumns(field, columns);
        foreach (var column in columns)
        {
            var byCode = column.Type == ColumnType.Dictionary ? new string?[column.Strings.Count] : null;
            for (int row = 0, k = 0; row < batch.Rows; row++)
            {
                if (!column.Has(row))
                {
                    continue;
                }

                var at = k++;
                if (!isAsked[row])
                {
                    continue;
                }

                var value = byCode is null ? Shown(column.Value(at).ToString()) : byCode[column.CodeAt(at)] ??= Shown(column.Strings.Text(column.CodeAt(at)));
                if (values.Count < Limits.DryRunValuesMax || values.ContainsKey(value))
                {
                    Add(ref CollectionsMarshal.GetValueRefOrAddDefault(values, value, out _), decisions[row].Decision.Keep);
                }
                else
                {
                    Add(ref others, decisions[row].Decision.Keep);
                }
            }
        }
    }

    private static string Shown(string value) => value.Length <= Limits.DryRunValueChars ? value : value[..Limits.DryRunValueChars];

    private static void Add(ref DryRunCount count, bool isKept) => count = new(count.Rows + 1, count.Kept + (isKept ? 1 : 0));
}
