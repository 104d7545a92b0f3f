using System.Buffers;
using System.Text.Json;
using StreamObserve.Core.Querying;
using StreamObserve.QueryNode.Tail;

namespace StreamObserve.QueryNode.Http;

/// <summary>The events of a tail that are not rows.</summary>
internal static class TailEventJson
{
    /// <summary>How the tail stands: counters, running calculations, partitions that are missing.</summary>
    public static void WriteStats(SseWriter events, TailSubscription subscription)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = JsonOutput.Writer(buffer))
        {
            WriteStats(json, subscription.Counts, subscription.Progress, subscription.Request.Calculations);
        }

        events.Event("stats"u8, null, buffer.WrittenSpan);
    }

    private static void WriteStats(Utf8JsonWriter json, TailCounts counts, TailProgress progress, IReadOnlyList<Calculation> calculations)
    {
        json.WriteStartObject();
        json.WriteNumber("matched"u8, counts.Matched);
        json.WriteNumber("sent"u8, counts.Sent);
        json.WriteNumber("skipped"u8, counts.Skipped);
        json.WriteStartObject("data"u8);
        var heatmaps = new HeatmapJson();
        for (var i = 0; i < progress.Calculations.Count; i++)
        {
            json.WritePropertyName(calculations[i].ResultKey);
            json.WriteCell(progress.Calculations[i], heatmaps);
        }

        json.WriteEndObject();
        ReceiptJson.WriteLabels(json, [.. calculations.Select(calculation => calculation.ResultKey)], [.. progress.Calculations.Select(cell => cell.Label)]);
        ReceiptJson.WriteFailed(json, progress.Failed);
        json.WriteEndObject();
    }

    /// <summary>The last counters, and why the tail ends.</summary>
    public static void WriteEnd(SseWriter events, TailSubscription subscription, string reason)
    {
        WriteStats(events, subscription);
        var buffer = new ArrayBufferWriter<byte>(128);
        using (var json = JsonOutput.Writer(buffer))
        {
            json.WriteStartObject();
            json.WriteString("reason"u8, reason);
            json.WriteEndObject();
        }

        events.Event("end"u8, null, buffer.WrittenSpan);
    }
}
