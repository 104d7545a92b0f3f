using System.Globalization;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Kafka.Producing;

namespace StreamObserve.Ingest.Decoding;

/// <summary>Reasons for refusing a record that the event decoder never saw; those of the decoder are in <see cref="Core.Events.RefusalReasons"/>.</summary>
public static class BridgeRefusalReasons
{
    /// <summary>The record's header <c>content-type</c> names an encoding that is not read here.</summary>
    public const string UnknownContentType = "unknown-content-type";

    /// <summary>Decoding the record failed by a fault of this program.</summary>
    public const string DecoderFault = "decoder-fault";
}

/// <summary>What was refused of a source record, on its way to the dead-letter topic: the bytes as they were, the rest as headers.</summary>
internal readonly record struct DeadLetter(byte[] Bytes, string Reason, string Detail, LogPartition Source, long SourceOffset, int Index)
{
    public IReadOnlyList<RecordHeader> Headers() =>
    [
        new("reason", Reason),
        new("detail", Detail),
        new("source-topic", Source.Topic),
        new("source-partition", Source.Partition.ToString(CultureInfo.InvariantCulture)),
        new("source-offset", SourceOffset.ToString(CultureInfo.InvariantCulture)),
        new("index", Index.ToString(CultureInfo.InvariantCulture)),
    ];
}
