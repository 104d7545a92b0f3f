using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using StreamObserve.Hosting;
using StreamObserve.Processors.State;

namespace StreamObserve.Processors;

/// <summary>How the partitions of this node stand, for metrics and readiness. Written by their actors, read by any thread.</summary>
public sealed class PartitionBoard : IReadinessSource
{
    private readonly ConcurrentDictionary<int, Entry> _entries = new();

    /// <summary>Registers the gauges.</summary>
    public PartitionBoard(ProcessorMetrics metrics)
    {
        metrics.Observe("lag.records", "records between the head cursor and the log's end", () => Read(e => e.Lag));
        metrics.Observe("rows.kept", "rows that the trailing cursor kept", () => Read(e => e.Kept));
        metrics.Observe("rows.sealed", "kept rows in sealed blocks", () => Read(e => e.Sealed));
        metrics.Observe("rows.dropped", "rows that the trailing cursor dropped", () => Read(e => e.Dropped));
        metrics.Observe("sealed.bytes", "stored bytes of sealed blocks", () => Read(e => e.SealedBytes));
        metrics.Observe("recent.bytes", "bytes of batches held between the cursors", () => Read(e => e.RecentBytes));
        metrics.Observe("head.cpu.milliseconds", "CPU time that the head cursor took", () => Read(e => e.Cpu.Head));
        metrics.Observe("decide.cpu.milliseconds", "CPU time that samplers and limits took to decide epochs", () => Read(e => e.Cpu.Decide));
        metrics.Observe("trailing.cpu.milliseconds", "CPU time that the trailing cursor took, without deciding epochs and sealing what it kept", () => Read(e => e.Cpu.Trail));
        metrics.Observe("seal.cpu.milliseconds", "CPU time that sealing blocks took", () => Read(e => e.Cpu.Seal));
        metrics.Observe("columns.bytes", "bytes of decoded columns of sealed blocks held for queries", () => Read(e => e.ColumnBytes));
    }

    /// <inheritdoc/>
    public string Name => "processor";

    /// <inheritdoc/>
    public Readiness Check()
    {
        foreach (var (partition, entry) in _entries)
        {
            if (entry.Failure is { } failure)
            {
                return Readiness.No($"partition {partition}: {failure}");
            }
        }

        return Readiness.Yes;
    }

    internal void Open(int partition, PartitionState state) => _entries[partition] = Of(state, 0);

    internal void Advance(int partition, PartitionState state, long endOffset, bool atEnd) =>
        _entries[partition] = Of(state, atEnd || endOffset < 0 ? 0 : Math.Max(0, endOffset - state.Head.Offset)) with { Failure = _entries.GetValueOrDefault(partition)?.Failure };

    internal void Fail(int partition, string reason) => _entries[partition] = (_entries.GetValueOrDefault(partition) ?? new(0, 0, 0, 0, 0, 0, 0, default, null)) with { Failure = reason };

    internal void CutFailed(int partition, string reason) => Fail(partition, reason);

    internal void CutSucceeded(int partition)
    {
        if (_entries.TryGetValue(partition, out var entry) && entry.Failure is not null)
        {
            _entries[partition] = entry with { Failure = null };
        }
    }

    internal void Close(int partition)
    {
        if (_entries.TryGetValue(partition, out var entry) && entry.Failure is null)
        {
            _entries.TryRemove(partition, out _);
        }
    }

    private static Entry Of(PartitionState state, long lag) =>
        new(lag, state.KeptRows, state.SealedRows, state.DroppedRows, state.SealedBytes, state.RecentBytes, state.ColumnBytes, CpuOf(state), null);

    private static CpuMilliseconds CpuOf(PartitionState state) => new(state.HeadCpuNs / 1_000_000, state.DecideCpuNs / 1_000_000, state.TrailCpuNs / 1_000_000, state.SealCpuNs / 1_000_000);

    private IEnumerable<Measurement<long>> Read(Func<Entry, long> value) =>
        _entries.Select(entry => new Measurement<long>(value(entry.Value), new KeyValuePair<string, object?>("partition", entry.Key)));

    private sealed record Entry(long Lag, long Kept, long Sealed, long Dropped, long SealedBytes, long RecentBytes, long ColumnBytes, CpuMilliseconds Cpu, string? Failure);

    private readonly record struct CpuMilliseconds(long Head, long Decide, long Trail, long Seal);
}
