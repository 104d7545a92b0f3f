using StreamObserve.Core.Events;
using StreamObserve.Ingest.Decoding;
using StreamObserve.Kafka.Consuming;

namespace StreamObserve.Ingest.Bridge;

/// <summary>
/// One transaction of the bridge before it is written: decoded events, dead letters, and the source positions up to which it covers the input.
/// The element of the bridge's stream. Two of them take turns: one is filled while the other is written. Owned by one thread at a time.
/// </summary>
internal sealed class TransactionDraft(int partitions, CorrelationFields? correlation = null)
{
    private long _deadLetterBytes;

    /// <summary>The decoded events.</summary>
    public BatchAssembler Batches { get; private set; } = new(partitions, correlation);

    /// <summary>What was refused.</summary>
    public List<DeadLetter> DeadLetters { get; } = [];

    /// <summary>Where each source partition stands after this transaction.</summary>
    public List<LogPosition> Positions { get; } = [];

    /// <summary>The bridge's place in its group when the draft was finished.</summary>
    public GroupMembership? Membership { get; set; }

    /// <summary>Source records in it.</summary>
    public long Records { get; set; }

    /// <summary>Events in it.</summary>
    public long Events { get; set; }

    /// <summary>Estimate of the memory that it takes.</summary>
    public long Bytes => Batches.Bytes + _deadLetterBytes;

    /// <summary>Notes a refused event.</summary>
    public void Add(DeadLetter letter)
    {
        DeadLetters.Add(letter);
        _deadLetterBytes += letter.Bytes.Length + 512;
    }

    /// <summary>Makes it empty again.</summary>
    public void Clear()
    {
        Batches.Clear();
        DeadLetters.Clear();
        Positions.Clear();
        Membership = null;
        Records = 0;
        Events = 0;
        _deadLetterBytes = 0;
    }

    /// <summary>Makes it empty with a decoder made anew, after a fault that may have left the old one in disorder.</summary>
    public void Renew()
    {
        Batches = new BatchAssembler(partitions, correlation);
        Clear();
    }
}
