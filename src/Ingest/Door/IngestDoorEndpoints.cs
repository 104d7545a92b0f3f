using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using StreamObserve.Core.Events;
using StreamObserve.Hosting;
using StreamObserve.Ingest.Decoding;

namespace StreamObserve.Ingest.Door;

/// <summary><c>POST /api/v1/ingest/{dataset}</c>.</summary>
public static class IngestDoorEndpoints
{
    /// <summary>
    /// Maps the door: NDJSON, a JSON array or text lines by <c>Content-Type</c>, plain or compressed. 200 and one status per event, in order; everything else is a problem
    /// document. Needs an <see cref="IngestDoor"/> and <see cref="IngestMetrics"/> in the container.
    /// </summary>
    public static IEndpointRouteBuilder MapIngestDoor(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapPost("/api/v1/ingest/{dataset}", HandleAsync);
        return endpoints;
    }

    private static async Task HandleAsync(HttpContext context)
    {
        var services = context.RequestServices;
        var door = services.GetRequiredService<IngestDoor>();
        var metrics = services.GetRequiredService<IngestMetrics>();
        var problem = await StoreAsync(context, door).ConfigureAwait(false);
        metrics.Answered(problem?.Status ?? StatusCodes.Status200OK);
        if (problem is not null)
        {
            await problem.WriteAsync(context).ConfigureAwait(false);
        }
    }

    /// <summary>Handles one request; null when the 200 was written.</summary>
    private static async Task<ProblemDocument?> StoreAsync(HttpContext context, IngestDoor door)
    {
        var request = context.Request;
        var dataset = (string)request.RouteValues["dataset"]!;
        if (DatasetProblem(dataset) is { } badDataset)
        {
            return badDataset;
        }

        var contentType = request.ContentType;
        var encoding = PayloadEncoding.Json;
        if (!string.IsNullOrEmpty(contentType) && !ContentTypes.TryParse(contentType, out encoding))
        {
            return Problem(StatusCodes.Status415UnsupportedMediaType, "unsupported content type", "Content-Type", contentType, $"expected one of {ContentTypes.Known}");
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = Limits.RequestBytes;
        }

        if (request.ContentLength > Limits.RequestBytes)
        {
            return TooLarge(request.ContentLength.Value, Limits.RequestBytes);
        }

        var contentEncoding = request.Headers.ContentEncoding.ToString();
        var (outcome, body) = await RequestBody.ReadAsync(door, request.Body, contentEncoding, context.RequestAborted).ConfigureAwait(false);
        using (body)
        {
            switch (outcome)
            {
                case BodyOutcome.TooLarge:
                    return TooLarge(null, Limits.RequestBytes);
                case BodyOutcome.Overloaded:
                    return Busy(StatusCodes.Status429TooManyRequests, "too many requests", $"the door holds its limit of {Limits.DoorBodyBytes} bytes of request bodies");
                case BodyOutcome.Malformed:
                    return Problem(StatusCodes.Status400BadRequest, "bad request", "Content-Encoding", contentEncoding, "the body is not what its content encoding says");
                case BodyOutcome.UnknownEncoding:
                    return Problem(StatusCodes.Status415UnsupportedMediaType, "unsupported content encoding", "Content-Encoding", contentEncoding, $"expected one of {RequestBody.KnownEncodings}");
            }

            var text = body.Bytes.Span.Trim(" \t\r\n"u8);
            if (text.IsEmpty)
            {
                return Problem(StatusCodes.Status400BadRequest, "bad request", "body", "", "expected at least one event");
            }

            if (encoding == PayloadEncoding.Json && text[0] == (byte)'[')
            {
                if (text.Length > Limits.ArrayBytes)
                {
                    return TooLarge(text.Length, Limits.ArrayBytes);
                }

                if (text[1..].TrimStart(" \t\r\n"u8) is [(byte)']'])
                {
                    return Problem(StatusCodes.Status400BadRequest, "bad request", "body", "[]", "expected at least one event");
                }
            }

            return await CommitAsync(context, door, body, encoding, dataset).ConfigureAwait(false);
        }
    }

    private static async Task<ProblemDocument?> CommitAsync(HttpContext context, IngestDoor door, RequestBody body, PayloadEncoding encoding, string dataset)
    {
        DoorAnswer answer;
        try
        {
            answer = await door.StoreAsync(body.Bytes, encoding, dataset, context.RequestAborted).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            body.Abandon();
            throw;
        }

        switch (answer.Outcome)
        {
            case DoorOutcome.Overloaded:
                return Busy(StatusCodes.Status429TooManyRequests, "too many requests", answer.Reason);
            case DoorOutcome.Unavailable:
                body.Abandon();
                return Busy(StatusCodes.Status503ServiceUnavailable, "unavailable", answer.Reason);
        }

        var json = ToJson(answer, body.Bytes.Span, encoding);
        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.WrittenCount;
        await context.Response.Body.WriteAsync(json.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
        return null;
    }

    private static ArrayBufferWriter<byte> ToJson(DoorAnswer answer, ReadOnlySpan<byte> body, PayloadEncoding encoding)
    {
        var refused = new List<RefusedEvent>(answer.Refused);
        refused.Sort((a, b) => a.Index.CompareTo(b.Index));
        var indexes = refused.ConvertAll(r => r.Index);
        var lines = LineNumbers.Of(body, encoding, CollectionsMarshal.AsSpan(indexes));
        var total = answer.Accepted + refused.Count;
        var buffer = new ArrayBufferWriter<byte>((total * 15) + 64);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartArray();
        for (int index = 0, next = 0; index < total; index++)
        {
            json.WriteStartObject();
            if (next < refused.Count && refused[next].Index == index)
            {
                json.WriteNumber("status"u8, 400);
                json.WriteString("error"u8, $"{refused[next].Reason}: {refused[next].Detail}");
                json.WriteNumber("line"u8, lines[next]);
                next++;
            }
            else
            {
                json.WriteNumber("status"u8, 202);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.Flush();
        return buffer;
    }

    private static ProblemDocument? DatasetProblem(string dataset)
    {
        var bytes = Encoding.UTF8.GetByteCount(dataset);
        if (string.IsNullOrWhiteSpace(dataset) || dataset.AsSpan().ContainsAnyInRange('\0', '\x1f') || bytes > Core.Limits.DatasetNameBytesMax)
        {
            return Problem(StatusCodes.Status400BadRequest, "bad request", "dataset", dataset, $"a dataset's name has 1 to {Core.Limits.DatasetNameBytesMax} UTF-8 bytes and no control characters");
        }

        return null;
    }

    private static ProblemDocument TooLarge(long? bytes, long limit) => Problem(
        StatusCodes.Status413PayloadTooLarge,
        "too large",
        "body",
        bytes is null ? null : $"{bytes} bytes",
        $"a body has at most {Limits.RequestBytes} bytes after decompression, a JSON array {Limits.ArrayBytes}; this one is past {limit}: send it in parts");

    private static ProblemDocument Busy(int status, string title, string detail) =>
        new() { Status = status, Title = title, Detail = detail, RetryAfterSeconds = Limits.RetryAfterSeconds };

    private static ProblemDocument Problem(int status, string title, string field, string? value, string message) => new()
    {
        Status = status,
        Title = title,
        Detail = $"{field}: {message}{(value is null ? "" : $", got \"{value}\"")}",
        Errors = [new ProblemError(field, value, message)],
    };
}
