using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using StreamObserve.Hosting;

namespace StreamObserve.Commands;

/// <summary>Flags that several client verbs share, and parsers for their own.</summary>
internal static class ClientSettings
{
    /// <summary>--url: where the node's HTTP API is.</summary>
    public static SingleSetting<Uri> Url { get; } = new("url", TryUrl, new Uri("http://127.0.0.1:8080"), "http://127.0.0.1:8080")
    {
        ValueName = "URL",
        Expected = "an http:// or https:// address such as http://127.0.0.1:8080",
        Description = "HTTP address of a node with role query or ingest.",
    };

    /// <summary>--kafka: where the log is.</summary>
    public static SingleSetting<string> Kafka { get; } = new("kafka", TryBootstrap, "127.0.0.1:9092", "127.0.0.1:9092")
    {
        ValueName = "HOST:PORT,...",
        Expected = "one or more HOST:PORT, separated by commas",
        Description = "Bootstrap addresses of Kafka, or of the embedded broker.",
    };

    /// <summary>A flag with one of a few words.</summary>
    public static SingleSetting<string> Choice(string name, string description, string defaultValue, params string[] words) =>
        new(name, (string text, [MaybeNullWhen(false)] out string value) => (value = Array.Find(words, w => w.Equals(text, StringComparison.OrdinalIgnoreCase))) is not null, defaultValue, defaultValue)
        {
            FlagOnly = true,
            ValueName = string.Join('|', words),
            Expected = "one of " + string.Join(", ", words),
            Description = description,
        };

    /// <summary>A flag that is there or not.</summary>
    public static SingleSetting<bool> Switch(string name, string description) =>
        new(name, (string text, out bool value) => (value = text is "yes") || text is "no", false, "no")
        {
            FlagOnly = true,
            ValueName = "yes|no",
            ValueAlone = "yes",
            Expected = "yes or no, or nothing",
            Description = description,
        };

    /// <summary>A flag with free text; empty when not given.</summary>
    public static SingleSetting<string> Text(string name, string valueName, string description, string defaultValue = "") =>
        new(name, (string text, [MaybeNullWhen(false)] out string value) => (value = text.Trim()).Length > 0, defaultValue, defaultValue)
        {
            FlagOnly = true,
            ValueName = valueName,
            Expected = "a text that is not empty",
            Description = description,
        };

    /// <summary>A flag with a whole number.</summary>
    public static SingleSetting<int> Number(string name, string description, int defaultValue, int min, int max) =>
        new(
            name,
            (string text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= min && value <= max,
            defaultValue,
            defaultValue.ToString(CultureInfo.InvariantCulture))
        {
            FlagOnly = true,
            ValueName = "N",
            Expected = $"a whole number from {min} to {max}",
            Description = description,
        };

    private static bool TryUrl(string text, [MaybeNullWhen(false)] out Uri value) =>
        Uri.TryCreate(text.TrimEnd('/'), UriKind.Absolute, out value) && value.Scheme is "http" or "https";

    private static bool TryBootstrap(string text, [MaybeNullWhen(false)] out string value)
    {
        value = text;
        return text.Split(',').All(a => HostPort.TryParse(a, out HostPort? address) && address.Port > 0);
    }
}
