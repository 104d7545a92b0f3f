using StreamObserve.Core.Events;
using StreamObserve.Kafka.Producing;

namespace StreamObserve.Ingest.Decoding;

/// <summary>
/// Decodes payloads into the batches of one transaction. Batches that are full are set aside encoded, so that log records stay near a megabyte however much
/// a transaction holds. Not thread-safe; may move between threads between calls.
/// </summary>
internal sealed class BatchAssembler
{
    private readonly EventRouter _router;
    private readonly List<(int Partition, byte[] Record)> _full = [];
    private readonly ShiftedRefusals _shifted = new();
    private long _fullBytes;
    private int _sinceCheck;

    public BatchAssembler(int partitions, CorrelationFields? correlation = null) => _router = new EventRouter(partitions, correlation);

    /// <summary>Estimate of the memory that the waiting events take.</summary>
    public long Bytes => _router.ApproximateBytes + _fullBytes;

    /// <summary>Batches that are full and set aside, encoded.</summary>
    public IReadOnlyList<(int Partition, byte[] Record)> Full => _full;

    /// <summary>Decodes one record or request body; returns the events taken. Refused ones go to <paramref name="refusals"/> with their index in the payload.</summary>
    public int Append(ReadOnlySpan<byte> payload, PayloadEncoding encoding, in RecordSource source, IRefusalSink refusals)
    {
        int taken;

        // Fast path: most records are one event of a few hundred bytes.
        if (payload.Length <= Limits.DecodeBytes)
        {
            taken = _router.Append(payload, encoding, source, refusals);
            _sinceCheck += payload.Length;
            if (_sinceCheck >= Limits.FullCheckBytes)
            {
                SetFullBatchesAside();
            }

            return taken;
        }

        return AppendInPieces(payload, encoding, source, refusals);
    }

    /// <summary>Puts all waiting events into the writer's transaction and forgets them.</summary>
    public void ProduceTo(TransactionalWriter writer, string topic)
    {
        foreach (var (partition, record) in _full)
        {
            writer.Produce(topic, partition, record, []);
        }

        _full.Clear();
        _fullBytes = 0;
        for (var partition = 0; partition < _router.Partitions; partition++)
        {
            while (_router.TryTakeBatch(partition, out var record))
            {
                writer.Produce(topic, partition, record, []);
            }
        }
    }

    /// <summary>Forgets all waiting events.</summary>
    public void Clear()
    {
        _router.Clear();
        _full.Clear();
        _fullBytes = 0;
        _sinceCheck = 0;
    }

    // Slow path: a large record is taken in pieces that end between events. An array has no such places before it is read: it is taken whole.
    private int AppendInPieces(ReadOnlySpan<byte> payload, PayloadEncoding encoding, in RecordSource source, IRefusalSink refusals)
    {
        var taken = 0;
        _shifted.Begin(refusals);
        while (!payload.IsEmpty)
        {
            var length = PieceLength(payload, encoding);
            var refusedBefore = _shifted.Count;
            var now = _router.Append(payload[..length], encoding, source, _shifted);
            taken += now;
            _shifted.Base += now + _shifted.Count - refusedBefore;
            SetFullBatchesAside();
            payload = payload[length..];
            if (encoding == PayloadEncoding.Json && payload.Trim(" \t\r\n"u8).IsEmpty)
            {
                break; // nothing but white space left, which is not one more event
            }
        }

        _shifted.End();
        return taken;
    }

    private static int PieceLength(ReadOnlySpan<byte> payload, PayloadEncoding encoding)
    {
        if (payload.Length <= Limits.DecodeBytes)
        {
            return payload.Length;
        }

        // Lines of text end anywhere; JSON events begin with a bracket at a line's start, which objects laid out over many lines have only at their own beginning.
        var window = payload[..Limits.DecodeBytes];
        var isText = encoding == PayloadEncoding.Text;
        if (!isText && payload.TrimStart(" \t\r\n"u8) is not [(byte)'{', ..])
        {
            return payload.Length;
        }

        var cut = isText ? window.LastIndexOf((byte)'\n') : window.LastIndexOf("\n{"u8);
        if (cut < 0)
        {
            var next = isText ? payload[window.Length..].IndexOf((byte)'\n') : payload[(window.Length - 1)..].IndexOf("\n{"u8) - 1;
            cut = next < 0 ? payload.Length - 1 : window.Length + next;
        }

        return cut + 1;
    }

    private void SetFullBatchesAside()
    {
        _sinceCheck = 0;
        for (var partition = 0; partition < _router.Partitions; partition++)
        {
            // More than one where another partition's rows were encoded first, and these along with them.
            while (_router.IsFull(partition) && _router.TryTakeBatch(partition, out var record))
            {
                _full.Add((partition, record));
                _fullBytes += record.Length;
            }
        }
    }

    /// <summary>Passes refusals on with the index in the whole payload.</summary>
    private sealed class ShiftedRefusals : IRefusalSink
    {
        private IRefusalSink? _target;

        public int Base { get; set; }

        public int Count { get; private set; }

        public void Begin(IRefusalSink target) => (_target, Base, Count) = (target, 0, 0);

        public void End() => _target = null;

        public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes)
        {
            Count++;
            _target!.Refuse(Base + index, reason, detail, bytes);
        }
    }
}
