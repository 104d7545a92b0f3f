using System.Buffers;

namespace StreamObserve.Broker.Records;

/// <summary>Builds an uncompressed batch record by record: the broker's own journal, and what compaction leaves of a batch.</summary>
internal sealed class RecordBatchBuilder
{
    private readonly ArrayBufferWriter<byte> _records = new();
    private int _count;

    /// <summary>Records added so far.</summary>
    public int Count => _count;

    /// <summary>Adds a record without a key and headers.</summary>
    public void AddValue(ReadOnlySpan<byte> value)
    {
        int offsetDelta = _count;
        int length = 1 + 1 + VarintSize(offsetDelta) + 1 + VarintSize(value.Length) + value.Length + 1;
        WriteVarint(length);
        WriteRaw(0); // attributes
        WriteVarint(0); // time delta
        WriteVarint(offsetDelta);
        WriteVarint(-1); // no key
        WriteVarint(value.Length);
        _records.Write(value);
        WriteVarint(0); // headers
        _count++;
    }

    /// <summary>Adds a record as it stands in another batch of the same base offset and time.</summary>
    public void AddRecord(ReadOnlySpan<byte> record)
    {
        _records.Write(record);
        _count++;
    }

    /// <summary>The batch for <paramref name="template"/>'s place, times and producer, with the records added.</summary>
    public byte[] BuildLike(in RecordBatch template, bool transactional)
    {
        byte[] batch = Allocate();
        RecordBatch.WriteHeader(
            batch,
            template.BaseOffset,
            transactional,
            control: false,
            template.IsLogAppendTime,
            template.LastOffsetDelta,
            template.BaseTimestamp,
            template.MaxTimestamp,
            template.ProducerId,
            template.ProducerEpoch,
            template.BaseSequence,
            _count);
        return batch;
    }

    /// <summary>The batch, without a producer; its offset is assigned when it is appended.</summary>
    public byte[] Build(long timestamp)
    {
        byte[] batch = Allocate();
        RecordBatch.WriteHeader(
            batch, 0, transactional: false, control: false, logAppendTime: false, _count - 1, timestamp, timestamp, -1, -1, -1, _count);
        return batch;
    }

    private byte[] Allocate()
    {
        byte[] batch = new byte[RecordBatch.HeaderBytes + _records.WrittenCount];
        _records.WrittenSpan.CopyTo(batch.AsSpan(RecordBatch.HeaderBytes));
        return batch;
    }

    private static int VarintSize(int value)
    {
        uint raw = (uint)((value << 1) ^ (value >> 31));
        int size = 1;
        while (raw >= 0x80)
        {
            raw >>= 7;
            size++;
        }

        return size;
    }

    private void WriteVarint(int value)
    {
        uint raw = (uint)((value << 1) ^ (value >> 31));
        while (raw >= 0x80)
        {
            WriteRaw((byte)(raw | 0x80));
            raw >>= 7;
        }

        WriteRaw((byte)raw);
    }

    private void WriteRaw(byte value)
    {
        _records.GetSpan(1)[0] = value;
        _records.Advance(1);
    }
}
