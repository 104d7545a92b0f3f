using Akka.Actor;
using Akka.Cluster;
using Microsoft.Extensions.DependencyInjection;

namespace StreamObserve.Hosting;

/// <summary>Ready while this node is an Up member of its cluster.</summary>
public sealed class ClusterReadiness : IReadinessSource
{
    private readonly IServiceProvider _services;

    /// <summary>The actor system is taken from the container at the first check, when it has started.</summary>
    public ClusterReadiness(IServiceProvider services) => _services = services;

    /// <inheritdoc/>
    public string Name => "cluster";

    /// <inheritdoc/>
    public Readiness Check()
    {
        Member self = Akka.Cluster.Cluster.Get(_services.GetRequiredService<ActorSystem>()).SelfMember;
        return self.Status is MemberStatus.Up or MemberStatus.WeaklyUp ? Readiness.Yes : Readiness.No($"this node is {self.Status.ToString().ToLowerInvariant()} in its cluster");
    }
}
