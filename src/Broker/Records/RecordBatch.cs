using System.Buffers.Binary;

namespace StreamObserve.Broker.Records;

/// <summary>
/// The header of Kafka's record batch, format 2, read and changed in place. Big-endian:
/// <code>
///  0        8       12      16    17      21     23        27        35        43         51     53       57     61
///  | base   | bytes | epoch | mag | crc   | attr | last    | base    | max     | producer | prod | base   | rec  | records
///  | offset | after |       |     | of 21 |      | offset  | time    | time    | id       | epoch| seq    | ords | (opaque)
///  | i64    | i32   | i32   | i8  | u32   | i16  | delta   | i64     | i64     | i64      | i16  | i32    | i32  |
/// </code>
/// </summary>
internal readonly struct RecordBatch
{
    /// <summary>Bytes of the header: the smallest batch.</summary>
    public const int HeaderBytes = 61;

    /// <summary>Bytes before those that the length field counts.</summary>
    public const int LengthPrefixBytes = 12;

    private const int CrcStart = 21;
    private const short CodecMask = 0x07;
    private const short LogAppendTimeBit = 0x08;
    private const short TransactionalBit = 0x10;
    private const short ControlBit = 0x20;

    private RecordBatch(ReadOnlySpan<byte> header)
    {
        BaseOffset = BinaryPrimitives.ReadInt64BigEndian(header);
        Size = (long)LengthPrefixBytes + BinaryPrimitives.ReadInt32BigEndian(header[8..]);
        Magic = header[16];
        Crc = BinaryPrimitives.ReadUInt32BigEndian(header[17..]);
        Attributes = BinaryPrimitives.ReadInt16BigEndian(header[21..]);
        LastOffsetDelta = BinaryPrimitives.ReadInt32BigEndian(header[23..]);
        BaseTimestamp = BinaryPrimitives.ReadInt64BigEndian(header[27..]);
        MaxTimestamp = BinaryPrimitives.ReadInt64BigEndian(header[35..]);
        ProducerId = BinaryPrimitives.ReadInt64BigEndian(header[43..]);
        ProducerEpoch = BinaryPrimitives.ReadInt16BigEndian(header[51..]);
        BaseSequence = BinaryPrimitives.ReadInt32BigEndian(header[53..]);
        RecordCount = BinaryPrimitives.ReadInt32BigEndian(header[57..]);
    }

    public long BaseOffset { get; }

    /// <summary>Bytes of the whole batch.</summary>
    public long Size { get; }

    public byte Magic { get; }

    public uint Crc { get; }

    public short Attributes { get; }

    public int LastOffsetDelta { get; }

    /// <summary>Unix milliseconds.</summary>
    public long BaseTimestamp { get; }

    /// <summary>Unix milliseconds; -1 when the records carry none.</summary>
    public long MaxTimestamp { get; }

    /// <summary>-1 without idempotence.</summary>
    public long ProducerId { get; }

    public short ProducerEpoch { get; }

    public int BaseSequence { get; }

    public int RecordCount { get; }

    public long LastOffset => BaseOffset + LastOffsetDelta;

    public CompressionCodec Codec => (CompressionCodec)(Attributes & CodecMask);

    public bool IsLogAppendTime => (Attributes & LogAppendTimeBit) != 0;

    public bool IsTransactional => (Attributes & TransactionalBit) != 0;

    public bool IsControl => (Attributes & ControlBit) != 0;

    /// <summary>The sequence of the batch's last record; sequences wrap from 2^31 - 1 to 0.</summary>
    public int LastSequence => unchecked((int)(((long)BaseSequence + LastOffsetDelta) & int.MaxValue));

    /// <summary>Reads the header at the start of <paramref name="data"/>, which holds at least <see cref="HeaderBytes"/>. Checks nothing.</summary>
    public static RecordBatch Read(ReadOnlySpan<byte> data) => new(data[..HeaderBytes]);

    /// <summary>The checksum over the bytes of one whole batch.</summary>
    public static uint ComputeCrc(ReadOnlySpan<byte> batch) => Crc32C.Compute(batch[CrcStart..]);

    /// <summary>Whether a header could belong to a whole batch of at most <paramref name="sizeMax"/> bytes.</summary>
    public bool IsPlausible(long sizeMax) =>
        Magic == 2 && Size >= HeaderBytes && Size <= sizeMax && BaseOffset >= 0 && LastOffsetDelta >= 0;

    /// <summary>Writes what the broker assigns to a batch; outside the checksum.</summary>
    public static void Assign(Span<byte> batch, long baseOffset, int leaderEpoch)
    {
        BinaryPrimitives.WriteInt64BigEndian(batch, baseOffset);
        BinaryPrimitives.WriteInt32BigEndian(batch[12..], leaderEpoch);
    }

    /// <summary>Makes the broker's clock the time of every record of the batch, and renews the checksum.</summary>
    public static void SetLogAppendTime(Span<byte> batch, long timestamp)
    {
        short attributes = BinaryPrimitives.ReadInt16BigEndian(batch[21..]);
        BinaryPrimitives.WriteInt16BigEndian(batch[21..], (short)(attributes | LogAppendTimeBit));
        BinaryPrimitives.WriteInt64BigEndian(batch[35..], timestamp);
        WriteCrc(batch);
    }

    /// <summary>Clears the timestamp type that a client set, and renews the checksum.</summary>
    public static void ClearLogAppendTime(Span<byte> batch)
    {
        short attributes = BinaryPrimitives.ReadInt16BigEndian(batch[21..]);
        BinaryPrimitives.WriteInt16BigEndian(batch[21..], (short)(attributes & ~LogAppendTimeBit));
        WriteCrc(batch);
    }

    /// <summary>Makes a committed transactional batch a plain one, and renews the checksum.</summary>
    public static void ClearTransactional(Span<byte> batch)
    {
        short attributes = BinaryPrimitives.ReadInt16BigEndian(batch[21..]);
        BinaryPrimitives.WriteInt16BigEndian(batch[21..], (short)(attributes & ~TransactionalBit));
        WriteCrc(batch);
    }

    /// <summary>Writes a whole header over the start of <paramref name="batch"/>, whose records are already in place.</summary>
    public static void WriteHeader(
        Span<byte> batch,
        long baseOffset,
        bool transactional,
        bool control,
        bool logAppendTime,
        int lastOffsetDelta,
        long baseTimestamp,
        long maxTimestamp,
        long producerId,
        short producerEpoch,
        int baseSequence,
        int recordCount)
    {
        int attributes = (transactional ? TransactionalBit : 0) | (control ? ControlBit : 0) | (logAppendTime ? LogAppendTimeBit : 0);
        BinaryPrimitives.WriteInt64BigEndian(batch, baseOffset);
        BinaryPrimitives.WriteInt32BigEndian(batch[8..], batch.Length - LengthPrefixBytes);
        BinaryPrimitives.WriteInt32BigEndian(batch[12..], 0);
        batch[16] = 2;
        BinaryPrimitives.WriteInt16BigEndian(batch[21..], (short)attributes);
        BinaryPrimitives.WriteInt32BigEndian(batch[23..], lastOffsetDelta);
        BinaryPrimitives.WriteInt64BigEndian(batch[27..], baseTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(batch[35..], maxTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(batch[43..], producerId);
        BinaryPrimitives.WriteInt16BigEndian(batch[51..], producerEpoch);
        BinaryPrimitives.WriteInt32BigEndian(batch[53..], baseSequence);
        BinaryPrimitives.WriteInt32BigEndian(batch[57..], recordCount);
        WriteCrc(batch);
    }

    private static void WriteCrc(Span<byte> batch) => BinaryPrimitives.WriteUInt32BigEndian(batch[17..], ComputeCrc(batch));
}
