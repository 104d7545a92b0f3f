using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Contracts.Messages;

/// <summary>A question that a partition answers in two steps, from a snapshot: <see cref="LeafAccepted"/>, then <see cref="LeafAnswer"/>.</summary>
public interface ILeafQuestion : IPartitionMessage
{
    /// <summary>The asker's own id of the question.</summary>
    long QueryId { get; }
}

/// <summary>
/// One partition's part of a query. The answer comes in two steps: <see cref="LeafAccepted"/> at once, so that a missing partition is noticed early, then
/// <see cref="LeafAnswer"/> when it is computed. <paramref name="QueryId"/> is the asker's own.
/// </summary>
public sealed record LeafQuery(int Partition, long QueryId, string Dataset, QuerySpec Spec, ResolvedTime Time, QuerySource Source) : ILeafQuestion
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
        w.Text(Dataset);
        w.Text(QuerySpecJson.Format(Spec));
        w.I64(Time.StartNs);
        w.I64(Time.EndNs);
        w.Varint((ulong)Time.GranularitySeconds);
        w.U8((byte)Source);
    }

    internal static LeafQuery Read(ref ByteReader r)
    {
        int partition = r.Count();
        var id = r.I64();
        var dataset = r.Text();
        var parsed = QuerySpecJson.Parse(System.Text.Encoding.UTF8.GetBytes(r.Text()), true);
        if (!parsed.TryGet(out var spec, out var errors))
        {
            throw new FormatException($"a leaf query that does not read: {errors[0].Message}");
        }

        return new(partition, id, dataset, spec, new(r.I64(), r.I64(), r.Count()), (QuerySource)r.U8());
    }
}

/// <summary>
/// One partition's part of a comparison of a selection with the rest: both are over the rows of <paramref name="Spec"/> within [<paramref name="StartNs"/>,
/// <paramref name="EndNs"/>). The answer's result is an exported comparison.
/// </summary>
public sealed record LeafBubbleUp(int Partition, long QueryId, string Dataset, QuerySpec Spec, long StartNs, long EndNs, BubbleUpSelection Selection) : ILeafQuestion
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
        w.Text(Dataset);
        w.Text(QuerySpecJson.Format(Spec));
        w.I64(StartNs);
        w.I64(EndNs);

        // A selection is the time and condition of a query.
        w.Text(QuerySpecJson.Format(new() { StartTimeNs = Selection.StartNs, EndTimeNs = Selection.EndNs, Where = Selection.Where }));
    }

    internal static LeafBubbleUp Read(ref ByteReader r)
    {
        int partition = r.Count();
        var id = r.I64();
        var dataset = r.Text();
        var spec = ReadSpec(r.Text());
        long start = r.I64(), end = r.I64();
        var selection = ReadSpec(r.Text());
        return new(partition, id, dataset, spec, start, end, new(selection.StartTimeNs, selection.EndTimeNs, selection.Where));
    }

    private static QuerySpec ReadSpec(string json) => QuerySpecJson.Parse(System.Text.Encoding.UTF8.GetBytes(json), true).TryGet(out var spec, out var errors)
        ? spec
        : throw new FormatException($"a leaf's comparison that does not read: {errors[0].Message}");
}

/// <summary>The partition has the query and works on it.</summary>
public sealed record LeafAccepted(int Partition, long QueryId) : IWireMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
    }

    internal static LeafAccepted Read(ref ByteReader r) => new(r.Count(), r.I64());
}

/// <summary>Nobody waits for the answer any more.</summary>
public sealed record CancelLeafQuery(int Partition, long QueryId) : IPartitionMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
    }

    internal static CancelLeafQuery Read(ref ByteReader r) => new(r.Count(), r.I64());
}

/// <summary>What became of a leaf query.</summary>
public enum LeafStatus : byte
{
    /// <summary><see cref="LeafAnswer.Result"/> holds the partial result.</summary>
    Answered,

    /// <summary>The asked source can't answer the question: <see cref="LeafAnswer.Text"/> says why. The same at every partition that has the data.</summary>
    Refused,

    /// <summary>Not now: the partition is being opened, reads its log again or goes to another owner. Soon it can.</summary>
    Unavailable,

    /// <summary>It failed: damaged bytes, a bug. <see cref="LeafAnswer.Text"/> for people.</summary>
    Failed,

    /// <summary>Not now: too many queries wait, or memory is used up. Asking again at once would make it worse.</summary>
    Overloaded,
}

