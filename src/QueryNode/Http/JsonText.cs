using System.Text.Json;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.QueryNode.Http;

/// <summary>JSON values as error messages show them.</summary>
internal static class JsonText
{
    private const int ExcerptCharsMax = LanguageLimits.ErrorValueCharsMax;

    /// <summary>The value as the client wrote it, cut to a readable length.</summary>
    public static string Excerpt(JsonElement value) => Excerpt(value.GetRawText());

    /// <summary>Text cut to a readable length.</summary>
    public static string Excerpt(string text) => text.Length <= ExcerptCharsMax ? text : text[..ExcerptCharsMax] + "…";
}
