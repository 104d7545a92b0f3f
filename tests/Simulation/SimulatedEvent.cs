using System.Globalization;
using System.Text;
using StreamObserve.Core.Events;

namespace StreamObserve.Simulation;

/// <summary>An event as it was produced. <paramref name="Number"/> is unique in a simulation, so that each row can be told from every other.</summary>
internal sealed record SimulatedEvent(
    long Number, string Dataset, string? TraceId, bool IsRoot, string Route, bool IsError, long DurationMs, int ClientRate, long TimeMs)
{
    public const string NumberField = "n";

    /// <summary>The event as a producer sends it.</summary>
    public byte[] ToJson()
    {
        var json = new StringBuilder();
        json.Append(CultureInfo.InvariantCulture, $"{{\"time\":\"{EventTime.Format(TimeMs * 1_000_000)}\",\"n\":{Number},\"route\":\"{Route}\",\"duration_ms\":{DurationMs}");
        if (TraceId is not null)
        {
            json.Append(CultureInfo.InvariantCulture, $",\"trace.trace_id\":\"{TraceId}\"");
        }

        if (!IsRoot)
        {
            json.Append(",\"trace.parent_id\":\"00f067aa0ba902b7\"");
        }

        if (IsError)
        {
            json.Append(",\"error\":true");
        }

        if (ClientRate != 1)
        {
            json.Append(CultureInfo.InvariantCulture, $",\"samplerate\":{ClientRate}");
        }

        return Encoding.UTF8.GetBytes(json.Append('}').ToString());
    }
}
