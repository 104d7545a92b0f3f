using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;

namespace StreamObserve.Hosting;

/// <summary>Logging and metrics of a node.</summary>
public static class NodeTelemetry
{
    /// <summary>Every meter of ours is named <c>StreamObserve.…</c> (e.g. <c>StreamObserve.Processor</c>), so that one wildcard exports them all.</summary>
    public const string MeterPrefix = "StreamObserve.";

    /// <summary>
    /// Logs to <paramref name="writer"/> from <paramref name="level"/> up. The frameworks' own information is left out unless debug was asked for: it says
    /// nothing that a node's operator needs.
    /// </summary>
    public static ILoggingBuilder AddNodeLogging(this ILoggingBuilder logging, LogLevel level, TextWriter writer, TimeProvider time)
    {
        logging.ClearProviders();
        logging.AddProvider(new StandardErrorLoggerProvider(writer, time));
        logging.SetMinimumLevel(level);
        if (level == LogLevel.Information)
        {
            logging.AddFilter("Microsoft", LogLevel.Warning);
            logging.AddFilter("System", LogLevel.Warning);
            logging.AddFilter("Akka", LogLevel.Warning);
            logging.AddFilter("OpenTelemetry", LogLevel.Warning);
        }

        return logging;
    }

    /// <summary>Collects our meters, the runtime's and the HTTP server's for <c>/metrics</c>.</summary>
    public static IServiceCollection AddNodeMetrics(this IServiceCollection services)
    {
        services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter(MeterPrefix + "*", "System.Runtime", "Microsoft.AspNetCore.Hosting")
            .AddPrometheusExporter());
        return services;
    }

    /// <summary>Maps <c>GET /metrics</c> in Prometheus' text format.</summary>
    public static IEndpointRouteBuilder MapNodeMetrics(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapPrometheusScrapingEndpoint("/metrics");
        return endpoints;
    }
}
