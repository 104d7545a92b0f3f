using System.Text.Json;

namespace StreamObserve.QueryNode.Http;

/// <summary>JSON values as error messages show them.</summary>
internal static class JsonText
{
    private const int ExcerptCharsMax = 200;

    /// <summary>The value as the client wrote it (text without its quotes), cut to a readable length.</summary>
    public static string Excerpt(JsonElement value)
    {
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        return Excerpt(text);
    }

    /// <summary>Text cut to a readable length.</summary>
    public static string Excerpt(string text) => text.Length <= ExcerptCharsMax ? text : text[..ExcerptCharsMax] + "…";
}
