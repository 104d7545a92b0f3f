using System.Text.Json;

namespace StreamObserve.Hosting;

/// <summary>
/// Reads a configuration file: one JSON object (comments and trailing commas allowed) whose keys are nested or dotted alike;
/// <c>{"kafka":{"bootstrap":"a:9092"}}</c> is <c>{"kafka.bootstrap":"a:9092"}</c>.
/// </summary>
internal static class ConfigurationFile
{
    private static readonly JsonDocumentOptions Options = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 16 };

    /// <summary>Each key's texts, in the file's order; or null with what is wrong (without the file's name).</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>>? Parse(string json, out string? error)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, Options);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                error = $"expected a JSON object, got {Describe(document.RootElement)}";
                return null;
            }

            var values = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
            error = Flatten("", document.RootElement, values);
            return error is null ? values : null;
        }
        catch (JsonException e)
        {
            error = $"not JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}";
            return null;
        }
    }

    private static string? Flatten(string prefix, JsonElement element, Dictionary<string, IReadOnlyList<string>> values)
    {
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string key = prefix + property.Name;
            string? error = null;
            switch (property.Value.ValueKind)
            {
                case JsonValueKind.Object:
                    error = Flatten(key + ".", property.Value, values);
                    break;
                case JsonValueKind.Null:
                    break;
                default:
                    if (Texts(property.Value) is not { } texts)
                    {
                        error = $"{key}: expected a string, a number or an array of them, got {Describe(property.Value)}";
                    }
                    else if (!values.TryAdd(key, texts))
                    {
                        error = $"{key}: is there twice";
                    }

                    break;
            }

            if (error is not null)
            {
                return error;
            }
        }

        return null;
    }

    private static List<string>? Texts(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            return Scalar(value) is { } text ? [text] : null;
        }

        var texts = new List<string>();
        foreach (JsonElement item in value.EnumerateArray())
        {
            if (Scalar(item) is not { } text)
            {
                return null;
            }

            texts.Add(text);
        }

        return texts.Count == 0 ? null : texts;
    }

    private static string? Scalar(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
        _ => null,
    };

    private static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array when value.GetArrayLength() == 0 => "an empty array",
        JsonValueKind.Array => "an array with other things",
        _ => value.GetRawText(),
    };
}
