using System.Buffers;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Querying;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>
/// An error answer: an RFC 9457 problem document. <see cref="Kind"/> is a stable word behind <c>urn:streamobserve:problem:</c>; <see cref="Detail"/> is for a person.
/// The first of <see cref="Errors"/> is also the document's <c>field</c> and <c>value</c>.
/// </summary>
internal sealed record Problem(int Status, string Kind, string Title, string Detail)
{
    /// <summary>The media type of problem documents.</summary>
    public const string MediaType = "application/problem+json";

    private const string KindPrefix = "urn:streamobserve:problem:";

    /// <summary>Each thing that is wrong.</summary>
    public IReadOnlyList<RequestError> Errors { get; init; } = [];

    /// <summary>Where in the body JSON broke off: line and byte in the line, from 1.</summary>
    public (long Line, long Column)? Position { get; init; }

    /// <summary>Partitions that did not answer.</summary>
    public IReadOnlyList<FailedPartition> Failed { get; init; } = [];

    /// <summary>Tells the client to come back.</summary>
    public bool RetryAfter { get; init; }

    /// <summary>A request that cannot be read: 400, one error or more.</summary>
    public static Problem BadRequest(params IReadOnlyList<RequestError> errors) =>
        new(StatusCodes.Status400BadRequest, "bad-request", "The request cannot be read", Summary(errors)) { Errors = errors };

    /// <summary>A request that can be read and says something that cannot be done: 422, one error or more.</summary>
    public static Problem Unprocessable(string kind, string title, IReadOnlyList<RequestError> errors) =>
        new(StatusCodes.Status422UnprocessableEntity, kind, title, Summary(errors)) { Errors = errors };

    /// <summary>There is no such thing: 404.</summary>
    public static Problem NotFound(string field, string value, string message) =>
        new(StatusCodes.Status404NotFound, "not-found", "Not found", message) { Errors = [new(field, value, message)] };

    /// <summary>Nobody has written to the dataset: 404.</summary>
    public static Problem UnknownDataset(string dataset) =>
        NotFound("dataset", dataset, $"no dataset \"{dataset}\" has events; GET /api/v1/datasets lists those that do");

    /// <summary>The node has as much to do as it takes on: 429.</summary>
    public static Problem Overloaded(string detail) =>
        new(StatusCodes.Status429TooManyRequests, "overloaded", "Too many requests at once", detail) { RetryAfter = true };

    /// <summary>The request took too long: 504.</summary>
    public static Problem TimedOut(TimeSpan after) => new(
        StatusCodes.Status504GatewayTimeout,
        "timeout",
        "The query took too long",
        string.Create(CultureInfo.InvariantCulture, $"no answer within {after.TotalSeconds:0.###} s; ask about less time, or raise the query time-out"));

    /// <summary>The parts behind the HTTP face cannot serve: 503.</summary>
    public static Problem Unavailable(ServiceUnavailableException reason) =>
        new(StatusCodes.Status503ServiceUnavailable, "unavailable", "Not available at the moment", reason.Message) { RetryAfter = reason.IsTransient };

    /// <summary>Partitions are missing and the client wants no partial answer: 503.</summary>
    public static Problem Partial(Receipt receipt) => new(
        StatusCodes.Status503ServiceUnavailable,
        "partial",
        "The answer would be partial",
        $"{receipt.Failed.Count} of {receipt.Asked} partitions did not answer; \"partial\":\"allow\" answers from the others and says so")
    {
        Failed = receipt.Failed,
        RetryAfter = receipt.Failed.All(failed => failed.Retryable),
    };

    /// <summary>A status without more to say, e.g. of a path that nothing serves.</summary>
    public static Problem OfStatus(HttpContext context, int status) => status switch
    {
        StatusCodes.Status404NotFound => NotFound("path", context.Request.Path, $"nothing is served at {context.Request.Path}; GET / lists what is"),
        StatusCodes.Status405MethodNotAllowed => new(status, "method-not-allowed", "Method not allowed", $"{context.Request.Path} allows {context.Response.Headers.Allow}")
        {
            Errors = [new("method", context.Request.Method, $"allowed: {context.Response.Headers.Allow}")],
        },
        >= StatusCodes.Status500InternalServerError => new(status, "internal", "Internal error", $"the request failed; the server's log has the cause under {context.TraceIdentifier}"),
        _ => new(status, "bad-request", "The request cannot be served", $"status {status}"),
    };

    /// <summary>Sends the document as the whole answer.</summary>
    public async Task SendAsync(HttpContext context)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        await using (var json = JsonOutput.Writer(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type"u8, KindPrefix + Kind);
            json.WriteString("title"u8, Title);
            json.WriteNumber("status"u8, Status);
            json.WriteString("detail"u8, Detail);
            if (Errors.Count > 0)
            {
                json.WriteString("field"u8, Errors[0].Field);
                json.WriteString("value"u8, Errors[0].Value);
            }

            if (Position is var (line, column))
            {
                json.WriteNumber("line"u8, line);
                json.WriteNumber("column"u8, column);
            }

            if (Errors.Count > 0)
            {
                json.WriteStartArray("errors"u8);
                foreach (var error in Errors)
                {
                    json.WriteStartObject();
                    json.WriteString("field"u8, error.Field);
                    json.WriteString("value"u8, error.Value);
                    json.WriteString("message"u8, error.Message);
                    if (error.Position is { } position)
                    {
                        json.WriteNumber("position"u8, position);
                    }

                    json.WriteEndObject();
                }

                json.WriteEndArray();
            }

            if (Failed.Count > 0)
            {
                ReceiptJson.WriteFailed(json, Failed);
            }

            json.WriteEndObject();
        }

        if (RetryAfter)
        {
            context.Response.Headers.RetryAfter = QueryHttpLimits.RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        }

        context.Response.Headers.CacheControl = "no-store";
        await JsonOutput.SendAsync(context, Status, MediaType, buffer.WrittenMemory).ConfigureAwait(false);
    }

    private static string Summary(IReadOnlyList<RequestError> errors)
    {
        var first = $"{errors[0].Field}: {errors[0].Message}";
        return errors.Count == 1 ? first : $"{first} (and {errors.Count - 1} more)";
    }
}
