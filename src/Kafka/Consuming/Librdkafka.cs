using System.Reflection;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace StreamObserve.Kafka.Consuming;

/// <summary>
/// The few librdkafka calls that Confluent.Kafka does not offer: taking many messages with one call. They work on the handle of a Confluent consumer,
/// which keeps doing configuration, groups and rebalances. Measured: 0.6 CPU s per million 650-byte records instead of 1.1, and nothing allocated (docs/adr/0001-librdkafka-batch-consuming.md).
/// The structures and functions are librdkafka's public, stable C interface.
/// </summary>
internal static unsafe partial class Librdkafka
{
    private const string Library = "librdkafka";

    /// <summary>Message error: the consumer has read up to the partition's end.</summary>
    public const int PartitionEnd = -191;

    /// <summary>Message error: the offset asked for does not exist, and the consumer was told not to choose another.</summary>
    public const int OffsetReset = -140;

    /// <summary>Message error: the broker does not have the offset asked for.</summary>
    public const int OffsetOutOfRange = 1;

    static Librdkafka() => NativeLibrary.SetDllImportResolver(typeof(Librdkafka).Assembly, Resolve);

    /// <summary>One consumed message, as librdkafka lays it out (<c>rd_kafka_message_t</c>).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Message
    {
        public int Error;
        public nint Topic;
        public int Partition;
        public byte* Payload;
        public nuint PayloadLength;
        public byte* Key;
        public nuint KeyLength;
        public long Offset;
        public nint Private;
    }

    /// <summary>The native handle of a Confluent client. Valid while the client lives.</summary>
    public static nint HandleOf(IClient client)
    {
        var property = typeof(Handle).GetProperty("LibrdkafkaHandle", BindingFlags.Instance | BindingFlags.NonPublic)
            ?? throw new InvalidOperationException("Confluent.Kafka no longer has Handle.LibrdkafkaHandle: this version of it is not supported");
        return ((SafeHandle)property.GetValue(client.Handle)!).DangerousGetHandle();
    }

    /// <summary>The queue to which all of a consumer's partitions, errors and callbacks go. Owned by the caller: <see cref="QueueDestroy"/>.</summary>
    [LibraryImport(Library, EntryPoint = "rd_kafka_queue_get_consumer")]
    public static partial nint QueueOfConsumer(nint client);

    /// <summary>Gives a queue reference back.</summary>
    [LibraryImport(Library, EntryPoint = "rd_kafka_queue_destroy")]
    public static partial void QueueDestroy(nint queue);

    /// <summary>Ends the wait of the thread that consumes from the queue, or its next one. Any thread.</summary>
    [LibraryImport(Library, EntryPoint = "rd_kafka_queue_yield")]
    public static partial void QueueYield(nint queue);

    /// <summary>
    /// Takes up to <paramref name="capacity"/> messages; returns when that many were taken or the timeout has passed, with the number of messages (negative: error).
    /// Runs the client's callbacks (rebalances, errors, logs) on the calling thread.
    /// </summary>
    [LibraryImport(Library, EntryPoint = "rd_kafka_consume_batch_queue")]
    public static partial nint ConsumeBatch(nint queue, int timeoutMs, Message** messages, nuint capacity);

    /// <summary>Gives a message back; its spans are gone.</summary>
    [LibraryImport(Library, EntryPoint = "rd_kafka_message_destroy")]
    [SuppressGCTransition]
    public static partial void MessageDestroy(Message* message);

    /// <summary>The record's time in unix ms; the kind is 0 none, 1 create, 2 log append.</summary>
    [LibraryImport(Library, EntryPoint = "rd_kafka_message_timestamp")]
    [SuppressGCTransition]
    public static partial long MessageTimestamp(Message* message, int* kind);

    /// <summary>The record's headers; not zero when it has none. They live as long as the message.</summary>
    [LibraryImport(Library, EntryPoint = "rd_kafka_message_headers")]
    [SuppressGCTransition]
    public static partial int MessageHeaders(Message* message, nint* headers);

    /// <summary>The last header of that name (zero-terminated); not zero when there is none.</summary>
    [LibraryImport(Library, EntryPoint = "rd_kafka_header_get_last")]
    [SuppressGCTransition]
    public static partial int HeaderLast(nint headers, byte* name, byte** value, nuint* length);

    /// <summary>The topic's name, zero-terminated UTF-8.</summary>
    [LibraryImport(Library, EntryPoint = "rd_kafka_topic_name")]
    public static partial byte* TopicName(nint topic);

    /// <summary>Text for an error code, zero-terminated.</summary>
    [LibraryImport(Library, EntryPoint = "rd_kafka_err2str")]
    public static partial byte* ErrorText(int error);

    // Confluent.Kafka ships several builds of the library and loads the first that works here. Handles only mean something to that very one.
    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Library)
        {
            return 0;
        }

        _ = Confluent.Kafka.Library.Version; // makes Confluent.Kafka load its choice
        if (OperatingSystem.IsLinux())
        {
            foreach (var line in File.ReadLines("/proc/self/maps"))
            {
                var slash = line.IndexOf('/', StringComparison.Ordinal);
                if (slash >= 0 && Path.GetFileName(line.AsSpan(slash)).Contains(Library, StringComparison.Ordinal))
                {
                    return NativeLibrary.Load(line[slash..]);
                }
            }
        }

        return NativeLibrary.Load(Library, typeof(Handle).Assembly, path);
    }
}
