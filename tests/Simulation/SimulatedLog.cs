using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Kafka.Consuming;

namespace StreamObserve.Simulation;

/// <summary>One record of the simulated log, with what it was made from; rows in the order of the batch.</summary>
internal sealed class SimulatedRecord
{
    public required long Offset { get; init; }

    public required long AppendTimeMs { get; init; }

    public required byte[] Value { get; init; }

    public IReadOnlyList<SimulatedEvent> Events { get; init; } = [];

    public SimulatedPolicy? Policy { get; init; }

    /// <summary>True when the partition lost the record before its head cursor had seen it.</summary>
    public bool IsUnseen { get; set; }

    /// <summary>True when its rows are missing from aggregates.</summary>
    public bool IsLostToAggregates { get; set; }

    /// <summary>True when its rows are missing from the rows.</summary>
    public bool IsLostToRows { get; set; }
}

/// <summary>One partition of the batches log in memory: offsets with gaps, append times that may step back, a beginning that may move.</summary>
internal sealed class SimulatedLog(Random random)
{
    private readonly List<SimulatedRecord> _records = [];

    public IReadOnlyList<SimulatedRecord> Records => _records;

    /// <summary>The first offset that is still there.</summary>
    public long Start { get; private set; }

    /// <summary>The offset of the next record.</summary>
    public long End { get; private set; }

    public SimulatedRecord Append(long appendTimeMs, byte[] value, IReadOnlyList<SimulatedEvent> events, SimulatedPolicy? policy = null)
    {
        var record = new SimulatedRecord { Offset = End, AppendTimeMs = appendTimeMs, Value = value, Events = events, Policy = policy };
        _records.Add(record);
        End = record.Offset + (random.Next(4) == 0 ? 2 : 1);     // a transaction's marker takes an offset too
        return record;
    }

    /// <summary>Retention takes everything below an offset.</summary>
    public void TruncateBefore(long offset) => Start = Math.Max(Start, offset);

    /// <summary>Neighbouring records from an offset on, as a reader hands them over.</summary>
    public LogBurst Read(long from, int recordsMax)
    {
        LostRange? lost = from < Start ? new LostRange(from, Start) : null;
        var records = new List<LogRecord>();
        var next = Math.Max(from, Start);
        foreach (var record in _records)
        {
            if (record.Offset >= next && records.Count < recordsMax)
            {
                records.Add(new(record.Offset, record.AppendTimeMs, record.Value));
                next = record.Offset + 1;
            }
        }

        var atEnd = _records.Count == 0 || _records[^1].Offset < next;
        return new(records, atEnd ? Math.Max(next, End) : next, End, atEnd, lost);
    }

    /// <summary>Makes a record's bytes of events, through the router that ingest uses; the events come back in the order of the batch.</summary>
    public static IReadOnlyList<(int Partition, byte[] Value, IReadOnlyList<SimulatedEvent> Events)> Encode(EventRouter router, IReadOnlyList<SimulatedEvent> events)
    {
        var refusals = new FailOnRefusal();
        foreach (var e in events)
        {
            router.Append(e.ToJson(), PayloadEncoding.Json, new(e.Dataset, "unknown", 0), refusals);
        }

        var byNumber = events.ToDictionary(e => e.Number);
        var reader = new EventBatchReader();
        var batches = new List<(int, byte[], IReadOnlyList<SimulatedEvent>)>();
        for (var partition = 0; partition < router.Partitions; partition++)
        {
            while (router.TryTakeBatch(partition, out var value))
            {
                batches.Add((partition, value, [.. SegmentRows.NumbersOf(reader.Read(value)).Select(number => byNumber[number])]));
            }
        }

        return batches;
    }

    private sealed class FailOnRefusal : IRefusalSink
    {
        public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => throw new InvalidOperationException($"{reason}: {detail}");
    }
}
