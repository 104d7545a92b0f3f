using System.Buffers;
using System.Buffers.Binary;

namespace StreamObserve.Storage.Tests;

/// <summary>
/// A stream of batches that is a function of their numbers, what the stores must hold after each of them, and the
/// check of one against the other. The payload of a cut is the number of the last batch and the retention marks.
/// </summary>
public sealed class ReferenceModel
{
    private const int TraceKeys = 12_000;
    private const int AggregateKeys = 400;
    private const int BlocksPerBatch = 3;
    private const int BatchesKept = 60;

    private readonly Dictionary<ChunkKey, Tally> _summaries = [];
    private readonly Dictionary<ChunkKey, (ulong Seed, int Length)> _aggregates = [];
    private readonly List<long> _blockMarks = [];
    private long _blocksBegin;

    /// <summary>Batches applied so far; the next one has this number.</summary>
    public long NextBatch { get; private set; }

    /// <summary>Rebuilds the model that belongs to a cut's payload.</summary>
    public static ReferenceModel FromPayload(ReadOnlySpan<byte> payload)
    {
        var model = new ReferenceModel();
        long batches = BinaryPrimitives.ReadInt64LittleEndian(payload);
        while (model.NextBatch < batches)
        {
            model.ApplyTo(null);
        }

        for (int at = 16; at < payload.Length; at += 8)
        {
            model._blockMarks.Add(BinaryPrimitives.ReadInt64LittleEndian(payload[at..]));
        }

        model._blocksBegin = BinaryPrimitives.ReadInt64LittleEndian(payload[8..]);
        return model;
    }

    public byte[] Payload()
    {
        byte[] payload = new byte[16 + (8 * _blockMarks.Count)];
        BinaryPrimitives.WriteInt64LittleEndian(payload, NextBatch);
        BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(8), _blocksBegin);
        for (int i = 0; i < _blockMarks.Count; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(16 + (8 * i)), _blockMarks[i]);
        }

        return payload;
    }

    /// <summary>Applies the next batch to the model, and to the stores if given.</summary>
    public void ApplyTo(PartitionStore<Tally>? store)
    {
        long batch = NextBatch++;
        var random = new Random((int)batch * 7919);
        if (store is not null)
        {
            _blockMarks.Add(store.Blocks.TailMark());
        }

        for (int i = 0; i < 200; i++)
        {
            // A hot tail of keys that moves on, as traces do, and now and then an old one.
            long hot = (batch * 100) + random.Next(400);
            var key = new ChunkKey(1, (ulong)((i % 10 == 0 ? random.Next(TraceKeys) : hot) % TraceKeys));
            var add = new AddRow(batch);
            Tally tally = _summaries.GetValueOrDefault(key);
            add.Update(ref tally, !_summaries.ContainsKey(key));
            _summaries[key] = tally;
            store?.Summaries.Update(key, ref add);
        }

        for (int i = 0; i < 20; i++)
        {
            var key = new ChunkKey(2, (ulong)random.Next(AggregateKeys));
            if (random.Next(8) == 0)
            {
                _aggregates.Remove(key);
                store?.Aggregates.Delete(key);
                continue;
            }

            var value = (Seed: (ulong)((batch * 100) + i), Length: random.Next(10) == 0 ? random.Next(60_000) : random.Next(64, 3_000));
            _aggregates[key] = value;
            store?.Aggregates.Upsert(key, SeededBytes.Make(value.Seed, value.Length));
        }

        for (int i = 0; i < BlocksPerBatch; i++)
        {
            store?.Blocks.Upsert(BlockKey(batch, i), BlockValue(batch, i));
        }

        if (store is not null && _blockMarks.Count > BatchesKept)
        {
            _blocksBegin = batch - BatchesKept + 1;
            store.Blocks.ShiftBegin(_blockMarks[^BatchesKept]);
            _blockMarks.RemoveRange(0, _blockMarks.Count - BatchesKept);
        }
    }

    /// <summary>Returns the first difference between the stores and the model, or null.</summary>
    public string? Difference(PartitionStore<Tally> store)
    {
        for (ulong i = 0; i < TraceKeys; i++)
        {
            var key = new ChunkKey(1, i);
            bool expected = _summaries.TryGetValue(key, out Tally tally);
            ReadOutcome outcome = store.Summaries.TryGet(key, out Tally stored);
            if (outcome != (expected ? ReadOutcome.Found : ReadOutcome.NotFound) || !stored.Equals(tally))
            {
                return $"summary {i}: {outcome} rows {stored.Rows} of batch {stored.LastBatch}, expected {expected} rows {tally.Rows} of batch {tally.LastBatch}";
            }
        }

        var buffer = new ArrayBufferWriter<byte>();
        for (ulong i = 0; i < AggregateKeys; i++)
        {
            var key = new ChunkKey(2, i);
            bool expected = _aggregates.TryGetValue(key, out (ulong Seed, int Length) value);
            buffer.ResetWrittenCount();
            ReadOutcome outcome = store.Aggregates.TryRead(key, buffer);
            if (outcome != (expected ? ReadOutcome.Found : ReadOutcome.NotFound)
                || (expected && !buffer.WrittenSpan.SequenceEqual(SeededBytes.Make(value.Seed, value.Length))))
            {
                return $"aggregate {i}: {outcome}, {buffer.WrittenCount} bytes, expected {expected}, {value.Length} bytes";
            }
        }

        for (long batch = Math.Max(0, NextBatch - (2 * BatchesKept)); batch < NextBatch + 3; batch++)
        {
            for (int i = 0; i < BlocksPerBatch; i++)
            {
                buffer.ResetWrittenCount();
                ReadOutcome outcome = store.Blocks.TryRead(BlockKey(batch, i), buffer);

                // Retention drops whole pages: what is older than the mark may still be there, and is right if it is.
                bool mayBeGone = batch < _blocksBegin || batch >= NextBatch;
                bool mayBeThere = batch < NextBatch;
                bool isRight = outcome == ReadOutcome.Found
                    ? mayBeThere && buffer.WrittenSpan.SequenceEqual(BlockValue(batch, i))
                    : outcome == ReadOutcome.NotFound && mayBeGone;
                if (!isRight)
                {
                    return $"block {batch}/{i}: {outcome}, {buffer.WrittenCount} bytes; next batch {NextBatch}, blocks kept from {_blocksBegin}";
                }
            }
        }

        return null;
    }

    private static ChunkKey BlockKey(long batch, int i) => new(3, (ulong)((batch * BlocksPerBatch) + i));

    private static byte[] BlockValue(long batch, int i)
    {
        var random = new Random((int)((batch * BlocksPerBatch) + i));
        return SeededBytes.Make((ulong)((batch * BlocksPerBatch) + i), random.Next(4_096, random.Next(8) == 0 ? 400_000 : 20_000));
    }
}
