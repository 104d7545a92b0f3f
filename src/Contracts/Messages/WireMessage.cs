using Akka.Actor;
using Akka.Serialization;
using StreamObserve.Core.Columns;

namespace StreamObserve.Contracts.Messages;

/// <summary>A message between nodes: it writes itself, and <see cref="WireSerializer"/> knows how to read it back.</summary>
public interface IWireMessage
{
    /// <summary>Writes all of the message.</summary>
    void Write(ByteWriter w);
}

/// <summary>A message for one partition's actor; sharding routes by the partition.</summary>
public interface IPartitionMessage : IWireMessage
{
    /// <summary>The partition, 0 and up: entity id and shard id are this number.</summary>
    int Partition { get; }
}

/// <summary>
/// Serializes every <see cref="IWireMessage"/>. Manifests are short and stable: a new form of a message is a new manifest. Thread-safe.
/// </summary>
public sealed class WireSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private delegate IWireMessage Reader(ref ByteReader reader);

    private static readonly Dictionary<Type, string> Manifests = new()
    {
        [typeof(LeafQuery)] = "lq1",
        [typeof(LeafBubbleUp)] = "lb1",
        [typeof(LeafAccepted)] = "la1",
        [typeof(LeafAnswer)] = "lr1",
        [typeof(CancelLeafQuery)] = "lc1",
        [typeof(TraceLookup)] = "tq2",
        [typeof(TraceFound)] = "tr2",
        [typeof(Promote)] = "mq1",
        [typeof(PromoteDone)] = "mr1",
        [typeof(DryRun)] = "dq1",
        [typeof(DryRunDone)] = "dr1",
        [typeof(CatalogQuery)] = "cq1",
        [typeof(CatalogPart)] = "cr1",
        [typeof(TailSubscribe)] = "ts1",
        [typeof(TailRenew)] = "tn1",
        [typeof(TailUnsubscribe)] = "tu1",
        [typeof(TailStarted)] = "ta1",
        [typeof(TailRows)] = "td1",
        [typeof(PartitionStatusQuery)] = "pq1",
        [typeof(PartitionStatus)] = "pr1",
    };

    private static readonly Dictionary<string, Reader> Readers = new()
    {
        ["lq1"] = LeafQuery.Read,
        ["lb1"] = LeafBubbleUp.Read,
        ["la1"] = LeafAccepted.Read,
        ["lr1"] = LeafAnswer.Read,
        ["lc1"] = CancelLeafQuery.Read,
        ["tq2"] = TraceLookup.Read,
        ["tr2"] = TraceFound.Read,
        ["mq1"] = Promote.Read,
        ["mr1"] = PromoteDone.Read,
        ["dq1"] = DryRun.Read,
        ["dr1"] = DryRunDone.Read,
        ["cq1"] = CatalogQuery.Read,
        ["cr1"] = CatalogPart.Read,
        ["ts1"] = TailSubscribe.Read,
        ["tn1"] = TailRenew.Read,
        ["tu1"] = TailUnsubscribe.Read,
        ["ta1"] = TailStarted.Read,
        ["td1"] = TailRows.Read,
        ["pq1"] = PartitionStatusQuery.Read,
        ["pr1"] = PartitionStatus.Read,
    };

    /// <inheritdoc/>
    public override int Identifier => 7411;

    /// <inheritdoc/>
    public override string Manifest(object o) => Manifests[o.GetType()];

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj)
    {
        var writer = new ByteWriter();
        ((IWireMessage)obj).Write(writer);
        return writer.Written.ToArray();
    }

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, string manifest)
    {
        if (!Readers.TryGetValue(manifest, out var read))
        {
            throw new System.Runtime.Serialization.SerializationException($"a message of kind {manifest}, which this version does not know");
        }

        var reader = new ByteReader(bytes);
        return read(ref reader);
    }

    /// <summary>The configuration that binds it.</summary>
    public const string Hocon = """
        akka.actor {
          serializers.streamobserve = "StreamObserve.Contracts.Messages.WireSerializer, StreamObserve.Contracts"
          serialization-bindings { "StreamObserve.Contracts.Messages.IWireMessage, StreamObserve.Contracts" = streamobserve }
        }
        """;
}
