using System.Diagnostics.CodeAnalysis;

namespace StreamObserve.Hosting;

/// <summary>What a node does; a process may have any of them.</summary>
[Flags]
public enum NodeRoles : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The embedded Kafka-protocol log.</summary>
    Broker = 1,

    /// <summary>Front doors and the bridge from input topics to batches.</summary>
    Ingest = 2,

    /// <summary>Partition actors: aggregates, sampling, blocks, leaf queries.</summary>
    Processor = 4,

    /// <summary>The HTTP API: planning, fan-out, merging, live tail.</summary>
    Query = 8,
}

/// <summary>The names of roles and the order in which they start (and, backwards, stop).</summary>
public static class NodeRoleNames
{
    /// <summary>Every single role, in the order of starting: what others stand on first.</summary>
    public static IReadOnlyList<NodeRoles> StartOrder { get; } = [NodeRoles.Broker, NodeRoles.Ingest, NodeRoles.Processor, NodeRoles.Query];

    /// <summary>The name of one role, as flags, logs and the cluster know it.</summary>
    public static string Name(this NodeRoles role) => role switch
    {
        NodeRoles.Broker => "broker",
        NodeRoles.Ingest => "ingest",
        NodeRoles.Processor => "processor",
        NodeRoles.Query => "query",
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "not a single role"),
    };

    /// <summary>The single roles in it, in <see cref="StartOrder"/>.</summary>
    public static IEnumerable<NodeRoles> Each(this NodeRoles roles) => StartOrder.Where(r => (roles & r) != 0);

    /// <summary>Reads one role's name, in any case.</summary>
    public static bool TryParse(string text, [MaybeNullWhen(false)] out NodeRoles role)
    {
        role = StartOrder.FirstOrDefault(r => r.Name().Equals(text, StringComparison.OrdinalIgnoreCase));
        return role != NodeRoles.None;
    }
}
