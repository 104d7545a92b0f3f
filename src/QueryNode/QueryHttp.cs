using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using StreamObserve.QueryNode.Http;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode;

/// <summary>
/// The HTTP face of role query (docs/http-api.md). It asks <see cref="IQueryService"/>, <see cref="ITraceService"/>, <see cref="ICatalogService"/>,
/// <see cref="ISamplingService"/> and <see cref="ITailService"/>, which the process registers, with an <see cref="IResultIds"/> and, if it is to be another than
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
        services.AddSingleton<QueryEndpoint>();
        services.AddSingleton<TraceEndpoint>();
        services.AddSingleton<CatalogEndpoint>();
        services.AddSingleton<SamplingEndpoint>();
        services.AddSingleton<TailEndpoint>();
        return services;
    }

    /// <summary>Maps the endpoints.</summary>
    public static IEndpointRouteBuilder MapQueryHttp(this IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        routes.MapGet(LandingPage.Route, (RequestDelegate)LandingPage.GetAsync);

        var query = services.GetRequiredService<QueryEndpoint>();
        routes.MapPost(QueryEndpoint.QueryRoute, query.QueryAsync);
        routes.MapGet(QueryEndpoint.ResultRoute, query.ResultAsync);

        routes.MapGet(TraceEndpoint.Route, services.GetRequiredService<TraceEndpoint>().GetAsync);

        var catalog = services.GetRequiredService<CatalogEndpoint>();
        routes.MapGet(CatalogEndpoint.DatasetsRoute, catalog.DatasetsAsync);
        routes.MapGet(CatalogEndpoint.ColumnsRoute, catalog.ColumnsAsync);
        routes.MapGet(CatalogEndpoint.ValuesRoute, catalog.ValuesAsync);

        var sampling = services.GetRequiredService<SamplingEndpoint>();
        routes.MapGet(SamplingEndpoint.PolicyRoute, sampling.GetAsync);
        routes.MapPut(SamplingEndpoint.PolicyRoute, sampling.PutAsync);
        routes.MapGet(SamplingEndpoint.VersionsRoute, sampling.VersionsAsync);

        routes.MapGet(TailEndpoint.Route, services.GetRequiredService<TailEndpoint>().TailAsync);
        return routes;
    }
}
