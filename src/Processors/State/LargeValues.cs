using StreamObserve.Core.Columns;
using System.Buffers.Binary;
using StreamObserve.Storage;

namespace StreamObserve.Processors.State;

/// <summary>
/// Values of any length in a chunk store whose values are bounded by a page: [0][bytes] under the key itself, or [1][count of parts, 4 bytes] there and the parts
/// under keys derived from it. Keys' low words must stay below 2^32, which numbers of chunks and blocks do.
/// </summary>
internal static class LargeValues
{
    /// <summary>Writes a value. Writer's thread.</summary>
    public static void Write(ChunkStore store, ChunkKey key, ReadOnlySpan<byte> value)
    {
        var partBytes = store.ValueBytesMax - 1;
        if (value.Length <= partBytes)
        {
            var whole = LentArrays.Rent<byte>(value.Length + 1);
            whole[0] = 0;
            value.CopyTo(whole.AsSpan(1));
            store.Upsert(key, whole.AsSpan(0, value.Length + 1));
            LentArrays.Return(whole);
            return;
        }

        // Slow path: very wide events over much time.
        var parts = 0;
        for (var at = 0; at < value.Length; at += partBytes)
        {
            store.Upsert(PartKey(key, ++parts), value.Slice(at, Math.Min(partBytes, value.Length - at)));
        }

        Span<byte> head = [1, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32LittleEndian(head[1..], parts);
        store.Upsert(key, head);
    }

    /// <summary>
    /// Reads a value into <paramref name="scratch"/>: valid as long as what is written there. <paramref name="what"/> names it in the <see cref="IOException"/> thrown when it is
    /// damaged or gone. Any thread.
    /// </summary>
    public static ReadOnlyMemory<byte> Read(ChunkStore store, ChunkKey key, LentBuffer scratch, string what)
    {
        scratch.Clear();
        ReadPart(store, key, scratch, what);
        if (scratch.WrittenSpan[0] == 0)
        {
            return scratch.WrittenMemory[1..];
        }

        var parts = BinaryPrimitives.ReadInt32LittleEndian(scratch.WrittenSpan[1..]);
        scratch.Clear();
        for (var part = 1; part <= parts; part++)
        {
            ReadPart(store, PartKey(key, part), scratch, what);
        }

        return scratch.WrittenMemory;
    }

    private static ChunkKey PartKey(ChunkKey key, int part) => new(key.High, key.Low | ((ulong)part << 32));

    private static void ReadPart(ChunkStore store, ChunkKey key, LentBuffer into, string what)
    {
        if (store.TryRead(key, into) is var outcome && outcome != ReadOutcome.Found)
        {
            throw new IOException($"{what} is {(outcome == ReadOutcome.Damaged ? "damaged" : "gone")}");
        }
    }
}
