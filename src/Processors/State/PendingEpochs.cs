using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;
using StreamObserve.Storage;

namespace StreamObserve.Processors.State;

/// <summary>An epoch that is not decided yet.</summary>
/// <param name="start">Its first millisecond of log time.</param>
/// <param name="end">The millisecond after its last.</param>
internal sealed class PendingEpoch(long start, long end)
{
    public long Start { get; } = start;

    public long End { get; } = end;

    /// <summary>Traces that began in it and are held here.</summary>
    public List<TraceKey> Traces { get; set; } = [];

    /// <summary>Whether a trace may be in the lists twice: one whose summary was damaged began anew.</summary>
    public bool MayRepeat { get; set; }

    /// <summary>Lists of traces that are in the store.</summary>
    public int Stored { get; set; }

    /// <summary>How many rows without a trace each group has.</summary>
    public Dictionary<SampledGroup, long> Rows { get; } = [];
}

/// <summary>What rows without a trace stand for in an epoch that is decided.</summary>
/// <param name="Start">The epoch's first millisecond of log time.</param>
/// <param name="End">The millisecond after its last.</param>
/// <param name="Rates">By group.</param>
internal sealed record DecidedEpoch(long Start, long End, IReadOnlyDictionary<SampledGroup, double> Rates);

/// <summary>
/// Which traces began in each epoch that is not decided yet, and how many rows without a trace there are, for samplers that decide an epoch's traces together. Held up to bounds: past them the
/// lists of traces go to a store, and further groups of rows are one. Single writer. Part of the cut.
/// </summary>
internal sealed class PendingEpochs(ChunkStore store, int tracesHeld, ILogger log)
{
    // Blocks and folds have numbers far below.
    private const ulong KeyOfEpochs = 1UL << 62;
    private const int TraceBytes = 16;

    private readonly Queue<PendingEpoch> _epochs = [];
    private readonly List<DecidedEpoch> _decided = [];
    private PendingEpoch? _newest;
    private int _held;
    private int _groups;

    /// <summary>Groups of rows without a trace whose epochs are decided and not forgotten. Where they are many the rows should be sealed.</summary>
    public int DecidedGroups { get; private set; }

    /// <summary>Adds a trace that began in an epoch, where it may have begun before if what was known of it is damaged. Epochs come in ascending order.</summary>
    public void AddTrace(Epoch epoch, TraceKey trace, bool mayBeKnown)
    {
        var of = Of(epoch);
        of.Traces.Add(trace);
        of.MayRepeat |= mayBeKnown;
        if (++_held > tracesHeld)
        {
            Store();
        }
    }

    /// <summary>Counts a row without a trace, or its bytes.</summary>
    public void AddRow(Epoch epoch, in SampledGroup group, long amount = 1)
    {
        var rows = Of(epoch).Rows;
        var counted = _groups < Limits.PendingGroupsHeld || rows.ContainsKey(group) ? group : Others(group);
        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(rows, counted, out var exists);
        count += amount;
        _groups += exists ? 0 : 1;
    }

    /// <summary>Takes the oldest epoch that began before a log time; null when there is none.</summary>
    public PendingEpoch? TakeBefore(long limit)
    {
        if (_epochs.Count == 0 || _epochs.Peek().Start >= limit)
        {
            return null;
        }

        var taken = _epochs.Dequeue();
        _held -= taken.Traces.Count;
        _groups -= taken.Rows.Count;
        _newest = ReferenceEquals(taken, _newest) ? null : _newest;
        return taken;
    }

    /// <summary>The traces of an epoch, each once; those in the store are read.</summary>
    public IEnumerable<TraceKey> TracesOf(PendingEpoch epoch)
    {
        var seen = epoch.MayRepeat ? new HashSet<TraceKey>() : null;
        using var scratch = new LentBuffer();
        for (var list = 0; list < epoch.Stored; list++)
        {
            var bytes = ReadStored(epoch, list, scratch);
            for (var at = 0; at < bytes.Length; at += TraceBytes)
            {
                var trace = TraceKey.FromBytes(bytes.Span.Slice(at, TraceBytes));
                if (seen?.Add(trace) != false)
                {
                    yield return trace;
                }
            }
        }

        foreach (var trace in epoch.Traces)
        {
            if (seen?.Add(trace) != false)
            {
                yield return trace;
            }
        }
    }

    /// <summary>Remembers what rows without a trace stand for, until <see cref="Forget"/>.</summary>
    public void Decided(PendingEpoch epoch, IReadOnlyDictionary<SampledGroup, double> rates)
    {
        if (epoch.Rows.Count > 0)
        {
            _decided.Add(new(epoch.Start, epoch.End, rates));
            DecidedGroups += rates.Count;
        }
    }

    /// <summary>What a row without a trace at a log time stands for.</summary>
    public double RateOf(long logTimeMs, in SampledGroup group)
    {
        var rates = _decided.FindLast(epoch => epoch.Start <= logTimeMs)!.Rates;
        return rates.TryGetValue(group, out var rate) ? rate : rates[Others(group)];
    }

