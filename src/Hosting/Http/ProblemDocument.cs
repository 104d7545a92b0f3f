using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace StreamObserve.Hosting;

/// <summary>One offending field: where it is (a path such as <c>query.calculations[0].op</c>, a parameter, a header), its value as written (null = absent), what was expected.</summary>
public sealed record ProblemError(string Field, string? Value, string Message);

/// <summary>
/// An error answer of every HTTP endpoint: RFC 9457 <c>application/problem+json</c> with the extension member
/// <c>errors:[{field,value,message}]</c>. Immutable.
/// </summary>
public sealed record ProblemDocument
{
    /// <summary>The media type.</summary>
    public const string ContentType = "application/problem+json";

    // Never part of a page: only what JSON itself needs is escaped, so that a person can read it in a terminal.
    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The HTTP status, 400..599.</summary>
    public required int Status { get; init; }

    /// <summary>The kind of problem in a few words; the same for every occurrence.</summary>
    public required string Title { get; init; }

    /// <summary>What is wrong this time, with the value and what to do about it; null = the title says it all.</summary>
    public string? Detail { get; init; }

    /// <summary>A URI of the kind of problem; <c>about:blank</c> = the status says it.</summary>
    public string Type { get; init; } = "about:blank";

    /// <summary>The fields at fault.</summary>
    public IReadOnlyList<ProblemError> Errors { get; init; } = [];

    /// <summary>Seconds for a <c>Retry-After</c> header (429, 503); null = none.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>Writes further members behind the standard ones (RFC 9457 extension members); null = none.</summary>
    public Action<Utf8JsonWriter>? Members { get; init; }

    /// <summary>400 for bad input. The detail sums the errors up when there are some.</summary>
    public static ProblemDocument BadRequest(string detail, params IReadOnlyList<ProblemError> errors) =>
        new() { Status = StatusCodes.Status400BadRequest, Title = "bad request", Detail = detail, Errors = errors };

    /// <summary>400 for one bad field.</summary>
    public static ProblemDocument BadField(string field, string? value, string message) =>
        BadRequest($"{field}: {message}{(value is null ? "" : $", got \"{value}\"")}", new ProblemError(field, value, message));

    /// <summary>404: there is no such thing.</summary>
    public static ProblemDocument NotFound(string detail, params IReadOnlyList<ProblemError> errors) =>
        new() { Status = StatusCodes.Status404NotFound, Title = "not found", Detail = detail, Errors = errors };

    /// <summary>503: try again after so many seconds.</summary>
    public static ProblemDocument Unavailable(string detail, int retryAfterSeconds = 1) =>
        new() { Status = StatusCodes.Status503ServiceUnavailable, Title = "unavailable", Detail = detail, RetryAfterSeconds = retryAfterSeconds };

    /// <summary>Writes it as the whole answer; <c>instance</c> is the request's path. The answer must not have started.</summary>
    public async Task WriteAsync(HttpContext context)
    {
        context.Response.StatusCode = Status;
        context.Response.ContentType = ContentType;
        if (RetryAfterSeconds is { } seconds)
        {
            context.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        byte[] body = ToJson(context.Request.Path.Value ?? "/");
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
        }
    }

    /// <summary>The document's UTF-8 JSON.</summary>
    public byte[] ToJson(string instance)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, WriterOptions))
        {
            json.WriteStartObject();
            json.WriteString("type", Type);
            json.WriteString("title", Title);
            json.WriteNumber("status", Status);
            if (Detail is not null)
            {
                json.WriteString("detail", Detail);
            }

            json.WriteString("instance", instance);
            if (Errors.Count > 0)
            {
                json.WriteStartArray("errors");
                foreach (ProblemError error in Errors)
                {
                    json.WriteStartObject();
                    json.WriteString("field", error.Field);
                    json.WriteString("value", error.Value);
                    json.WriteString("message", error.Message);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            }

            Members?.Invoke(json);
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }
}
