using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FASTER.core;

namespace StreamObserve.Storage.Engine;

/// <summary>Where a read puts the value, and what came of it. One a session, reused.</summary>
internal sealed class ChunkRead
{
    public IBufferWriter<byte>? Destination { get; set; }

    public ReadOutcome Outcome { get; set; }
}

/// <summary>
/// What the engine calls for chunks. A stored value is <c>CRC-32 of key and payload, 4 bytes | payload</c>.
/// A value is never changed in place, so readers need no lock and an old cut's pages stay as they are.
/// </summary>
internal sealed class ChunkFunctions : FunctionsBase<ChunkKey, SpanByte, uint, ChunkRead, Empty>
{
    public const int ChecksumBytes = sizeof(uint);

    /// <summary>CRC-32 over the payload and the key, so that a value found under another key is noticed.</summary>
    public static uint Checksum(in ChunkKey key, ReadOnlySpan<byte> payload)
    {
        ReadOnlySpan<byte> keyBytes = MemoryMarshal.AsBytes(new ReadOnlySpan<ChunkKey>(in key));
        return Crc32.HashToUInt32(payload) ^ Crc32.HashToUInt32(keyBytes);
    }

    // The source spans the payload but counts four bytes more, for which the engine makes room: no copy into a
    // buffer of our own just to put the CRC in front.
    public override bool SingleWriter(
        ref ChunkKey key, ref uint input, ref SpanByte src, ref SpanByte dst, ref ChunkRead output, ref UpsertInfo upsertInfo, WriteReason reason)
    {
        Span<byte> value = dst.AsSpan();
        BinaryPrimitives.WriteUInt32LittleEndian(value, input);
        unsafe
        {
            new ReadOnlySpan<byte>(src.ToPointer(), value.Length - ChecksumBytes).CopyTo(value[ChecksumBytes..]);
        }

        return true;
    }

    public override bool ConcurrentWriter(
        ref ChunkKey key, ref uint input, ref SpanByte src, ref SpanByte dst, ref ChunkRead output, ref UpsertInfo upsertInfo) => false;

    public override bool SingleReader(ref ChunkKey key, ref uint input, ref SpanByte value, ref ChunkRead dst, ref ReadInfo readInfo) =>
        Read(in key, ref value, dst);

    public override bool ConcurrentReader(ref ChunkKey key, ref uint input, ref SpanByte value, ref ChunkRead dst, ref ReadInfo readInfo) =>
        Read(in key, ref value, dst);

    private static bool Read(in ChunkKey key, ref SpanByte value, ChunkRead read)
    {
        ReadOnlySpan<byte> stored = value.AsReadOnlySpan();
        if (stored.Length < ChecksumBytes
            || BinaryPrimitives.ReadUInt32LittleEndian(stored) != Checksum(key, stored[ChecksumBytes..]))
        {
            read.Outcome = ReadOutcome.Damaged;
            return true;
        }

        if (read.Destination is { } destination)
        {
            // Room for all of it at once: the writer would double its way there, copying each time.
            ReadOnlySpan<byte> payload = stored[ChecksumBytes..];
            payload.CopyTo(destination.GetSpan(payload.Length));
            destination.Advance(payload.Length);
        }

        read.Outcome = ReadOutcome.Found;
        return true;
    }
}

/// <summary>The engine's length rule for chunk values, restated because the key is of fixed length.</summary>
internal static class ChunkValueLength
{
    public static VariableLengthStructSettings<ChunkKey, SpanByte> Settings { get; } = new()
    {
        valueLength = new SpanByteVarLenStruct(),
    };

    /// <summary>Bytes that a payload takes in the log.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RecordBytes(int payloadBytes) => (payloadBytes + Limits.RecordOverheadBytes) & ~7;
}
