using System.Globalization;
using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Results;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>GET /api/v1/results/{id}</c>, and <c>POST</c> and <c>DELETE …/pin</c>.</summary>
internal sealed class ResultEndpoint(IResultStore results, QueryAdmission admission)
{
    /// <summary>Route of a stored answer.</summary>
    public const string Route = "/api/v1/results/{id}";

    /// <summary>Route of its being kept for good.</summary>
    public const string PinRoute = "/api/v1/results/{id}/pin";

    /// <summary>The path of an answer.</summary>
    public static string PathOf(string id) => "/api/v1/results/" + id;

    /// <summary>Gives a stored answer back, byte for byte.</summary>
    public Task GetAsync(HttpContext context) => admission.RunAtOnceAsync(context, "result", async cancellation =>
    {
        var id = PathNames.Segment(context, "id");
        var json = id.Length > QueryHttpLimits.ResultIdCharsMax ? null : await results.GetAsync(id, cancellation).ConfigureAwait(false);
        if (json is not { } stored)
        {
            return Unknown(id);
        }

        context.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, JsonOutput.MediaType, stored).ConfigureAwait(false);
        return null;
    });

    /// <summary>Keeps an answer for good.</summary>
    public Task PinAsync(HttpContext context) => admission.RunAtOnceAsync(context, "result", async cancellation =>
    {
        var id = PathNames.Segment(context, "id");
        switch (id.Length > QueryHttpLimits.ResultIdCharsMax ? PinOutcome.Unknown : await results.PinAsync(id, cancellation).ConfigureAwait(false))
        {
            case PinOutcome.Unknown:
                return Unknown(id);
            case PinOutcome.Full:
                var message = string.Create(CultureInfo.InvariantCulture, $"as many answers are pinned as may be ({ResultLimits.PinnedMax}); unpin one with DELETE {PathOf("{id}")}/pin");
                return new() { Status = StatusCodes.Status409Conflict, Title = "too many pinned answers", Detail = message, Errors = [new("id", id, message)] };
            default:
                await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json =>
                {
                    json.WriteStartObject();
                    json.WriteString("id"u8, id);
                    json.WriteBoolean("pinned"u8, true);
                    json.WriteEndObject();
                }).ConfigureAwait(false);
                return null;
        }
    });

    /// <summary>Lets a pinned answer go with its age.</summary>
    public Task UnpinAsync(HttpContext context) => admission.RunAtOnceAsync(context, "result", async cancellation =>
    {
        var id = PathNames.Segment(context, "id");
        if (id.Length > QueryHttpLimits.ResultIdCharsMax || !await results.UnpinAsync(id, cancellation).ConfigureAwait(false))
        {
            return Problems.NotFound("id", JsonText.Excerpt(id), "no pinned answer has this id");
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return null;
    });

    private static ProblemDocument Unknown(string id) => Problems.NotFound("id", JsonText.Excerpt(id), "no answer is stored under this id (any more)");
}
