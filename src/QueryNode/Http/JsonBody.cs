using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using Utf8Text = System.Text.Unicode.Utf8;

namespace StreamObserve.QueryNode.Http;

/// <summary>A request's body: one JSON object, with the bytes it was read from. Dispose after the last use of <see cref="Root"/>.</summary>
internal sealed class JsonBody : IDisposable
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = QueryHttpLimits.RequestJsonDepthMax, AllowDuplicateProperties = false };

    private readonly JsonDocument _document;

    private JsonBody(JsonDocument document, ReadOnlyMemory<byte> utf8)
    {
        _document = document;
        Utf8 = utf8;
    }

    /// <summary>The object.</summary>
    public JsonElement Root => _document.RootElement;

    /// <summary>The body as it came.</summary>
    public ReadOnlyMemory<byte> Utf8 { get; }

    /// <summary>
    /// Reads the body, whatever its content type says it is (tools send forms' by default): 415 only for one that names another charset than UTF-8, 413 past the
    /// size, 400 with the position for what is not a JSON object.
    /// </summary>
    public static async ValueTask<Reading<JsonBody>> ReadAsync(HttpContext context)
    {
        if (!IsUtf8(context.Request.ContentType))
        {
            return new ProblemDocument
            {
                Status = StatusCodes.Status415UnsupportedMediaType,
                Title = "unsupported content type",
                Detail = "the body must be JSON in UTF-8: send Content-Type: application/json",
                Errors = [new("Content-Type", context.Request.ContentType, "may name no other charset than utf-8")],
            };
        }

        var body = await ReadBytesAsync(context).ConfigureAwait(false);
        if (body.Problem is not null)
        {
            return body.Problem;
        }

        var utf8 = body.Value;
        if (utf8.IsEmpty)
        {
            return Problems.BadRequest(new ProblemError("body", null, "is empty; a JSON object is expected"));
        }

        if (!Utf8Text.IsValid(utf8.Span))
        {
            return Problems.BadRequest(new ProblemError("body", null, "is not valid UTF-8"));
        }

        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(utf8, Options);
        }
        catch (JsonException malformed)
        {
            return Malformed(malformed);
        }

        if (UnpairedSurrogate(utf8.Span) is { } text)
        {
            using (document)
            {
                return Problems.BadRequest(new ProblemError("body", text, "a \\u escape is half of a surrogate pair, which is no character"));
            }
        }

        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            using (document)
            {
                return Problems.BadRequest(new ProblemError("body", JsonText.Excerpt(document.RootElement), "must be a JSON object"));
            }
        }

        return new JsonBody(document, utf8);
    }

    /// <inheritdoc/>
    public void Dispose() => _document.Dispose();

    // ASCII is UTF-8 too.
    /// <summary>Reads the body as <see cref="ReadAsync"/> does and does <paramref name="work"/> with it; a body that cannot be read is answered, and no work is done.</summary>
    public static async Task UseAsync(HttpContext context, Func<JsonBody, Task> work)
    {
        var body = await ReadAsync(context).ConfigureAwait(false);
        if (body.Problem is not null)
        {
            await body.Problem.WriteAsync(context).ConfigureAwait(false);
            return;
        }

        using var json = body.Value;
        await work(json).ConfigureAwait(false);
    }

    private static bool IsUtf8(string? contentType) =>
        !MediaTypeHeaderValue.TryParse(contentType, out var type)
        || type.CharSet?.Trim('"') is not { } charset
        || charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)
        || charset.Equals("us-ascii", StringComparison.OrdinalIgnoreCase);

    private static async ValueTask<Reading<ReadOnlyMemory<byte>>> ReadBytesAsync(HttpContext context)
    {
        if (context.Request.ContentLength > QueryHttpLimits.RequestBodyBytesMax)
        {
            return TooLarge(context.Request.ContentLength);
        }

        var bytes = new ArrayBufferWriter<byte>((int)(context.Request.ContentLength ?? 1024) + 1);
        var reader = context.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(context.RequestAborted).ConfigureAwait(false);
            if (bytes.WrittenCount + read.Buffer.Length > QueryHttpLimits.RequestBodyBytesMax)
            {
                reader.AdvanceTo(read.Buffer.End);
                return TooLarge(null);
            }

            foreach (var segment in read.Buffer)
            {
                bytes.Write(segment.Span);
            }

            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return bytes.WrittenMemory;
            }
        }
    }

    /// <summary>The raw text of the first string that no UTF-16 reader could take, or null.</summary>
    private static string? UnpairedSurrogate(ReadOnlySpan<byte> utf8)
    {
        // Fast path: nobody escapes surrogates by hand.
        if (utf8.IndexOf("\\ud"u8) < 0 && utf8.IndexOf("\\uD"u8) < 0)
        {
            return null;
        }

        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = QueryHttpLimits.RequestJsonDepthMax });
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped)
            {
                continue;
            }

            try
            {
                _ = reader.GetString();
            }
            catch (InvalidOperationException)
            {
                return JsonText.Excerpt(Encoding.UTF8.GetString(reader.ValueSpan));
            }
        }

        return null;
    }

    private static ProblemDocument TooLarge(long? length)
    {
        var message = string.Create(CultureInfo.InvariantCulture, $"may have {QueryHttpLimits.RequestBodyBytesMax} bytes");
        return new()
        {
            Status = StatusCodes.Status413PayloadTooLarge,
            Title = "body too large",
            Detail = "the body " + message,
            Errors = [new("body", length is null ? null : string.Create(CultureInfo.InvariantCulture, $"{length} bytes"), message)],
        };
    }

    private static ProblemDocument Malformed(JsonException malformed)
    {
        // The reader counts from 0 and appends its place to the message, which the document has as members of its own.
        var (line, column) = ((malformed.LineNumber ?? 0) + 1, (malformed.BytePositionInLine ?? 0) + 1);
        var place = malformed.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        var reason = place < 0 ? malformed.Message : malformed.Message[..place];
        var message = string.Create(CultureInfo.InvariantCulture, $"not valid JSON at line {line}, byte {column}: {reason}");
        return Problems.BadRequest(new ProblemError("body", null, message)) with
        {
            Members = json =>
            {
                json.WriteNumber("line"u8, line);
                json.WriteNumber("column"u8, column);
            },
        };
    }
}
