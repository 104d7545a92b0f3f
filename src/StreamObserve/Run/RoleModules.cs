using StreamObserve.Hosting;
using StreamObserve.Ingest;
using StreamObserve.Processors;
using StreamObserve.QueryNode;

namespace StreamObserve.Run;

/// <summary>The roles of this executable.</summary>
internal static class RoleModules
{
    /// <summary>A module for each role of the settings, in any order.</summary>
    public static IReadOnlyList<IRoleModule> For(NodeSettings settings)
    {
        IRoleModule[] all = [new BrokerRole(), new IngestRole(), new ProcessorRole(), new QueryRole()];
        return [.. all.Where(module => settings.Has(module.Role))];
    }
}
