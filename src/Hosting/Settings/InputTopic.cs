using System.Diagnostics.CodeAnalysis;

namespace StreamObserve.Hosting;

/// <summary>How the records of an input topic are encoded when they have no <c>content-type</c> header.</summary>
public enum InputEncoding : byte
{
    /// <summary>A JSON object, an array of objects, or one object a line.</summary>
    Json,
}

/// <summary>A topic that ingest consumes.</summary>
public sealed record InputTopic(string Topic, InputEncoding Encoding)
{
    /// <summary>What <see cref="TryParse"/> reads, for error texts.</summary>
    public const string Syntax = "TOPIC=ENCODING with a Kafka topic name and the encoding json";

    /// <summary>Reads <c>events=json</c>.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out InputTopic? input)
    {
        input = null;
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0 || !IsTopicName(text.AsSpan(0, equals)) || text[(equals + 1)..] != "json")
        {
            return false;
        }

        input = new InputTopic(text[..equals], InputEncoding.Json);
        return true;
    }

    /// <summary>True for what Kafka takes as a topic's name: 1..249 of letters, digits, <c>. _ -</c>, but neither <c>.</c> nor <c>..</c>.</summary>
    public static bool IsTopicName(ReadOnlySpan<char> name) =>
        name.Length is > 0 and <= Limits.TopicNameLengthMax
        && name is not "." and not ".."
        && name.IndexOfAnyExcept("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") < 0;

    /// <inheritdoc/>
    public override string ToString() => $"{Topic}={Encoding.ToString().ToLowerInvariant()}";
}
