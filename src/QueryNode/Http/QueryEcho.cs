using System.Text.Json;
using StreamObserve.Core.Querying;

namespace StreamObserve.QueryNode.Http;

/// <summary>
/// What was asked, as the answer repeats it: the members of the specification (or the text) as the client wrote them, with the time resolved to absolute edges,
/// so that a stored answer says what it is about for ever.
/// </summary>
internal readonly struct QueryEcho
{
    private const decimal NsPerSecond = 1_000_000_000m;

    private readonly string _dataset;
    private readonly JsonElement _specification;
    private readonly string? _text;

    private QueryEcho(string dataset, JsonElement specification, string? text)
    {
        _dataset = dataset;
        _specification = specification;
        _text = text;
    }

    /// <summary>Of a query that came as JSON; the element must stay alive until it is written.</summary>
    public static QueryEcho OfSpecification(string dataset, JsonElement specification) => new(dataset, specification, null);

    /// <summary>Of a query that came as text.</summary>
    public static QueryEcho OfText(string dataset, string text) => new(dataset, default, text);

    /// <summary>Writes the members <c>dataset</c> and <c>query</c>.</summary>
    public void Write(Utf8JsonWriter json, ResolvedTime time)
    {
        json.WriteString("dataset"u8, _dataset);
        json.WriteStartObject("query"u8);
        if (_text is not null)
        {
            json.WriteString("text"u8, _text);
        }
        else
        {
            foreach (var member in _specification.EnumerateObject())
            {
                if (!IsTime(member))
                {
                    json.WritePropertyName(member.Name);
                    member.Value.WriteTo(json);
                }
            }
        }

        json.WritePropertyName("start_time"u8);
        WriteSeconds(json, time.StartNs);
        json.WritePropertyName("end_time"u8);
        WriteSeconds(json, time.EndNs);
        json.WriteNumber("granularity"u8, time.GranularitySeconds);
        json.WriteEndObject();
    }

    private static bool IsTime(JsonProperty member) =>
        member.NameEquals("start_time"u8) || member.NameEquals("end_time"u8) || member.NameEquals("time_range"u8) || member.NameEquals("granularity"u8);

    private static void WriteSeconds(Utf8JsonWriter json, long unixNs)
    {
        var seconds = unixNs / NsPerSecond;
        if (decimal.IsInteger(seconds))
        {
            json.WriteNumberValue((long)seconds);
        }
        else
        {
            json.WriteNumberValue(seconds);
        }
    }
}
