using System.Runtime.CompilerServices;

namespace StreamObserve.Kafka.Consuming;

/// <summary>One record as it lies in librdkafka's memory: nothing is copied. Valid only within the <see cref="IRecordSink.Accept"/> call that it is given to.</summary>
public readonly unsafe ref struct ConsumedRecord
{
    private readonly Librdkafka.Message* _message;

    internal ConsumedRecord(Librdkafka.Message* message, string topic)
    {
        _message = message;
        Topic = topic;
    }

    /// <summary>The topic's name; the same instance for all records of a topic between two rebalances.</summary>
    public string Topic { get; }

    /// <summary>The partition's number.</summary>
    public int Partition => _message->Partition;

    /// <summary>The record's offset in its partition.</summary>
    public long Offset => _message->Offset;

    /// <summary>True when the record has no value at all (a tombstone), which is not the same as an empty one.</summary>
    public bool IsNull => _message->Payload == null;

    /// <summary>The value; empty when there is none.</summary>
    public ReadOnlySpan<byte> Value => new(_message->Payload, checked((int)_message->PayloadLength));

    /// <summary>The key; empty when there is none.</summary>
    public ReadOnlySpan<byte> Key => new(_message->Key, checked((int)_message->KeyLength));

    /// <summary>The record's time in unix milliseconds (create or log append time, as the topic is set); -1 when it has none.</summary>
    public long TimestampMs
    {
        get
        {
            int kind;
            return Librdkafka.MessageTimestamp(_message, &kind);
        }
    }

    /// <summary>The record's headers. Cheap to ask for: most records have none.</summary>
    public RecordHeaders Headers
    {
        get
        {
            nint headers;
            return Librdkafka.MessageHeaders(_message, &headers) == 0 ? new RecordHeaders(headers) : default;
        }
    }
}

/// <summary>The headers of one <see cref="ConsumedRecord"/>; valid as long as that is.</summary>
public readonly unsafe ref struct RecordHeaders
{
    private readonly nint _headers;

    internal RecordHeaders(nint headers) => _headers = headers;

    /// <summary>True when the record has headers.</summary>
    public bool Any => _headers != 0;

    /// <summary>The value of the last header of that name. <paramref name="name"/> must be a zero-terminated literal (<c>"dataset\0"u8</c>).</summary>
    public bool TryGet(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (_headers == 0)
        {
            return false;
        }

        if (name.IsEmpty || name[^1] != 0)
        {
            throw new ArgumentException("a header's name must end with a zero byte", nameof(name));
        }

        byte* bytes;
        nuint length;
        fixed (byte* pinned = name)
        {
            if (Librdkafka.HeaderLast(_headers, pinned, &bytes, &length) != 0)
            {
                return false;
            }
        }

        value = new ReadOnlySpan<byte>(bytes, checked((int)length));
        return true;
    }
}
