using Akka.Actor;
using Akka.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using StreamObserve.Core.Events;
using StreamObserve.Hosting;
using StreamObserve.Ingest.Bridge;
using StreamObserve.Ingest.Door;
using StreamObserve.Ingest.Pacing;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Producing;
using StreamObserve.Kafka.Topics;

namespace StreamObserve.Ingest;

/// <summary>The ingest role: topics, bridge, HTTP door, pacemaker.</summary>
public sealed class IngestRole : IRoleModule
{
    private IServiceProvider? _services;

    /// <inheritdoc/>
    public NodeRoles Role => NodeRoles.Ingest;

    /// <inheritdoc/>
    public void ConfigureServices(IServiceCollection services, NodeSettings settings)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => new KafkaSettings { Bootstrap = provider.GetRequiredService<NodeAddresses>().KafkaBootstrap });
        services.AddSingleton(_ => NodeNameLock.TryTake(settings.DataFolder, Environment.MachineName, out var refusal) ?? throw new RoleStartException(refusal!));
        services.AddSingleton(provider => SettingsOf(settings, provider.GetRequiredService<NodeNameLock>().Name));
        services.AddSingleton<IngestMetrics>();
        services.AddSingleton<EventBridge>();
        services.AddSingleton<IngestDoor>();
        services.TryAddSingleton(provider => new MetaTopic(
            provider.GetRequiredService<KafkaSettings>(),
            provider.GetRequiredService<IngestSettings>().MetaTopic,
            provider.GetRequiredService<ILogger<MetaTopic>>()));
        services.AddSingleton<IControlLog>(provider => new KafkaControlLog(
            new IdempotentWriter(
                provider.GetRequiredService<KafkaSettings>(), "pacemaker", TimeSpan.FromMilliseconds(Limits.ControlWriteMs), provider.GetRequiredService<ILogger<Pacemaker>>()),
            provider.GetRequiredService<IngestSettings>().BatchesTopic,
            settings.Partitions));
        services.AddSingleton<IReadinessSource, IngestReadiness>();
    }

    /// <inheritdoc/>
    public void ConfigureAkka(AkkaConfigurationBuilder akka, NodeSettings settings, IServiceProvider services) => akka.AddIngest(() => Pacemaker.Props(
        services.GetRequiredService<IControlLog>(),
        services.GetRequiredService<MetaTopic>(),
        services.GetRequiredService<IngestMetrics>(),
        services.GetRequiredService<TimeProvider>()));

    /// <inheritdoc/>
    public void MapEndpoints(IEndpointRouteBuilder endpoints) => endpoints.MapIngestDoor();

    /// <inheritdoc/>
    public async Task PrepareAsync(IServiceProvider services, CancellationToken cancellation)
    {
        var settings = services.GetRequiredService<IngestSettings>();
        using var admin = new TopicAdmin(services.GetRequiredService<KafkaSettings>(), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<TopicAdmin>>());
        try
        {
            await IngestTopics.EnsureAsync(admin, settings, cancellation).ConfigureAwait(false);
            FollowCorrelation(services.GetRequiredService<MetaTopic>(), settings.Correlation);
        }
        catch (KafkaOperationException failure)
        {
            throw new RoleStartException(failure.Message, failure);
        }
    }

    /// <inheritdoc/>
    public Task StartAsync(IServiceProvider services, NodeAddresses addresses, CancellationToken cancellation)
    {
        _services = services;
        var system = services.GetRequiredService<ActorSystem>();
        services.GetRequiredService<EventBridge>().Start(system);
        services.GetRequiredService<IngestDoor>().Start(system);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellation)
    {
        if (_services is { } services)
        {
            await services.GetRequiredService<IngestDoor>().DisposeAsync().ConfigureAwait(false);
            await services.GetRequiredService<EventBridge>().DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>For as long as the topic is read, which is until the process ends.</summary>
    private static void FollowCorrelation(MetaTopic meta, CorrelationFields fields) =>
        _ = meta.Subscribe(MetaTopic.CorrelationKeys, entry => fields.Set(entry.Key[MetaTopic.CorrelationKeys.Length..], entry.Value is { } field ? System.Text.Encoding.UTF8.GetString(field.Span) : null));

    private static IngestSettings SettingsOf(NodeSettings settings, string nodeName) => new()
    {
        Sources = [.. settings.Inputs.Select(input => new SourceTopic(input.Topic, input.Encoding, input.Topic))],
        NodeName = nodeName,
        Partitions = settings.Partitions,
    };
}
