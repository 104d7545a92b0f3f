using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Contracts.Messages;

/// <summary>A question for which a partition reads its log once more. It answers in two steps: <see cref="LeafAccepted"/>, then <see cref="ILogAnswer"/>.</summary>
public interface ILogQuestion : IPartitionMessage
{
    /// <summary>The asker's own id of the question.</summary>
    long QueryId { get; }
}

/// <summary>The answer to a <see cref="ILogQuestion"/>.</summary>
public interface ILogAnswer : IWireMessage
{
    /// <summary>Which partition.</summary>
    int Partition { get; }

    /// <summary>The asker's id.</summary>
    long QueryId { get; }

    /// <summary>How far the log was read.</summary>
    LogReach Reach { get; }
}

/// <summary>What a reading of the log is about, and where it ended.</summary>
/// <param name="FromMs">Log time of the first record that was read, unix milliseconds; 0 when there was none.</param>
/// <param name="ToMs">Log time of the last.</param>
/// <param name="Rows">Rows that were read.</param>
/// <param name="IsTruncated">Retention has taken records of before <paramref name="FromMs"/> that were asked for.</param>
/// <param name="Stopped">Why it ended early; empty when it did not.</param>
/// <param name="Failure">Why there is no answer; empty when there is one.</param>
/// <param name="IsRetryable">Whether asking again may help.</param>
public sealed record LogReach(long FromMs, long ToMs, long Rows, bool IsTruncated, string Stopped, string Failure, bool IsRetryable = true)
{
    /// <summary>Nothing was read.</summary>
    public static LogReach Failed(string why, bool isRetryable = true) => new(0, 0, 0, false, "", why, isRetryable);

    internal void Write(ByteWriter w)
    {
        w.I64(FromMs);
        w.I64(ToMs);
        w.I64(Rows);
        w.U8((byte)((IsTruncated ? 1 : 0) | (IsRetryable ? 2 : 0)));
        w.Text(Stopped);
        w.Text(Failure);
    }

    internal static LogReach Read(ref ByteReader r)
    {
        long from = r.I64(), to = r.I64(), rows = r.I64();
        var flags = r.U8();
        return new(from, to, rows, (flags & 1) != 0, r.Text(), r.Text(), (flags & 2) != 0);
    }
}

/// <summary>
/// Asks a partition to bring dropped rows back for reading: all rows of a trace, or of traces of which a row meets the condition of <paramref name="Spec"/> within
/// [<paramref name="StartNs"/>, <paramref name="EndNs"/>), and such rows that have no trace. <paramref name="TraceId"/> is empty where a condition is meant.
/// </summary>
public sealed record Promote(int Partition, long QueryId, string TraceId, string Dataset, QuerySpec Spec, long StartNs, long EndNs) : ILogQuestion
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
        w.Text(TraceId);
        w.Text(Dataset);
        w.Text(QuerySpecJson.Format(Spec));
        w.I64(StartNs);
        w.I64(EndNs);
    }

    internal static Promote Read(ref ByteReader r)
    {
        int partition = r.Count();
        var id = r.I64();
        var trace = r.Text();
        var dataset = r.Text();
        var parsed = QuerySpecJson.Parse(System.Text.Encoding.UTF8.GetBytes(r.Text()), true);
        return parsed.TryGet(out var spec, out var errors)
            ? new(partition, id, trace, dataset, spec, r.I64(), r.I64())
            : throw new FormatException($"a promotion that does not read: {errors[0].Message}");
    }
}

/// <summary>What was brought back, durably. <paramref name="TraceIds"/> are the first of <paramref name="Traces"/>.</summary>
/// <param name="Partition">Which partition.</param>
/// <param name="QueryId">The asker's id.</param>
/// <param name="Promoted">Rows that were brought back.</param>
/// <param name="Already">Rows that had been before.</param>
/// <param name="Kept">Rows that were kept anyway.</param>
/// <param name="Traces">Traces of the rows that were brought back.</param>
/// <param name="TraceIds">Some of their ids.</param>
/// <param name="Reach">How far the log was read.</param>
public sealed record PromoteDone(int Partition, long QueryId, long Promoted, long Already, long Kept, long Traces, IReadOnlyList<string> TraceIds, LogReach Reach) : ILogAnswer
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
        w.I64(Promoted);
        w.I64(Already);
        w.I64(Kept);
        w.I64(Traces);
        w.Varint((ulong)TraceIds.Count);
        foreach (var id in TraceIds)
        {
            w.Text(id);
        }

        Reach.Write(w);
    }

    internal static PromoteDone Read(ref ByteReader r)
    {
        int partition = r.Count();
        long id = r.I64(), promoted = r.I64(), already = r.I64(), kept = r.I64(), traces = r.I64();
        var ids = new string[r.Count()];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = r.Text();
        }

        return new(partition, id, promoted, already, kept, traces, ids, LogReach.Read(ref r));
    }
}

/// <summary>Rows and how many of them are kept.</summary>
public readonly record struct DryRunCount(long Rows, long Kept)
{
    /// <summary>Both together.</summary>
    public static DryRunCount operator +(DryRunCount left, DryRunCount right) => new(left.Rows + right.Rows, left.Kept + right.Kept);

    internal void Write(ByteWriter w)
    {
        w.Varint((ulong)Rows);
        w.Varint((ulong)Kept);
    }

    internal static DryRunCount Read(ref ByteReader r) => new((long)r.Varint(), (long)r.Varint());
}

