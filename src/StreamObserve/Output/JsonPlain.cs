using System.Text.Json;

namespace StreamObserve.Output;

/// <summary>JSON values as a person reads and types them.</summary>
internal static class JsonPlain
{
    /// <summary>A string without its quotes, nothing for null, anything else as it stands in JSON (<c>true</c>, not <c>True</c>).</summary>
    public static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Null or JsonValueKind.Undefined => "",
        _ => value.GetRawText(),
    };
}
