namespace StreamObserve.Broker.Log;

/// <summary>A batch that a producer had stored: enough to recognise its retry and to answer it as the first time.</summary>
internal readonly record struct StoredBatch(int FirstSequence, int LastSequence, long BaseOffset, long Timestamp);

/// <summary>What one partition knows of one producer. Guarded by the partition's lock.</summary>
internal sealed class ProducerState(long producerId)
{
    private readonly StoredBatch[] _batches = new StoredBatch[Limits.RememberedBatches];

    public long ProducerId { get; } = producerId;

    public short Epoch { get; set; } = -1;

    /// <summary>Batches remembered of this epoch, at most <see cref="Limits.RememberedBatches"/>.</summary>
    public int BatchCount { get; private set; }

    /// <summary>The first offset of the open transaction, -1 without one.</summary>
    public long TransactionFirstOffset { get; set; } = -1;

    /// <summary>When the producer last wrote, Unix milliseconds.</summary>
    public long LastWriteMs { get; set; }

    /// <summary>The sequence of the last record stored in this epoch; -1 when there is none.</summary>
    public int LastSequence => BatchCount == 0 ? -1 : _batches[BatchCount - 1].LastSequence;

    /// <summary>The remembered batches, oldest first.</summary>
    public ReadOnlySpan<StoredBatch> Batches => _batches.AsSpan(0, BatchCount);

    /// <summary>Enters an epoch; its sequences begin anew.</summary>
    public void EnterEpoch(short epoch)
    {
        if (epoch != Epoch)
        {
            Epoch = epoch;
            BatchCount = 0;
        }
    }

    /// <summary>Remembers a stored batch and forgets the oldest one past the limit.</summary>
    public void Remember(in StoredBatch batch)
    {
        if (BatchCount == _batches.Length)
        {
            _batches.AsSpan(1).CopyTo(_batches);
            BatchCount--;
        }

        _batches[BatchCount++] = batch;
    }

    /// <summary>Whether these sequences are those of a remembered batch.</summary>
    public bool TryFindDuplicate(int firstSequence, int lastSequence, out StoredBatch stored)
    {
        foreach (StoredBatch batch in Batches)
        {
            if (batch.FirstSequence == firstSequence && batch.LastSequence == lastSequence)
            {
                stored = batch;
                return true;
            }
        }

        stored = default;
        return false;
    }
}
