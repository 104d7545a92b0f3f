using System.Globalization;
using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Cluster.Sharding;
using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using StreamObserve.Contracts.Messages;
using StreamObserve.Hosting;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Topics;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Processors.Queries;
using StreamObserve.Processors.State;
using StreamObserve.Storage;

namespace StreamObserve.Processors;

/// <summary>The processor role: one sharded actor a partition.</summary>
public sealed class ProcessorRole : IRoleModule
{
    /// <inheritdoc/>
    public NodeRoles Role => NodeRoles.Processor;

    /// <inheritdoc/>
    public void ConfigureServices(IServiceCollection services, NodeSettings settings)
    {
        var budget = MemoryBudget.Of(settings.Memory, settings.Roles, settings.Partitions);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => new KafkaSettings { Bootstrap = provider.GetRequiredService<NodeAddresses>().KafkaBootstrap });
        services.TryAddSingleton(new QueryMemory(budget.QueryResultsBytes));
        services.AddSingleton(provider => ScanGate.OfThisMachine(provider.GetRequiredService<QueryMemory>()));
        services.AddSingleton(provider => new ProcessorSettings
        {
            Scans = provider.GetRequiredService<ScanGate>(),
            Folder = Path.Combine(settings.DataFolder, "partitions"),
            Partitions = settings.Partitions,
            CutInterval = settings.CutInterval,
            StoreOptions = new() { MemoryBudgetBytes = Math.Max(16L << 20, budget.StoresBytes / settings.Partitions), BlocksPageBytes = 4 << 20 },
            ReadAheadBytes = Math.Clamp(budget.BatchCacheBytes / 8 / settings.Partitions, 64 << 10, Kafka.Limits.HandOverBytes),
            Partition = new()
            {
                WindowMs = (long)settings.Window.TotalMilliseconds,
                Partitions = settings.Partitions,
                LateSpanRetentionMs = (long)settings.LateSpanRetention.TotalMilliseconds,
                SketchDimensions = settings.Sketches,
                RecentBytes = budget.BatchCacheBytes * 2 / 3 / settings.Partitions,
                TextNumberBytes = budget.QueriesBytes / 10 / settings.Partitions,
                ColumnCacheBytes = budget.QueriesBytes * 2 / 5 / settings.Partitions,
                AggregateCacheBytes = Math.Min(Limits.AggregateCacheBytes, budget.QueriesBytes / 6 / settings.Partitions),
                Seals = SealGate.OfThisMachine(),
                Merges = SealGate.OfThisMachine(),
                BlockBytes = Math.Min(Limits.BlockBytes, budget.RowsBytes * 2 / 3 / settings.Partitions),
                FoldBytes = Math.Min(Limits.FoldBytes, budget.RowsBytes / 3 / settings.Partitions),
            },
        });
        services.AddSingleton<CutScheduler>(_ => new CutScheduler());
        services.AddSingleton<ProcessorMetrics>();
        services.AddSingleton<PartitionBoard>();
        services.AddSingleton<IReadinessSource>(provider => provider.GetRequiredService<PartitionBoard>());
    }

    /// <inheritdoc/>
    public void ConfigureAkka(AkkaConfigurationBuilder akka, NodeSettings settings, IServiceProvider services) => akka.AddPartitions(settings.Partitions, () => new(
        services.GetRequiredService<ProcessorSettings>(),
        services.GetRequiredService<KafkaSettings>(),
        services.GetRequiredService<CutScheduler>(),
        services.GetRequiredService<ProcessorMetrics>(),
        services.GetRequiredService<PartitionBoard>(),
        services.GetRequiredService<TimeProvider>(),
        services.GetRequiredService<ILoggerFactory>()));

    /// <inheritdoc/>
    public async Task PrepareAsync(IServiceProvider services, CancellationToken cancellation)
    {
        var settings = services.GetRequiredService<NodeSettings>();
        if (settings.Has(NodeRoles.Ingest))
        {
            return;     // which does the same
        }

        // A node that counted other partitions than there are would start owners of partitions that do not exist, or leave some without one.
        using var admin = new TopicAdmin(services.GetRequiredService<KafkaSettings>(), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<TopicAdmin>>());
        try
        {
            await admin.EnsureAsync(TopicSpec.Batches(services.GetRequiredService<ProcessorSettings>().BatchesTopic, settings.Partitions), cancellation).ConfigureAwait(false);
        }
        catch (KafkaOperationException failure)
        {
            throw new RoleStartException(failure.Message, failure);
        }
    }

    /// <inheritdoc/>
    public Task StartAsync(IServiceProvider services, NodeAddresses addresses, CancellationToken cancellation) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellation) => Task.CompletedTask;
}

/// <summary>What the processor role adds to an actor system; production and tests alike.</summary>
public static class ProcessorHosting
{
    /// <summary>Adds the region of partition actors, and whoever keeps all of them started.</summary>
    public static AkkaConfigurationBuilder AddPartitions(this AkkaConfigurationBuilder akka, int partitions, Func<PartitionActorServices> services)
    {
        akka.WithShardRegion<PartitionRegion>(
            PartitionRegion.TypeName,
            (_, _, _) =>
            {
                var shared = services();
                return entity => PartitionActor.Props(int.Parse(entity, CultureInfo.InvariantCulture), shared);
            },
            new PartitionRegion(),
            new ShardOptions { Role = NodeRoles.Processor.Name(), RememberEntities = false });
        akka.WithActors((system, registry) => system.ActorOf(PartitionStarter.Props(registry.Get<PartitionRegion>(), partitions), "partition-starter"));
        return akka;
    }
}

/// <summary>
/// Keeps every partition's actor started: asks the region for each, again and again, since a shard that moved is started only by a message. Cheap: the region
/// answers for entities that run.
/// </summary>
public sealed class PartitionStarter : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly IActorRef _region;
    private readonly int _partitions;

    /// <summary>For a region.</summary>
    public PartitionStarter(IActorRef region, int partitions)
    {
        _region = region;
        _partitions = partitions;
        Receive<Tick>(_ => StartAll());
        ReceiveAny(_ => { });       // acknowledgements
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>How to make it.</summary>
    public static Props Props(IActorRef region, int partitions) => Akka.Actor.Props.Create(() => new PartitionStarter(region, partitions));

    /// <inheritdoc/>
    protected override void PreStart()
    {
        StartAll();
        Timers.StartPeriodicTimer(Tick.Instance, Tick.Instance, Every);
    }

    private void StartAll()
    {
        for (var partition = 0; partition < _partitions; partition++)
        {
            _region.Tell(new ShardRegion.StartEntity(partition.ToString(CultureInfo.InvariantCulture)));
        }
    }

    private sealed record Tick
    {
        public static Tick Instance { get; } = new();
    }
}
