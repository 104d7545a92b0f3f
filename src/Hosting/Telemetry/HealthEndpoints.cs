using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace StreamObserve.Hosting;

/// <summary>
/// <c>GET /healthz</c>: 200 while the process answers at all (a failing one should be restarted). <c>GET /readyz</c>: 200 when every
/// <see cref="IReadinessSource"/> is ready, else 503; both ways <c>{"ready","checks":[{"name","ready","reason"?}]}</c>.
/// </summary>
public static class HealthEndpoints
{
    /// <summary>Maps both.</summary>
    public static IEndpointRouteBuilder MapHealth(this IEndpointRouteBuilder endpoints)
    {
        string[] methods = [HttpMethods.Get, HttpMethods.Head];
        endpoints.MapMethods("/healthz", methods, Health);
        endpoints.MapMethods("/readyz", methods, Ready);
        return endpoints;
    }

    private static Task Health(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync("""{"status":"ok"}""", context.RequestAborted);
    }

    private static Task Ready(HttpContext context)
    {
        byte[] body = Report(context.RequestServices.GetServices<IReadinessSource>(), out bool ready);
        context.Response.StatusCode = ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "application/json";
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private static byte[] Report(IEnumerable<IReadinessSource> sources, out bool ready)
    {
        var checks = sources.Select(s => (s.Name, State: s.Check())).ToList();
        ready = checks.TrueForAll(c => c.State.Ready);
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteBoolean("ready", ready);
            json.WriteStartArray("checks");
            foreach ((string name, Readiness state) in checks)
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteBoolean("ready", state.Ready);
                if (state.Reason is not null)
                {
                    json.WriteString("reason", state.Reason);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }
}
