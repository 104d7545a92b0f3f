using StreamObserve.Core.Events;

namespace StreamObserve.Ingest.Decoding;

/// <summary>Which media types name which encoding, for request and record headers alike.</summary>
internal static class ContentTypes
{
    /// <summary>The media types that are read, for error texts.</summary>
    public const string Known = "application/json, application/x-ndjson, application/jsonl, text/plain (all UTF-8)";

    /// <summary>Reads a media type such as <c>application/json; charset=utf-8</c>, in any case. False for one that is not read here, and for a charset other than UTF-8.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out PayloadEncoding encoding)
    {
        encoding = PayloadEncoding.Json;
        var semicolon = text.IndexOf(';');
        var type = (semicolon < 0 ? text : text[..semicolon]).Trim();
        if (semicolon >= 0 && !IsUtf8(text[(semicolon + 1)..]))
        {
            return false;
        }

        if (Is(type, "text/plain") || Is(type, "text"))
        {
            encoding = PayloadEncoding.Text;
            return true;
        }

        return Is(type, "application/json") || Is(type, "application/x-ndjson") || Is(type, "application/ndjson") || Is(type, "application/jsonl")
            || Is(type, "application/x-jsonlines") || Is(type, "text/json") || Is(type, "json");
    }

    private static bool Is(ReadOnlySpan<char> type, string name) => type.Equals(name, StringComparison.OrdinalIgnoreCase);

    private static bool IsUtf8(ReadOnlySpan<char> parameters)
    {
        var at = parameters.IndexOf("charset=", StringComparison.OrdinalIgnoreCase);
        if (at < 0)
        {
            return true;
        }

        var charset = parameters[(at + "charset=".Length)..];
        var end = charset.IndexOf(';');
        charset = (end < 0 ? charset : charset[..end]).Trim().Trim('"');
        return Is(charset, "utf-8") || Is(charset, "utf8") || Is(charset, "us-ascii");
    }
}
