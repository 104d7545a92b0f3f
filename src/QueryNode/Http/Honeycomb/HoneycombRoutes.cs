using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>The interface below <c>/1/</c> (docs/honeycomb-api.md).</summary>
internal static class HoneycombRoutes
{
    /// <summary>What Honeycomb has there and this does not.</summary>
    private static readonly string[] Missing =
        ["boards", "triggers", "slos", "burn_alerts", "recipients", "dataset_definitions", "reporting", "maps", "service_dependencies"];

    /// <summary>Registers what it needs besides the services.</summary>
    public static IServiceCollection AddHoneycomb(this IServiceCollection services)
    {
        services.TryAddSingleton<IApiKeys, NoApiKeys>();
        services.AddSingleton<HoneycombGate>();
        services.AddSingleton<KeptObjects>();
        services.AddSingleton<DatasetDirectory>();
        services.AddSingleton<QueryJobs>();
        services.AddSingleton<AuthEndpoint>();
        services.AddSingleton<DatasetsEndpoint>();
        services.AddSingleton<ColumnsEndpoint>();
        services.AddSingleton<QueriesEndpoint>();
        services.AddSingleton<QueryResultsEndpoint>();
        services.AddSingleton<ObjectEndpoint>();
        return services;
    }

    /// <summary>Maps its endpoints.</summary>
    public static void MapHoneycomb(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(AuthEndpoint.Route, Through<AuthEndpoint>((endpoint, context) => endpoint.GetAsync(context)));
        routes.MapGet(DatasetsEndpoint.ListRoute, Through<DatasetsEndpoint>((endpoint, context) => endpoint.ListAsync(context)));
        routes.MapPost(DatasetsEndpoint.ListRoute, Through<DatasetsEndpoint>((endpoint, context) => endpoint.CreateAsync(context)));
        routes.MapGet(DatasetsEndpoint.ItemRoute, Through<DatasetsEndpoint>((endpoint, context) => endpoint.GetAsync(context)));
        routes.MapPut(DatasetsEndpoint.ItemRoute, Through<DatasetsEndpoint>((endpoint, context) => endpoint.ReplaceAsync(context)));
        routes.MapDelete(DatasetsEndpoint.ItemRoute, Through<DatasetsEndpoint>((endpoint, context) => endpoint.DeleteAsync(context)));
        routes.MapGet(ColumnsEndpoint.ListRoute, Through<ColumnsEndpoint>((endpoint, context) => endpoint.ListAsync(context)));
        routes.MapPost(ColumnsEndpoint.ListRoute, Through<ColumnsEndpoint>((endpoint, context) => endpoint.CreateAsync(context)));
        routes.MapGet(ColumnsEndpoint.ItemRoute, Through<ColumnsEndpoint>((endpoint, context) => endpoint.GetAsync(context)));
        routes.MapPut(ColumnsEndpoint.ItemRoute, Through<ColumnsEndpoint>((endpoint, context) => endpoint.ReplaceAsync(context)));
        routes.MapDelete(ColumnsEndpoint.ItemRoute, Through<ColumnsEndpoint>((endpoint, context) => endpoint.DeleteAsync(context)));
        routes.MapPost(QueriesEndpoint.ListRoute, Through<QueriesEndpoint>((endpoint, context) => endpoint.CreateAsync(context)));
        routes.MapGet(QueriesEndpoint.ItemRoute, Through<QueriesEndpoint>((endpoint, context) => endpoint.GetAsync(context)));
        routes.MapPost(QueryResultsEndpoint.ListRoute, Through<QueryResultsEndpoint>((endpoint, context) => endpoint.CreateAsync(context)));
        routes.MapGet(QueryResultsEndpoint.ItemRoute, Through<QueryResultsEndpoint>((endpoint, context) => endpoint.GetAsync(context)));
        foreach (var kind in ObjectKinds.All)
        {
            routes.MapGet(ObjectEndpoint.ListRoute(kind), Through<ObjectEndpoint>((endpoint, context) => endpoint.ListAsync(context, kind)));
            routes.MapPost(ObjectEndpoint.ListRoute(kind), Through<ObjectEndpoint>((endpoint, context) => endpoint.CreateAsync(context, kind)));
            routes.MapGet(ObjectEndpoint.ItemRoute(kind), Through<ObjectEndpoint>((endpoint, context) => endpoint.GetAsync(context, kind)));
            routes.MapPut(ObjectEndpoint.ItemRoute(kind), Through<ObjectEndpoint>((endpoint, context) => endpoint.ReplaceAsync(context, kind)));
            routes.MapDelete(ObjectEndpoint.ItemRoute(kind), Through<ObjectEndpoint>((endpoint, context) => endpoint.DeleteAsync(context, kind)));
        }

        foreach (var missing in Missing)
        {
            routes.Map($"/1/{missing}/{{**rest}}", context =>
                HoneycombProblems.Shape(context, ProblemDocument.NotFound($"{missing} are not supported here")).WriteAsync(context));
        }
    }

    private static RequestDelegate Through<TEndpoint>(Func<TEndpoint, HttpContext, Task> serve)
        where TEndpoint : notnull => context => serve(context.RequestServices.GetRequiredService<TEndpoint>(), context);
}