    /// <summary>Forgets what was decided of epochs that ended before a log time: none of their rows is asked about again.</summary>
    public void Forget(long beforeMs)
    {
        if (_decided.RemoveAll(epoch => epoch.End <= beforeMs) > 0)
        {
            DecidedGroups = _decided.Sum(epoch => epoch.Rates.Count);
        }
    }

    /// <summary>Writes all of it.</summary>
    public void Write(ByteWriter writer)
    {
        writer.Varint((ulong)_epochs.Count);
        foreach (var epoch in _epochs)
        {
            writer.I64(epoch.Start);
            writer.I64(epoch.End);
            writer.Varint((ulong)epoch.Stored);
            writer.Blob(Bytes(epoch));
            writer.Varint((ulong)epoch.Rows.Count);
            foreach (var (group, rows) in epoch.Rows)
            {
                Write(writer, group);
                writer.Varint((ulong)rows);
            }
        }

        writer.Varint((ulong)_decided.Count);
        foreach (var epoch in _decided)
        {
            writer.I64(epoch.Start);
            writer.I64(epoch.End);
            writer.Varint((ulong)epoch.Rates.Count);
            foreach (var (group, rate) in epoch.Rates)
            {
                Write(writer, group);
                writer.F64(rate);
            }
        }
    }

    /// <summary>Reads what <see cref="Write(ByteWriter)"/> wrote into an empty instance.</summary>
    public void Read(ref ByteReader reader)
    {
        for (var left = reader.Count(); left > 0; left--)
        {
            var epoch = new PendingEpoch(reader.I64(), reader.I64()) { Stored = reader.Count(), MayRepeat = true };     // whether one does is not in the cut
            var traces = reader.Blob();
            for (var at = 0; at < traces.Length; at += TraceBytes)
            {
                epoch.Traces.Add(TraceKey.FromBytes(traces.Slice(at, TraceBytes)));
            }

            for (var groups = reader.Count(); groups > 0; groups--)
            {
                epoch.Rows.Add(ReadGroup(ref reader), (long)reader.Varint());
            }

            _epochs.Enqueue(_newest = epoch);
            _held += epoch.Traces.Count;
            _groups += epoch.Rows.Count;
        }

        for (var left = reader.Count(); left > 0; left--)
        {
            long start = reader.I64(), end = reader.I64();
            var rates = new Dictionary<SampledGroup, double>();
            for (var groups = reader.Count(); groups > 0; groups--)
            {
                rates.Add(ReadGroup(ref reader), reader.F64());
            }

            _decided.Add(new(start, end, rates));
            DecidedGroups += rates.Count;
        }
    }

    /// <summary>All groups of a rule past those that are told apart.</summary>
    private static SampledGroup Others(in SampledGroup group) => group with { Key = KeySets.OtherValue };

    /// <summary>A stored list. One that is damaged is empty: its traces are kept for want of a decision.</summary>
    private ReadOnlyMemory<byte> ReadStored(PendingEpoch epoch, int list, LentBuffer scratch)
    {
        try
        {
            return LargeValues.Read(store, Key(epoch, list), scratch, $"list {list} of the traces that began at {epoch.Start}");
        }
        catch (IOException damaged)
        {
            log.LogError(damaged, "traces that began from log time {Start} on stay without a decision, and are kept", epoch.Start);
            return default;
        }
    }

    private PendingEpoch Of(Epoch epoch)
    {
        if (_newest is null || _newest.Start != epoch.Start)
        {
            _epochs.Enqueue(_newest = new(epoch.Start, epoch.End));
        }

        return _newest;
    }

    /// <summary>Moves the longest lists to the store, until half of the room is free.</summary>
    private void Store()
    {
        for (var least = Math.Max(1, tracesHeld / 64); _held > tracesHeld / 2; least = Math.Max(1, least / 4))
        {
            foreach (var epoch in _epochs)
            {
                if (epoch.Traces.Count >= least)
                {
                    LargeValues.Write(store, Key(epoch, epoch.Stored++), Bytes(epoch));
                    _held -= epoch.Traces.Count;
                    epoch.Traces = [];
                }
            }
        }
    }

    private static ChunkKey Key(PendingEpoch epoch, int list) => new(KeyOfEpochs | (ulong)epoch.Start, (ulong)list);

    private static byte[] Bytes(PendingEpoch epoch)
    {
        var bytes = new byte[epoch.Traces.Count * TraceBytes];
        for (var i = 0; i < epoch.Traces.Count; i++)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * TraceBytes), epoch.Traces[i].High);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan((i * TraceBytes) + 8), epoch.Traces[i].Low);
        }

        return bytes;
    }

    private static void Write(ByteWriter writer, in SampledGroup group)
    {
        writer.Varint((ulong)group.Version);
        writer.Text(group.Policy);
        writer.Varint((ulong)group.Rule);
        writer.Text(group.Key);
    }

    private static SampledGroup ReadGroup(ref ByteReader reader) => new(reader.Count(), reader.Text(), (short)reader.Count(), reader.Text());
}
