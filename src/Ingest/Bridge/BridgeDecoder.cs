using System.Text;
using StreamObserve.Core.Events;
using StreamObserve.Ingest.Decoding;
using StreamObserve.Kafka.Consuming;

namespace StreamObserve.Ingest.Bridge;

/// <summary>
/// Decodes each source record from librdkafka's memory straight into the draft and keeps track of the positions. The hot loop of ingest: nothing is allocated per record.
/// Polling thread only.
/// </summary>
internal sealed class BridgeDecoder : IRecordSink, IRefusalSink
{
    private const long NsPerMs = 1_000_000;

    private readonly Dictionary<string, SourceTopic> _sources = new(StringComparer.Ordinal);
    private readonly Dictionary<LogPartition, Slot> _slots = [];
    private readonly HashSet<(LogPartition, long)> _poison = [];
    private readonly DatasetNames _datasets = new();
    private readonly TimeProvider _time;
    private readonly Action<string> _warn;
    private Slot? _slot;
    private long _offset;

    public BridgeDecoder(IReadOnlyList<SourceTopic> sources, TimeProvider time, TransactionDraft draft, Action<string> warn)
    {
        foreach (var source in sources)
        {
            _sources.Add(source.Topic, source);
        }

        _time = time;
        _warn = warn;
        Draft = draft;
    }

    /// <summary>Where decoded events go.</summary>
    public TransactionDraft Draft { get; set; }

    /// <summary>Partitions whose offset no longer exists, to be looked at by the polling thread.</summary>
    public bool OffsetIsLost { get; private set; }

    public void Accept(in ConsumedRecord record)
    {
        var slot = _slot;
        if (slot is null || slot.Partition.Partition != record.Partition || !ReferenceEquals(slot.Partition.Topic, record.Topic))
        {
            slot = SlotOf(new LogPartition(record.Topic, record.Partition));
        }

        _offset = record.Offset;
        try
        {
            Decode(record, slot);
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            // The decoder may have half of the record: the draft cannot be trusted. The record is read again, and then goes to the dead letters undecoded.
            _poison.Add((slot.Partition, record.Offset));
            throw new DecoderFaultException(slot.Partition, record.Offset, fault);
        }

        slot.Next = record.Offset + 1;
        slot.IsDirty = true;
        Draft.Records++;
    }

    public void ReachedEnd(string topic, int partition, long nextOffset)
    {
    }

    public void OffsetLost(string topic, int partition) => OffsetIsLost = true;

    public void Failed(string topic, int partition, string error) => _warn($"{topic}[{partition}]: {error}");

    public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) =>
        Draft.Add(new DeadLetter(bytes.ToArray(), reason, detail, _slot!.Partition, _offset, index));

    /// <summary>Puts the positions reached since the last call into the draft.</summary>
    public void TakePositions()
    {
        foreach (var slot in _slots.Values)
        {
            if (slot.IsDirty)
            {
                slot.IsDirty = false;
                Draft.Positions.Add(new LogPosition(slot.Partition, slot.Next));
            }
        }
    }

    /// <summary>Forgets what was decoded and where the partitions stood: they are about to be read from their committed offsets.</summary>
    public void Forget()
    {
        Draft.Clear();
        _slots.Clear();
        _slot = null;
        OffsetIsLost = false;
    }

    private void Decode(in ConsumedRecord record, Slot slot)
    {
        if (record.IsNull)
        {
            Refuse(0, RefusalReasons.Empty, "a record without a value", []);
            return;
        }

        if (_poison.Count > 0 && _poison.Contains((slot.Partition, record.Offset)))
        {
            Refuse(0, BridgeRefusalReasons.DecoderFault, "decoding the record failed by a fault of this program", record.Value);
            return;
        }

        var encoding = slot.Source.Encoding;
        string? dataset = null;
        var headers = record.Headers;
        if (headers.Any)
        {
            // Slow path: few producers set headers.
            if (headers.TryGet("content-type\0"u8, out var contentType) && !TryReadContentType(contentType, out encoding))
            {
                Refuse(0, BridgeRefusalReasons.UnknownContentType, $"content-type \"{Printable(contentType)}\": read are {ContentTypes.Known}", record.Value);
                return;
            }

            if (headers.TryGet("dataset\0"u8, out var name))
            {
                dataset = _datasets.TextOf(name);
            }
        }

        var timestampMs = record.TimestampMs;
        var arrivalNs = timestampMs > 0 && timestampMs < long.MaxValue / NsPerMs ? timestampMs * NsPerMs : _time.GetUtcNow().ToUnixTimeMilliseconds() * NsPerMs;
        Draft.Events += Draft.Batches.Append(record.Value, encoding, new RecordSource(dataset, slot.Source.DefaultDataset, arrivalNs), this);
    }

    private Slot SlotOf(LogPartition partition)
    {
        if (!_slots.TryGetValue(partition, out var slot))
        {
            slot = new Slot(partition, _sources[partition.Topic]);
            _slots.Add(partition, slot);
        }
        else if (!ReferenceEquals(slot.Partition.Topic, partition.Topic))
        {
            slot.Partition = partition; // the consumer made the name's text anew
        }

        return _slot = slot;
    }

    private static bool TryReadContentType(ReadOnlySpan<byte> utf8, out PayloadEncoding encoding)
    {
        Span<char> text = stackalloc char[128];
        encoding = PayloadEncoding.Json;
        return utf8.Length <= text.Length && ContentTypes.TryParse(text[..Encoding.Latin1.GetChars(utf8, text)], out encoding);
    }

    private static string Printable(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8.Length <= 128 ? utf8 : utf8[..128]);

    /// <summary>Where one source partition stands.</summary>
    private sealed class Slot(LogPartition partition, SourceTopic source)
    {
        public LogPartition Partition { get; set; } = partition;

        public SourceTopic Source { get; } = source;

        public long Next { get; set; }

        public bool IsDirty { get; set; }
    }
}

/// <summary>Decoding a record failed by a fault of this program, not by the record's being bad.</summary>
internal sealed class DecoderFaultException(LogPartition partition, long offset, Exception inner)
    : Exception($"{partition} offset {offset}: the decoder failed: {inner.Message}", inner);