/// <summary>What an answer is about: both cursors, the head's log time (unix milliseconds), event times held (unix nanoseconds), lost offsets.</summary>
public sealed record LeafCoverage(long HeadOffset, long TrailingOffset, long HeadLogTimeMs, long? FromNs, long? ToNs, IReadOnlyList<LostRange> Lost)
{
    internal void Write(ByteWriter w)
    {
        w.I64(HeadOffset);
        w.I64(TrailingOffset);
        w.I64(HeadLogTimeMs);
        w.I64(FromNs ?? long.MinValue);
        w.I64(ToNs ?? long.MinValue);
        w.Varint((ulong)Lost.Count);
        foreach (var lost in Lost)
        {
            w.Varint((ulong)lost.Partition);
            w.I64(lost.FromOffset);
            w.I64(lost.ToOffset);
        }
    }

    internal static LeafCoverage Read(ref ByteReader r)
    {
        long head = r.I64(), trailing = r.I64(), logTime = r.I64(), from = r.I64(), to = r.I64();
        var lost = new LostRange[r.Count()];
        for (var i = 0; i < lost.Length; i++)
        {
            lost[i] = new(r.Count(), r.I64(), r.I64());
        }

        return new(head, trailing, logTime, from == long.MinValue ? null : from, to == long.MinValue ? null : to, lost);
    }
}

/// <summary>A partition's answer; <paramref name="Result"/> is there when it is <see cref="LeafStatus.Answered"/>.</summary>
public sealed record LeafAnswer(int Partition, long QueryId, LeafStatus Status, string Text, LeafResult? Result, LeafCoverage? Coverage) : IWireMessage
{
    /// <summary>The result over the earlier range of a comparison, from the same snapshot; null when the query compares with none.</summary>
    public LeafResult? Earlier { get; init; }

    /// <summary>How the result was made; there when it is <see cref="LeafStatus.Answered"/>.</summary>
    public ScanExplanation? Explanation { get; init; }

    /// <summary>Of a partition that did not answer: why, and whether asking again may help.</summary>
    public FailedPartition AsFailed() => new(Partition, Text.Split('\n')[0], Status is LeafStatus.Unavailable or LeafStatus.Overloaded);

    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
        w.U8((byte)Status);
        w.Text(Text);
        w.U8(Result is null ? (byte)0 : (byte)1);
        Result?.Write(w);
        w.U8(Earlier is null ? (byte)0 : (byte)1);
        Earlier?.Write(w);
        w.U8(Coverage is null ? (byte)0 : (byte)1);
        Coverage?.Write(w);
        w.U8(Explanation is null ? (byte)0 : (byte)1);
        Explanation?.Export(w);
    }

    internal static LeafAnswer Read(ref ByteReader r)
    {
        int partition = r.Count();
        var id = r.I64();
        var status = (LeafStatus)r.U8();
        var text = r.Text();
        var result = r.U8() == 0 ? null : LeafResult.Read(ref r);
        var earlier = r.U8() == 0 ? null : LeafResult.Read(ref r);
        var coverage = r.U8() == 0 ? null : LeafCoverage.Read(ref r);
        return new(partition, id, status, text, result, coverage)
        {
            Earlier = earlier,
            Explanation = r.U8() == 0 ? null : ScanExplanation.Import(ref r),
        };
    }
}

/// <summary>Asks a partition for all rows whose <paramref name="Field"/> is <paramref name="Value"/>; the trace id, or what correlates events that have none.</summary>
public sealed record TraceLookup(int Partition, long QueryId, string Field, string Value) : IPartitionMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
        w.Text(Field);
        w.Text(Value);
    }

    internal static TraceLookup Read(ref ByteReader r) => new(r.Count(), r.I64(), r.Text(), r.Text());
}

