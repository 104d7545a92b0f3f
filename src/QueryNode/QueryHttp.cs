using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using StreamObserve.QueryNode.Http;
using StreamObserve.QueryNode.Http.Honeycomb;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode;

/// <summary>
/// The HTTP face of role query (docs/http-api.md). It asks <see cref="IQueryService"/>, <see cref="IBubbleUpService"/>, <see cref="ITraceService"/>, <see cref="ICatalogService"/>,
/// <see cref="ISamplingService"/>, <see cref="ITailService"/> and <see cref="IMetaStore"/>, which the process registers, with an <see cref="IResultIds"/> and, if it is to be another than
/// the one in memory, an <see cref="IResultStore"/>. Unknown paths and failures are answered by <see cref="Hosting.ProblemMiddleware"/>.
/// </summary>
public static class QueryHttp
{
    /// <summary>Registers what the endpoints need besides the services.</summary>
    public static IServiceCollection AddQueryHttp(this IServiceCollection services, QueryHttpOptions options)
    {
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IResultStore>(_ => new MemoryResultStore());
        services.AddSingleton(options);
        services.AddSingleton<QueryMetrics>();
        services.AddSingleton<QueryAdmission>();
        services.AddSingleton<QueryRunner>();
        services.AddSingleton<QueryEndpoint>();
        services.AddSingleton<BubbleUpEndpoint>();
        services.AddSingleton<ResultEndpoint>();
        services.AddSingleton<MarkersEndpoint>();
        services.AddSingleton<TraceEndpoint>();
        services.AddSingleton<CatalogEndpoint>();
        services.AddSingleton<SamplingEndpoint>();
        services.AddSingleton<SamplingBiasEndpoint>();
        services.AddSingleton<PromoteEndpoint>();
        services.AddSingleton<CorrelationEndpoint>();
        services.AddSingleton<DryRunEndpoint>();
        services.AddSingleton<TailEndpoint>();
        return services.AddHoneycomb();
    }

    /// <summary>Maps the endpoints. The services behind them are first asked for by the first request.</summary>
    public static IEndpointRouteBuilder MapQueryHttp(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(LandingPage.Route, LandingPage.GetAsync);
        routes.MapPost(QueryEndpoint.Route, Through<QueryEndpoint>((endpoint, context) => endpoint.QueryAsync(context)));
        routes.MapPost(BubbleUpEndpoint.Route, Through<BubbleUpEndpoint>((endpoint, context) => endpoint.PostAsync(context)));
        routes.MapGet(ResultEndpoint.Route, Through<ResultEndpoint>((endpoint, context) => endpoint.GetAsync(context)));
        routes.MapPost(ResultEndpoint.PinRoute, Through<ResultEndpoint>((endpoint, context) => endpoint.PinAsync(context)));
        routes.MapDelete(ResultEndpoint.PinRoute, Through<ResultEndpoint>((endpoint, context) => endpoint.UnpinAsync(context)));
        routes.MapGet(MarkersEndpoint.Route, Through<MarkersEndpoint>((endpoint, context) => endpoint.ListAsync(context)));
        routes.MapPost(MarkersEndpoint.Route, Through<MarkersEndpoint>((endpoint, context) => endpoint.CreateAsync(context)));
        routes.MapGet(TraceEndpoint.Route, Through<TraceEndpoint>((endpoint, context) => endpoint.GetAsync(context)));
        routes.MapGet(CatalogEndpoint.DatasetsRoute, Through<CatalogEndpoint>((endpoint, context) => endpoint.DatasetsAsync(context)));
        routes.MapGet(CatalogEndpoint.ColumnsRoute, Through<CatalogEndpoint>((endpoint, context) => endpoint.ColumnsAsync(context)));
        routes.MapGet(CatalogEndpoint.ValuesRoute, Through<CatalogEndpoint>((endpoint, context) => endpoint.ValuesAsync(context)));
        routes.MapGet(SamplingEndpoint.PolicyRoute, Through<SamplingEndpoint>((endpoint, context) => endpoint.GetAsync(context)));
        routes.MapPut(SamplingEndpoint.PolicyRoute, Through<SamplingEndpoint>((endpoint, context) => endpoint.PutAsync(context)));
        routes.MapGet(SamplingEndpoint.VersionsRoute, Through<SamplingEndpoint>((endpoint, context) => endpoint.VersionsAsync(context)));
        routes.MapGet(SamplingBiasEndpoint.Route, Through<SamplingBiasEndpoint>((endpoint, context) => endpoint.GetAsync(context)));
        routes.MapGet(CorrelationEndpoint.Route, Through<CorrelationEndpoint>((endpoint, context) => endpoint.GetAsync(context)));
        routes.MapPut(CorrelationEndpoint.Route, Through<CorrelationEndpoint>((endpoint, context) => endpoint.PutAsync(context)));
        routes.MapDelete(CorrelationEndpoint.Route, Through<CorrelationEndpoint>((endpoint, context) => endpoint.DeleteAsync(context)));
        routes.MapPost(DryRunEndpoint.Route, Through<DryRunEndpoint>((endpoint, context) => endpoint.PostAsync(context)));
        routes.MapPost(PromoteEndpoint.Route, Through<PromoteEndpoint>((endpoint, context) => endpoint.PostAsync(context)));
        routes.MapGet(TailEndpoint.Route, Through<TailEndpoint>((endpoint, context) => endpoint.TailAsync(context)));
        routes.MapHoneycomb();
        return routes;
    }

    private static RequestDelegate Through<TEndpoint>(Func<TEndpoint, HttpContext, Task> serve)
        where TEndpoint : notnull => context => serve(context.RequestServices.GetRequiredService<TEndpoint>(), context);
}