/// <summary>What one rule or policy, and one key of its sampler, decided.</summary>
public sealed record DryRunGroup(string Reason, string Key, DryRunCount Count);

/// <summary>The rows of one value of a field.</summary>
public sealed record DryRunValue(string Value, DryRunCount Count);

/// <summary>The values of a field; <paramref name="Others"/> are rows of values past those that are told apart.</summary>
public sealed record DryRunField(IReadOnlyList<DryRunValue> Values, DryRunCount Others);

/// <summary>
/// Asks a partition what policies would have kept of a stretch of log time, [<paramref name="FromMs"/>, <paramref name="ToMs"/>), up to an offset.
/// </summary>
/// <param name="Partition">Which partition.</param>
/// <param name="QueryId">The asker's id.</param>
/// <param name="Dataset">Whose rows are counted, in lower case; empty = all.</param>
/// <param name="Policies">All datasets' policies, with the one that is tried.</param>
/// <param name="WindowMs">The window where no policy sets it, milliseconds; filled in by the partition.</param>
/// <param name="Partitions">How many partitions share a goal.</param>
/// <param name="FromMs">Log time, unix milliseconds.</param>
/// <param name="ToMs">Log time, exclusive.</param>
/// <param name="Fields">By whose values rows are counted.</param>
public sealed record DryRun(
    int Partition, long QueryId, string Dataset, SamplingPolicySet Policies, long WindowMs, int Partitions, long FromMs, long ToMs, IReadOnlyList<string> Fields) : ILogQuestion
{
    /// <summary>Up to where the log is read; filled in by the partition.</summary>
    public long UntilOffset { get; init; } = long.MaxValue;

    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
        w.Text(Dataset);
        w.Blob(Policies.ToJson());
        w.I64(WindowMs);
        w.Varint((ulong)Partitions);
        w.I64(FromMs);
        w.I64(ToMs);
        w.Varint((ulong)Fields.Count);
        foreach (var field in Fields)
        {
            w.Text(field);
        }
    }

    internal static DryRun Read(ref ByteReader r)
    {
        int partition = r.Count();
        var id = r.I64();
        var dataset = r.Text();
        if (!SamplingPolicySet.TryParse(r.Blob().ToArray(), out var policies, out var errors))
        {
            throw new FormatException($"policies to try that do not read: {errors[0]}");
        }

        var windowMs = r.I64();
        var partitions = r.Count();
        long from = r.I64(), to = r.I64();
        var fields = new string[r.Count()];
        for (var i = 0; i < fields.Length; i++)
        {
            fields[i] = r.Text();
        }

        return new(partition, id, dataset, policies, windowMs, partitions, from, to, fields);
    }
}

/// <summary>What a partition would have kept.</summary>
public sealed record DryRunDone : ILogAnswer
{
    /// <inheritdoc/>
    public required int Partition { get; init; }

    /// <inheritdoc/>
    public required long QueryId { get; init; }

    /// <summary>Rows.</summary>
    public DryRunCount All { get; init; }

    /// <summary>Bytes of their fields.</summary>
    public long Bytes { get; init; }

    /// <summary>Of the rows that would be kept.</summary>
    public long KeptBytes { get; init; }

    /// <summary>What kept rows would stand for, without the rates of clients.</summary>
    public double Weight { get; init; }

    /// <summary>By what decided.</summary>
    public IReadOnlyList<DryRunGroup> Groups { get; init; } = [];

    /// <summary>By the values of the fields that were asked for, in their order.</summary>
    public IReadOnlyList<DryRunField> Fields { get; init; } = [];

    /// <inheritdoc/>
    public required LogReach Reach { get; init; }

    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
        All.Write(w);
        w.I64(Bytes);
        w.I64(KeptBytes);
        w.F64(Weight);
        w.Varint((ulong)Groups.Count);
        foreach (var (reason, key, count) in Groups)
        {
            w.Text(reason);
            w.Text(key);
            count.Write(w);
        }

        w.Varint((ulong)Fields.Count);
        foreach (var (values, others) in Fields)
        {
            w.Varint((ulong)values.Count);
            foreach (var (value, count) in values)
            {
                w.Text(value);
                count.Write(w);
            }

            others.Write(w);
        }

        Reach.Write(w);
    }

    internal static DryRunDone Read(ref ByteReader r)
    {
        int partition = r.Count();
        var id = r.I64();
        var all = DryRunCount.Read(ref r);
        long bytes = r.I64(), keptBytes = r.I64();
        var weight = r.F64();
        var groups = new DryRunGroup[r.Count()];
        for (var i = 0; i < groups.Length; i++)
        {
            groups[i] = new(r.Text(), r.Text(), DryRunCount.Read(ref r));
        }

        var fields = new DryRunField[r.Count()];
        for (var i = 0; i < fields.Length; i++)
        {
            var values = new DryRunValue[r.Count()];
            for (var v = 0; v < values.Length; v++)
            {
                values[v] = new(r.Text(), DryRunCount.Read(ref r));
            }

            fields[i] = new(values, DryRunCount.Read(ref r));
        }

        return new() { Partition = partition, QueryId = id, All = all, Bytes = bytes, KeptBytes = keptBytes, Weight = weight, Groups = groups, Fields = fields, Reach = LogReach.Read(ref r) };
    }
}
