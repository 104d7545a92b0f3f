using System.Collections.Concurrent;
using ZstdSharp;

namespace StreamObserve.Core.Columns;

/// <summary>Decompressors for all readers of a process: one has some hundred KB of tables, and only as many are in use as threads decode at the moment. Thread-safe.</summary>
internal static class ChunkDecompressor
{
    private static readonly ConcurrentBag<Decompressor> Idle = [];

    /// <summary>Unpacks one frame; returns the bytes written. Damage is an exception.</summary>
    public static int Unwrap(ReadOnlySpan<byte> packed, Span<byte> into)
    {
        var decompressor = Idle.TryTake(out var idle) ? idle : new();
        var written = decompressor.Unwrap(packed, into);        // one that threw is left to the collector
        Idle.Add(decompressor);
        return written;
    }
}
