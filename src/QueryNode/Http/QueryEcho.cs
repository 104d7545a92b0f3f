using System.Text.Json;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.QueryNode.Http;

/// <summary>
/// What was asked, as the answer repeats it: the dataset, the text if the query came as text, and the specification with its time resolved to absolute edges.
/// Asking <c>query</c> again asks about the very same time, so that a stored answer says what it is about for ever.
/// </summary>
internal readonly record struct QueryEcho(string Dataset, QuerySpec Spec, string? Text, bool WithoutSeries = false)
{
    /// <summary>Writes further members, of the interface through which the query came; null = none.</summary>
    public Action<Utf8JsonWriter>? Members { get; init; }

    /// <summary>
    /// Writes the members <c>dataset</c>, <c>text</c>, <c>disable_series</c> (without which a limit past 1,000 is refused), <c>query</c> and <see cref="Members"/>.
    /// </summary>
    public void Write(Utf8JsonWriter json, ResolvedTime time)
    {
        json.WriteString("dataset"u8, Dataset);
        if (Text is not null)
        {
            json.WriteString("text"u8, Text);
        }

        if (WithoutSeries)
        {
            json.WriteBoolean("disable_series"u8, true);
        }

        json.WritePropertyName("query"u8);
        QuerySpecJson.Write(json, Spec with { StartTimeNs = time.StartNs, EndTimeNs = time.EndNs, TimeRangeSeconds = null, GranularitySeconds = time.GranularitySeconds });
        Members?.Invoke(json);
    }
}
