using System.Text;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Contracts.Messages;

/// <summary>
/// Starts a live tail at a partition, for the actor that sends it: <see cref="TailRows"/> go there. Repeated (<see cref="TailRenew"/>) every few seconds, or the partition forgets it:
/// subscribers may die silently. <paramref name="FromOffset"/> = resume from that offset where the recent window still has it, null = from now.
/// </summary>
public sealed record TailSubscribe(
    int Partition, long SubscriptionId, string Dataset, Condition? Filter, int RowsPerSecond, IReadOnlyList<Calculation> Calculations, long? FromOffset) : IPartitionMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(SubscriptionId);
        w.Text(Dataset);
        w.Text(QuerySpecJson.Format(new QuerySpec { Where = Filter, Calculations = Calculations.Count == 0 ? [Calculation.Count] : Calculations }));
        w.U8(Calculations.Count == 0 ? (byte)0 : (byte)1);
        w.Varint((ulong)RowsPerSecond);
        w.I64(FromOffset ?? -1);
    }

    internal static TailSubscribe Read(ref ByteReader r)
    {
        int partition = r.Count();
        var id = r.I64();
        var dataset = r.Text();
        var parsed = QuerySpecJson.Parse(Encoding.UTF8.GetBytes(r.Text()));
        if (!parsed.TryGet(out var spec, out var errors))
        {
            throw new FormatException($"a tail's filter that does not read: {errors[0].Message}");
        }

        var calculates = r.U8() != 0;
        int rate = r.Count();
        var from = r.I64();
        return new(partition, id, dataset, spec.Where, rate, calculates ? spec.Calculations : [], from < 0 ? null : from);
    }
}

/// <summary>Keeps a tail alive.</summary>
public sealed record TailRenew(int Partition, long SubscriptionId) : IPartitionMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(SubscriptionId);
    }

    internal static TailRenew Read(ref ByteReader r) => new(r.Count(), r.I64());
}

/// <summary>Ends a tail.</summary>
public sealed record TailUnsubscribe(int Partition, long SubscriptionId) : IPartitionMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(SubscriptionId);
    }

    internal static TailUnsubscribe Read(ref ByteReader r) => new(r.Count(), r.I64());
}

/// <summary>Answers a subscribe or a renewal: known or, after the partition moved or forgot, not (subscribe again, from the last offset). <paramref name="Refusal"/> is empty when it runs.</summary>
public sealed record TailStarted(int Partition, long SubscriptionId, bool Known, long HeadOffset, string Refusal) : IWireMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(SubscriptionId);
        w.U8(Known ? (byte)1 : (byte)0);
        w.I64(HeadOffset);
        w.Text(Refusal);
    }

    internal static TailStarted Read(ref ByteReader r) => new(r.Count(), r.I64(), r.U8() != 0, r.I64(), r.Text());
}

/// <summary>
/// What one batch held for a tail: how many rows matched, those sent as JSON objects, and the running calculations' state for this batch (an exported partial result, empty
/// when there are none). <paramref name="Offset"/> is the batch's offset: a resume goes on behind it.
/// </summary>
public sealed record TailRows(int Partition, long SubscriptionId, long Offset, long Matched, IReadOnlyList<(long TimeNs, byte[] Json)> Rows, ReadOnlyMemory<byte> Calculated) : IWireMessage
{
    /// <inheritdoc/>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)Partition);
        w.I64(SubscriptionId);
        w.I64(Offset);
        w.Varint((ulong)Matched);
        w.Varint((ulong)Rows.Count);
        foreach (var (time, json) in Rows)
        {
            w.I64(time);
            w.Blob(json);
        }

        w.Blob(Calculated.Span);
    }

    internal static TailRows Read(ref ByteReader r)
    {
        int partition = r.Count();
        long id = r.I64(), offset = r.I64(), matched = (long)r.Varint();
        var rows = new (long, byte[])[r.Count()];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = (r.I64(), r.Blob().ToArray());
        }

        return new(partition, id, offset, matched, rows, r.Blob().ToArray());
    }
}
