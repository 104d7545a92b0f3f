using System.Buffers;
using Microsoft.Extensions.Logging.Abstractions;

namespace StreamObserve.Storage.Tests;

/// <summary>A summary as the tests use it.</summary>
public struct Tally
{
    public long Rows;
    public long LastBatch;
    public double Longest;
}

/// <summary>Adds one row to a <see cref="Tally"/>.</summary>
public struct AddRow(long batch) : ISummaryUpdater<Tally>
{
    public void Update(ref Tally summary, bool isNew)
    {
        summary.Rows = isNew ? 1 : summary.Rows + 1;
        summary.LastBatch = batch;
        summary.Longest = Math.Max(summary.Longest, batch);
    }
}

/// <summary>A folder for one test, with the threads and options that its stores use.</summary>
public sealed class TestPartition : IDisposable
{
    /// <summary>Small pages and segments, so that a test reaches eviction, many segments and index checkpoints in a second.</summary>
    public static readonly PartitionStoreOptions Small = new()
    {
        MemoryBudgetBytes = 1 << 20,
        AggregatesPageBytes = 128 << 10,
        AggregatesSegmentBytes = 512 << 10,
        BlocksPageBytes = 512 << 10,
        BlocksSegmentBytes = 1 << 20,
        SummariesPageBytes = 64 << 10,
        SummariesSegmentBytes = 256 << 10,
        IndexCheckpointLogBytes = 2 << 20,
        ForceToDisk = false,
    };

    public TestPartition() => Folder = Directory.CreateTempSubdirectory("storage-test-").FullName;

    public string Folder { get; }

    public CutScheduler Scheduler { get; } = new();

    public PartitionStore<Tally> Open(PartitionStoreOptions? options = null, string fingerprint = "BatchCodec=1") =>
        PartitionStore<Tally>.Open(Folder, options ?? Small, fingerprint, Scheduler, TimeProvider.System, NullLogger.Instance);

    public void Dispose()
    {
        Scheduler.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Reads a value, or null if it is not found; fails the test if it is damaged.</summary>
    public static byte[]? Read(ChunkStore store, ChunkKey key)
    {
        var destination = new ArrayBufferWriter<byte>();
        ReadOutcome outcome = store.TryRead(key, destination);
        Assert.NotEqual(ReadOutcome.Damaged, outcome);
        return outcome == ReadOutcome.Found ? destination.WrittenSpan.ToArray() : null;
    }

    /// <summary>The folder of the newest epoch that has files of a store.</summary>
    public string StoreFolder(long epoch, string store) => Path.Combine(Folder, $"epoch-{epoch:D10}", store);
}

/// <summary>Bytes that anyone can make again from their seed.</summary>
public static class SeededBytes
{
    public static byte[] Make(ulong seed, int length)
    {
        byte[] bytes = new byte[length];
        Fill(seed, bytes);
        return bytes;
    }

    public static void Fill(ulong seed, Span<byte> bytes)
    {
        ulong state = (seed * 0x9E37_79B9_7F4A_7C15) | 1;
        Span<ulong> words = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(bytes);
        for (int i = 0; i < words.Length; i++)
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            words[i] = state;
        }

        for (int i = words.Length * 8; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(state >> ((i & 7) * 8));
        }
    }
}