/// <summary>
/// A trace's rows as JSON objects with their times. <paramref name="Arrived"/> = rows that arrived within the window, by the summary; -1 when that is not known any
/// more. <paramref name="Kept"/> = the decision, null when there is none yet.
/// </summary>
public sealed record TraceFound(
    int Partition, long QueryId, IReadOnlyList<(long TimeNs, byte[] Json)> Rows, long Arrived, bool? Kept, string Reason, string? Failure, LeafCoverage? Coverage) : IWireMessage
{
    /// <summary>True when sampling may have dropped rows that were asked for, by another field than the trace id: which, nobody knows.</summary>
    public bool MayLackDropped { get; init; }

    /// <summary>True when the trace's window has not passed: more rows of it may come that its decision will count.</summary>
    public bool IsInWindow { get; init; }

    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
        w.Varint((ulong)Rows.Count);
        foreach (var (time, json) in Rows)
        {
            w.I64(time);
            w.Blob(json);
        }

        w.I64(Arrived);
        w.U8((byte)(Kept switch { null => 0, false => 1, true => 2 } | (MayLackDropped ? 4 : 0) | (IsInWindow ? 8 : 0)));
        w.Text(Reason);
        w.Text(Failure ?? "");
        w.U8(Coverage is null ? (byte)0 : (byte)1);
        Coverage?.Write(w);
    }

    internal static TraceFound Read(ref ByteReader r)
    {
        int partition = r.Count();
        var id = r.I64();
        var rows = new (long, byte[])[r.Count()];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = (r.I64(), r.Blob().ToArray());
        }

        var arrived = r.I64();
        var flags = r.U8();
        bool? kept = (flags & 3) switch { 0 => null, 1 => false, _ => true };
        var reason = r.Text();
        var failure = r.Text();
        return new(partition, id, rows, arrived, kept, reason, failure.Length == 0 ? null : failure, r.U8() == 0 ? null : LeafCoverage.Read(ref r)) { MayLackDropped = (flags & 4) != 0, IsInWindow = (flags & 8) != 0 };
    }
}

/// <summary>Asks a partition for its catalog.</summary>
public sealed record CatalogQuery(int Partition, long QueryId) : IPartitionMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
    }

    internal static CatalogQuery Read(ref ByteReader r) => new(r.Count(), r.I64());
}

/// <summary>A field in a partition's catalog: values by kind (index = FieldKind) and the log time of the newest, unix milliseconds.</summary>
public sealed record CatalogPartField(string Name, long LastWrittenMs, IReadOnlyList<long> Counts);

/// <summary>A partition's catalog.</summary>
public sealed record CatalogPart(int Partition, long QueryId, IReadOnlyList<(string Dataset, IReadOnlyList<CatalogPartField> Fields)> Datasets, LeafCoverage Coverage) : IWireMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(QueryId);
        w.Varint((ulong)Datasets.Count);
        foreach (var (dataset, fields) in Datasets)
        {
            w.Text(dataset);
            w.Varint((ulong)fields.Count);
            foreach (var field in fields)
            {
                w.Text(field.Name);
                w.I64(field.LastWrittenMs);
                w.Varint((ulong)field.Counts.Count);
                foreach (var count in field.Counts)
                {
                    w.Varint((ulong)count);
                }
            }
        }

        Coverage.Write(w);
    }

    internal static CatalogPart Read(ref ByteReader r)
    {
        int partition = r.Count();
        var id = r.I64();
        var datasets = new (string, IReadOnlyList<CatalogPartField>)[r.Count()];
        for (var d = 0; d < datasets.Length; d++)
        {
            var name = r.Text();
            var fields = new CatalogPartField[r.Count()];
            for (var f = 0; f < fields.Length; f++)
            {
                var field = r.Text();
                var last = r.I64();
                var counts = new long[r.Count()];
                for (var k = 0; k < counts.Length; k++)
                {
                    counts[k] = (long)r.Varint();
                }

                fields[f] = new(field, last, counts);
            }

            datasets[d] = (name, fields);
        }

        return new(partition, id, datasets, LeafCoverage.Read(ref r));
    }
}

/// <summary>Asks a partition how it stands.</summary>
public sealed record PartitionStatusQuery(int Partition) : IPartitionMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w) => w.Varint((ulong)Partition);

    internal static PartitionStatusQuery Read(ref ByteReader r) => new(r.Count());
}

/// <summary>How a partition stands: its policy version at the head, rows kept and dropped behind the trailing cursor.</summary>
public sealed record PartitionStatus(int Partition, bool Serving, int PolicyVersion, long KeptRows, long DroppedRows, LeafCoverage? Coverage) : IWireMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.U8(Serving ? (byte)1 : (byte)0);
        w.Varint((ulong)PolicyVersion);
        w.I64(KeptRows);
        w.I64(DroppedRows);
        w.U8(Coverage is null ? (byte)0 : (byte)1);
        Coverage?.Write(w);
    }

    internal static PartitionStatus Read(ref ByteReader r) =>
        new(r.Count(), r.U8() != 0, r.Count(), r.I64(), r.I64(), r.U8() == 0 ? null : LeafCoverage.Read(ref r));
}
