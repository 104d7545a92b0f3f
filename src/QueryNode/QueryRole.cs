using System.Security.Cryptography;
using Akka.Cluster.Hosting;
using Akka.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Hosting;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Topics;
using StreamObserve.QueryNode.Coordination;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode;

/// <summary>The query role: the HTTP API over all partitions.</summary>
public sealed class QueryRole : IRoleModule
{
    private const string Meta = "streamobserve.meta";
    private const string Results = "streamobserve.results";
    private const string PinnedResults = "streamobserve.pinned-results";

    private LogResultStore? _results;

    /// <inheritdoc/>
    public NodeRoles Role => NodeRoles.Query;

    /// <inheritdoc/>
    public void ConfigureServices(IServiceCollection services, NodeSettings settings)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => new KafkaSettings { Bootstrap = provider.GetRequiredService<NodeAddresses>().KafkaBootstrap });
        services.TryAddSingleton(provider => new MetaTopic(
            provider.GetRequiredService<KafkaSettings>(), Meta, provider.GetRequiredService<ILogger<MetaTopic>>()));
        services.TryAddSingleton(provider => new QueryMemory(provider.GetRequiredService<MemoryBudget>().QueryResultsBytes));
        services.AddSingleton<Partitions>();
        services.AddSingleton<ICatalogService, CatalogMerger>();
        services.AddSingleton<IQueryService, QueryCoordinator>();
        services.AddSingleton<IBubbleUpService, BubbleUpCoordinator>();
        services.AddSingleton<ITraceService, TraceFinder>();
        services.AddSingleton<ISamplingService, PolicyKeeper>();
        services.AddSingleton<IPromotionService, Promoter>();
        services.AddSingleton<IDryRunService, DryRunner>();
        services.AddSingleton<ITailService, TailHub>();
        services.AddSingleton<IMetaStore, MetaStore>();
        services.AddSingleton<IResultIds>(provider => new TimedResultIds(provider.GetRequiredService<TimeProvider>(), RandomNumberGenerator.Fill));
        services.AddSingleton(provider => new LogResultStore(
            provider.GetRequiredService<KafkaSettings>(),
            Results,
            PinnedResults,
            provider.GetRequiredService<MemoryBudget>().QueriesBytes / ResultLimits.PartOfQueryMemory,
            provider.GetRequiredService<IMetaStore>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<QueryMetrics>(),
            provider.GetRequiredService<ILogger<LogResultStore>>()));
        services.AddSingleton<IResultStore>(provider => provider.GetRequiredService<LogResultStore>());
        services.AddQueryHttp(new() { ConcurrentQueries = QueryHttpLimits.ConcurrentQueriesOn(Environment.ProcessorCount) });
    }

    /// <inheritdoc/>
    public void ConfigureAkka(AkkaConfigurationBuilder akka, NodeSettings settings, IServiceProvider services)
    {
        if (!settings.Has(NodeRoles.Processor))
        {
            akka.WithShardRegionProxy<PartitionRegion>(PartitionRegion.TypeName, NodeRoles.Processor.Name(), new PartitionRegion());
        }
    }

    /// <inheritdoc/>
    public void MapEndpoints(IEndpointRouteBuilder endpoints) => endpoints.MapQueryHttp();

    /// <inheritdoc/>
    public async Task PrepareAsync(IServiceProvider services, CancellationToken cancellation)
    {
        var settings = services.GetRequiredService<NodeSettings>();
        using var admin = new TopicAdmin(services.GetRequiredService<KafkaSettings>(), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<TopicAdmin>>());
        try
        {
            await admin.EnsureAsync(TopicSpec.Results(Results, settings.ResultsRetention), cancellation).ConfigureAwait(false);
            await admin.EnsureAsync(TopicSpec.PinnedResults(PinnedResults), cancellation).ConfigureAwait(false);
            if (!settings.Has(NodeRoles.Ingest))
            {
                // Ingest does the same. A node that counted other partitions than there are would leave some out of its answers without a word.
                await admin.EnsureAsync(TopicSpec.Meta(Meta), cancellation).ConfigureAwait(false);
                await admin.EnsureAsync(TopicSpec.Batches("streamobserve.batches", settings.Partitions), cancellation).ConfigureAwait(false);
            }
        }
        catch (KafkaOperationException failure)
        {
            throw new RoleStartException(failure.Message, failure);
        }
    }

    /// <inheritdoc/>
    public async Task StartAsync(IServiceProvider services, NodeAddresses addresses, CancellationToken cancellation)
    {
        // From now on the meta topic is read, and answers are written.
        _ = services.GetRequiredService<IMetaStore>();
        _results = services.GetRequiredService<LogResultStore>();
        _results.Connect();

        // Serving means that questions can be answered: once every partition has an owner that says so. Without processors it waits, and says so at /readyz.
        var partitions = services.GetRequiredService<Partitions>();
        var time = services.GetRequiredService<TimeProvider>();
        while (true)
        {
            var replies = await partitions.AskAllAsync<PartitionStatus>(partition => new PartitionStatusQuery(partition), status => status.Partition, false, cancellation)
                .ConfigureAwait(false);
            if (replies.Replies.Count(status => status.Serving) == partitions.Count)
            {
                return;
            }

            await Task.Delay(CoordinationLimits.PolicyPolledEvery, time, cancellation).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellation) => _results?.FlushAsync() ?? Task.CompletedTask;
}
