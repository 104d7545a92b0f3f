using System.Globalization;
using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Cluster.Hosting.SBR;
using Akka.Hosting;
using Akka.Remote.Hosting;

namespace StreamObserve.Hosting;

/// <summary>The actor system of a node: remoting, cluster, sharding defaults, dispatchers, clean stop. The same for production and tests.</summary>
public static class ClusterHosting
{
    /// <summary>The actor system's name; every node of a cluster must have the same.</summary>
    public const string SystemName = "streamobserve";

    /// <summary>Dispatcher for work that may block on storage: threads of its own.</summary>
    public const string StorageDispatcher = "streamobserve-storage";

    /// <summary>
    /// Makes this node part of a cluster with <see cref="NodeSettings.Roles"/> as its cluster roles. With no seeds it forms a cluster of its own at once;
    /// else it joins through them (the first of the list may be itself). The bound address is added to <paramref name="addresses"/>
    /// as <c>remoting</c> when the system has started.
    /// </summary>
    public static AkkaConfigurationBuilder AddStreamObserveCluster(this AkkaConfigurationBuilder akka, NodeSettings settings, NodeAddresses addresses)
    {
        akka.AddHocon(Configuration(), HoconAddMode.Prepend);
        akka.AddHocon(Contracts.Messages.WireSerializer.Hocon, HoconAddMode.Prepend);
        akka.ConfigureLoggers(loggers =>
        {
            loggers.ClearLoggers();
            loggers.AddLoggerFactory();
        });
        akka.WithRemoting(new RemoteOptions
        {
            HostName = settings.Remoting.BareHost,
            PublicHostName = settings.Remoting.BareHost,
            Port = settings.Remoting.Port,
        });
        akka.WithClustering(new ClusterOptions
        {
            Roles = [.. settings.Roles.Each().Where(r => r != NodeRoles.Broker).Select(r => r.Name())],
            SplitBrainResolver = new KeepMajorityOption(),
        });
        akka.AddStartup(async (system, _) =>
        {
            var cluster = Akka.Cluster.Cluster.Get(system);
            addresses.Add("remoting", string.Create(CultureInfo.InvariantCulture, $"{settings.Remoting.Host}:{cluster.SelfAddress.Port}"));
            if (settings.Seeds.Count == 0)
            {
                // Joining oneself by name works for port 0 too and waits for no one.
                await cluster.JoinAsync(cluster.SelfAddress).ConfigureAwait(false);
            }
            else
            {
                cluster.JoinSeedNodes(settings.Seeds.Select(s => new Address(cluster.SelfAddress.Protocol, SystemName, s.BareHost, s.Port)));
            }
        });
        return akka;
    }

    /// <summary>
    /// What differs from Akka's defaults, and why. The intervals make a lone node usable in under a second; none of them changes what is decided.
    /// </summary>
    private static string Configuration() => $$"""
        akka {
          stdout-loglevel = off
          stdout-logger-class = "StreamObserve.Hosting.StandardErrorMinimalLogger, StreamObserve.Hosting"
          log-dead-letters = 3
          log-dead-letters-during-shutdown = off
          actor {
            provider = cluster
            ask-timeout = 30s
          }
          # At Akka's 10 ms an idle process takes 5 % of a core, at 50 ms 2 %; nothing here needs a finer one.
          scheduler.tick-duration = 50ms
          remote {
            dot-netty.tcp {
              maximum-frame-size = {{Limits.RemoteFrameBytesMax}}b
              send-buffer-size = 2097152b
              receive-buffer-size = 2097152b
              # Replies wait for a batch of writes otherwise.
              batching.max-pending-millis = 5
            }
            retry-gate-closed-for = 1s
          }
          cluster {
            seed-node-timeout = 2s
            retry-unsuccessful-join-after = 1s
            periodic-tasks-initial-delay = 20ms
            leader-actions-interval = 200ms
            gossip-interval = 500ms
            run-coordinated-shutdown-when-down = on
            downing-provider-class = "Akka.Cluster.SBR.SplitBrainResolverProvider, Akka.Cluster"
            down-removal-margin = {{Milliseconds(Limits.DownRemovalMargin)}}
            split-brain-resolver {
              active-strategy = keep-majority
              stable-after = {{Milliseconds(Limits.SplitBrainStableAfter)}}
              down-all-when-unstable = off
            }
            sharding {
              state-store-mode = ddata
              remember-entities = off
              passivate-idle-entity-after = off
              retry-interval = 200ms
              handoff-timeout = {{Milliseconds(Limits.ShardHandOffMax)}}
              rebalance-interval = 3s
              shard-start-timeout = 5s
              distributed-data.durable.keys = []
              distributed-data.gossip-interval = 500ms
              distributed-data.notify-subscribers-interval = 100ms
            }
            singleton {
              hand-over-retry-interval = 200ms
              min-number-of-hand-over-retries = 15
            }
            singleton-proxy {
              singleton-identification-interval = 200ms
            }
          }
          coordinated-shutdown {
            # The process decides when it ends, and has a watchdog.
            run-by-clr-shutdown-hook = off
            exit-clr = off
            default-phase-timeout = 2s
            phases {
              cluster-sharding-shutdown-region.timeout = {{Milliseconds(Limits.ShardHandOffMax + TimeSpan.FromMilliseconds(500))}}
              cluster-leave.timeout = 2s
              cluster-exiting.timeout = 2s
              cluster-exiting-done.timeout = 1s
              actor-system-terminate.timeout = 3s
            }
          }
        }
        {{StorageDispatcher}} {
          type = ForkJoinDispatcher
          throughput = 1
          dedicated-thread-pool {
            thread-count = {{Limits.StorageThreadsMax}}
            threadtype = background
          }
        }
        """;

    private static string Milliseconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalMilliseconds}ms");
}
