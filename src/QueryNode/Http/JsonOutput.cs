using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;

namespace StreamObserve.QueryNode.Http;

/// <summary>How every JSON answer of the HTTP face is written: compact, UTF-8, whole numbers as integers.</summary>
internal static class JsonOutput
{
    /// <summary>The media type of answers.</summary>
    public const string MediaType = "application/json";

    // Answers are application/json with nosniff, never part of a page: only what JSON itself needs is escaped.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Floats of this size and more are written in exponent form: past 2^53 their last digits say nothing.</summary>
    private const double WholeMax = 9_007_199_254_740_992;

    /// <summary>A writer into the buffer.</summary>
    public static Utf8JsonWriter Writer(IBufferWriter<byte> buffer) => new(buffer, Options);

    /// <summary>A member name, escaped once for many uses.</summary>
    public static JsonEncodedText Name(string name) => JsonEncodedText.Encode(name, Options.Encoder);

    /// <summary>Sends one JSON document that fits in memory.</summary>
    public static async Task SendAsync(HttpContext context, int status, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        await using (var json = Writer(buffer))
        {
            write(json);
        }

        await SendAsync(context, status, MediaType, buffer.WrittenMemory).ConfigureAwait(false);
    }

    /// <summary>Sends bytes as they are.</summary>
    public static async Task SendAsync(HttpContext context, int status, string mediaType, ReadOnlyMemory<byte> body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = mediaType;
        context.Response.ContentLength = body.Length;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        await context.Response.BodyWriter.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>True of a number that is written without a fraction or an exponent.</summary>
    public static bool IsWhole(double value) => Math.Abs(value) < WholeMax && Math.Truncate(value) == value;

    /// <summary>Writes a number: 12 for 12.0.</summary>
    public static void WriteNumber(this Utf8JsonWriter json, double value)
    {
        if (IsWhole(value))
        {
            json.WriteNumberValue((long)value);
        }
        else
        {
            json.WriteNumberValue(value);
        }
    }

    /// <summary>Writes a field's value; an absent one as null.</summary>
    public static void WriteField(this Utf8JsonWriter json, FieldValue value)
    {
        switch (value.Kind)
        {
            case FieldKind.String:
                json.WriteStringValue(value.AsString);
                break;
            case FieldKind.Integer:
                json.WriteNumberValue(value.AsInteger);
                break;
            case FieldKind.Float:
                json.WriteNumber(value.AsDouble);
                break;
            case FieldKind.Bool:
                json.WriteBooleanValue(value.AsBool);
                break;
            default:
                json.WriteNullValue();
                break;
        }
    }

    /// <summary>Writes a calculation's value: a number, null, or a heatmap as its buckets.</summary>
    public static void WriteCell(this Utf8JsonWriter json, AnswerCell cell, HeatmapJson heatmaps)
    {
        if (cell.Heatmap is not { } heatmap)
        {
            json.WriteField(cell.Value);
            return;
        }

        heatmaps.Write(json, heatmap);
    }

    /// <summary>Writes a member with a time (unix nanoseconds) as RFC 3339 text, or null.</summary>
    public static void WriteTime(this Utf8JsonWriter json, JsonEncodedText name, long? unixNs)
    {
        if (unixNs is { } ns)
        {
            json.WriteString(name, EventTime.Format(ns));
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
