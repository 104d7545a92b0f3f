using System.Buffers;
using System.Globalization;
using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.Hosting;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>Small JSON objects as they are kept and as they come in.</summary>
internal static class KeptJson
{
    private const int BytesTypical = 256;

    /// <summary>One object, its members written by <paramref name="members"/>.</summary>
    public static byte[] Write(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>(BytesTypical);
        using (var json = JsonOutput.Writer(buffer))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A member's RFC 3339 time in unix nanoseconds; null when it has none.</summary>
    public static long? Time(JsonElement kept, string member) =>
        kept.TryGetProperty(member, out var text) && text.ValueKind == JsonValueKind.String && EventTime.TryParseRfc3339(text.GetString(), out var ns) ? ns : null;

    /// <summary>A member's text; null when it is missing or null. What is neither text nor null, or too long, is added to the errors.</summary>
    public static string? Text(JsonElement body, string member, int charsMax, List<ProblemError> errors)
    {
        if (!body.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            errors.Add(new(member, JsonText.Excerpt(value), "must be a string"));
            return null;
        }

        var text = value.GetString()!;
        if (text.Length > charsMax)
        {
            errors.Add(new(member, JsonText.Excerpt(text), string.Create(CultureInfo.InvariantCulture, $"may have {charsMax} characters")));
        }

        return text;
    }

    /// <summary>The same for a text that must be there and not blank.</summary>
    public static string RequiredText(JsonElement body, string member, int charsMax, List<ProblemError> errors)
    {
        var before = errors.Count;
        var text = Text(body, member, charsMax, errors);
        if (errors.Count == before && string.IsNullOrWhiteSpace(text))
        {
            errors.Add(new(member, null, "cannot be blank"));
        }

        return text ?? "";
    }

    /// <summary>A member's truth value; null when it is missing or null.</summary>
    public static bool? Truth(JsonElement body, string member, List<ProblemError> errors)
    {
        if (!body.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        errors.Add(new(member, JsonText.Excerpt(value), "must be true or false"));
        return null;
    }

    /// <summary>A member's whole number within bounds; null when it is missing or null.</summary>
    public static int? Whole(JsonElement body, string member, int min, int max, List<ProblemError> errors)
    {
        if (!body.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= min && number <= max)
        {
            return number;
        }

        errors.Add(new(member, JsonText.Excerpt(value), string.Create(CultureInfo.InvariantCulture, $"must be a whole number from {min} to {max}")));
        return null;
    }

    /// <summary>A member's time in unix seconds, from such a number or RFC 3339 text; null when it is missing, null or 0, which some clients send for none.</summary>
    public static long? UnixSeconds(JsonElement body, string member, List<ProblemError> errors)
    {
        if (!body.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var seconds) && seconds is >= 0 and <= HoneycombLimits.UnixSecondsMax)
        {
            return seconds == 0 ? null : seconds;
        }

        if (value.ValueKind == JsonValueKind.String && EventTime.TryParseRfc3339(value.GetString(), out var ns) && ns >= 0)
        {
            return ns / 1_000_000_000;
        }

        errors.Add(new(member, JsonText.Excerpt(value), "must be a time: unix seconds or RFC 3339"));
        return null;
    }
}
