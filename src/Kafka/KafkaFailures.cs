namespace StreamObserve.Kafka;

/// <summary>A Kafka operation failed. <see cref="IsTransient"/> says whether doing it again may help.</summary>
public class KafkaOperationException : Exception
{
    /// <summary>Makes one. <paramref name="message"/> names the topic or setting at fault and its value.</summary>
    public KafkaOperationException(string message, bool isTransient, Exception? inner = null)
        : base(message, inner) => IsTransient = isTransient;

    /// <summary>True when the same call may succeed later (a broker away, a timeout); false when something has to be changed first.</summary>
    public bool IsTransient { get; }
}

/// <summary>A topic exists with settings that this system cannot work with. Never transient: the text names the setting, its value and the knob.</summary>
public sealed class TopicMismatchException : KafkaOperationException
{
    /// <summary>Makes one.</summary>
    public TopicMismatchException(string message)
        : base(message, isTransient: false)
    {
    }
}

/// <summary>A log was asked for an offset past its end: the topic was made anew, or lost its tail, since the offset was recorded. Never transient.</summary>
public sealed class OffsetPastEndException : KafkaOperationException
{
    /// <summary>Makes one.</summary>
    public OffsetPastEndException(string topic, int partition, long offset, long end)
        : base($"{topic}[{partition}]: offset {offset} is past the log's end {end}: the topic was made anew or lost records since offset {offset} was recorded", isTransient: false)
    {
        Offset = offset;
        End = end;
    }

    /// <summary>The offset that was asked for.</summary>
    public long Offset { get; }

    /// <summary>The offset that the log's next record will get.</summary>
    public long End { get; }
}
