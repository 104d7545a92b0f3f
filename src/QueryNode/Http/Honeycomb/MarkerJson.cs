using System.Text.Json;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>Markers as both interfaces show them.</summary>
internal static class MarkerJson
{
    /// <summary>The colours of a dataset's marker settings by type.</summary>
    public static Dictionary<string, string> Colors(IReadOnlyList<MetaRecord> settings)
    {
        var colors = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var setting in settings)
        {
            using var document = JsonDocument.Parse(setting.Value);
            colors[document.RootElement.GetProperty("type"u8).GetString()!] = document.RootElement.GetProperty("color"u8).GetString()!;
        }

        return colors;
    }
}
