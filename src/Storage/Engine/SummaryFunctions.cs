using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FASTER.core;

namespace StreamObserve.Storage.Engine;

/// <summary>A summary as it is stored: the struct and a CRC-32 of key and struct.</summary>
internal struct SummaryRecord<T>
    where T : unmanaged
{
    public T Summary;
    public uint Checksum;

    public readonly uint ComputeChecksum(in ChunkKey key)
    {
        ReadOnlySpan<byte> summary = MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in Summary));
        return Crc32.HashToUInt32(summary) ^ (uint)(key.High ^ (key.High >> 32) ^ key.Low ^ (key.Low >> 32));
    }
}

/// <summary>A change on its way to the record: the caller's updater, pinned, and the code that applies it.</summary>
internal unsafe struct SummaryUpdate<T>
    where T : unmanaged
{
    public void* Updater;
    public delegate*<void*, ref T, bool, void> Apply;
}

/// <summary>What an operation on a summary came to. One a session, reused.</summary>
internal sealed class SummaryCell<T>
    where T : unmanaged
{
    public T Summary;
    public ReadOutcome Outcome;
}

/// <summary>What the engine calls for summaries.</summary>
internal sealed unsafe class SummaryFunctions<T> : FunctionsBase<ChunkKey, SummaryRecord<T>, SummaryUpdate<T>, SummaryCell<T>, Empty>
    where T : unmanaged
{
    public override bool InPlaceUpdater(
        ref ChunkKey key, ref SummaryUpdate<T> input, ref SummaryRecord<T> value, ref SummaryCell<T> output, ref RMWInfo rmwInfo)
    {
        input.Apply(input.Updater, ref value.Summary, false);
        value.Checksum = value.ComputeChecksum(in key);
        output.Outcome = ReadOutcome.Found;
        return true;
    }

    public override bool InitialUpdater(
        ref ChunkKey key, ref SummaryUpdate<T> input, ref SummaryRecord<T> value, ref SummaryCell<T> output, ref RMWInfo rmwInfo)
    {
        Create(in key, ref input, ref value);
        output.Outcome = ReadOutcome.NotFound;
        return true;
    }

    public override bool CopyUpdater(
        ref ChunkKey key,
        ref SummaryUpdate<T> input,
        ref SummaryRecord<T> oldValue,
        ref SummaryRecord<T> newValue,
        ref SummaryCell<T> output,
        ref RMWInfo rmwInfo)
    {
        if (oldValue.ComputeChecksum(in key) != oldValue.Checksum)
        {
            Create(in key, ref input, ref newValue);
            output.Outcome = ReadOutcome.Damaged;
            return true;
        }

        newValue = oldValue;
        input.Apply(input.Updater, ref newValue.Summary, false);
        newValue.Checksum = newValue.ComputeChecksum(in key);
        output.Outcome = ReadOutcome.Found;
        return true;
    }

    public override bool SingleReader(
        ref ChunkKey key, ref SummaryUpdate<T> input, ref SummaryRecord<T> value, ref SummaryCell<T> dst, ref ReadInfo readInfo) =>
        Read(in key, ref value, dst);

    public override bool ConcurrentReader(
        ref ChunkKey key, ref SummaryUpdate<T> input, ref SummaryRecord<T> value, ref SummaryCell<T> dst, ref ReadInfo readInfo) =>
        Read(in key, ref value, dst);

    private static bool Read(in ChunkKey key, ref SummaryRecord<T> value, SummaryCell<T> cell)
    {
        // Computed where the record lies: a copy need not keep the bytes between the struct's fields.
        cell.Outcome = value.ComputeChecksum(in key) == value.Checksum ? ReadOutcome.Found : ReadOutcome.Damaged;
        cell.Summary = value.Summary;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Create(in ChunkKey key, ref SummaryUpdate<T> input, ref SummaryRecord<T> value)
    {
        value = default;
        input.Apply(input.Updater, ref value.Summary, true);
        value.Checksum = value.ComputeChecksum(in key);
    }
}
