using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Hosting;
using StreamObserve.Hosting;
using StreamObserve.Ingest.Pacing;

namespace StreamObserve.Ingest;

/// <summary>What the ingest role adds to an actor system; production and tests alike.</summary>
public static class IngestHosting
{
    /// <summary>The pacemaker's name.</summary>
    public const string PacemakerName = "pacemaker";

    /// <summary>Adds the pacemaker as a singleton of the nodes with role <c>ingest</c>. <paramref name="pacemaker"/> gives its properties when the system has started.</summary>
    public static AkkaConfigurationBuilder AddIngest(this AkkaConfigurationBuilder akka, Func<Props> pacemaker) =>
        akka.WithSingleton<Pacemaker>(PacemakerName, (_, _, _) => pacemaker(), new ClusterSingletonOptions { Role = NodeRoles.Ingest.Name() }, createProxyToo: false);
}
