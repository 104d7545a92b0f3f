using System.Buffers.Binary;

namespace StreamObserve.Broker.Records;

/// <summary>The marker that ends a transaction in one partition: a control batch of one record.</summary>
internal static class ControlRecord
{
    // length 16 = attributes 1, time delta 1, offset delta 1, key length 1, key 4, value length 1, value 6, header count 1
    private const int RecordBytes = 17;

    /// <summary>Bytes of a marker batch.</summary>
    public const int BatchBytes = RecordBatch.HeaderBytes + RecordBytes;

    /// <summary>Builds the marker batch; the offset is assigned when it is appended.</summary>
    public static byte[] BuildMarker(long producerId, short producerEpoch, bool commit, long timestamp)
    {
        byte[] batch = new byte[BatchBytes];
        Span<byte> record = batch.AsSpan(RecordBatch.HeaderBytes);
        record[0] = 16 << 1;
        record[4] = 4 << 1;
        BinaryPrimitives.WriteInt16BigEndian(record[7..], commit ? (short)1 : (short)0);
        record[9] = 6 << 1;
        RecordBatch.WriteHeader(
            batch, 0, transactional: true, control: true, logAppendTime: false, 0, timestamp, timestamp, producerId, producerEpoch, -1, 1);
        return batch;
    }

    /// <summary>Whether a control batch commits; null when it is not a transaction's marker.</summary>
    public static bool? IsCommit(ReadOnlySpan<byte> batch)
    {
        RecordReader records = new(batch[RecordBatch.HeaderBytes..]);
        if (!records.TryReadNext(out Record record) || record.Key.Length < 4)
        {
            return null;
        }

        return BinaryPrimitives.ReadInt16BigEndian(record.Key[2..]) switch
        {
            0 => false,
            1 => true,
            _ => null,
        };
    }
}
