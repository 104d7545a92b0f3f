using System.Diagnostics.CodeAnalysis;
using StreamObserve.Core.Events;

namespace StreamObserve.Hosting;

/// <summary>A topic that ingest consumes; <paramref name="Encoding"/> is that of records without a <c>content-type</c> header.</summary>
public sealed record InputTopic(string Topic, PayloadEncoding Encoding)
{
    /// <summary>What <see cref="TryParse"/> reads, for error texts.</summary>
    public const string Syntax = "TOPIC=ENCODING with a Kafka topic name and the encoding json or text";

    /// <summary>Reads <c>events=json</c>.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out InputTopic? input)
    {
        input = null;
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        PayloadEncoding? encoding = text.AsSpan(equals + 1) switch
        {
            "json" => PayloadEncoding.Json,
            "text" => PayloadEncoding.Text,
            _ => null,
        };
        if (equals <= 0 || encoding is null || !IsTopicName(text.AsSpan(0, equals)))
        {
            return false;
        }

        input = new InputTopic(text[..equals], encoding.Value);
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
