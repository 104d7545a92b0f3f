using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;

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
