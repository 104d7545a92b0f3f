using System.Text.Json;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>A finished comparison as JSON. Shares and scores have six decimals.</summary>
internal static class BubbleUpJson
{
    private const int Decimals = 6;
    private static readonly string[] LabelKeys = ["selection", "baseline"];

    /// <summary>Writes the whole document.</summary>
    public static void Write(Utf8JsonWriter json, QueryEcho query, BubbleUpOutcome.Answered answered)
    {
        json.WriteStartObject();
        query.Write(json, answered.Time);
        WriteCount(json, "selection"u8, answered.Selection);
        WriteCount(json, "baseline"u8, answered.Baseline);

        json.WriteStartArray("dimensions"u8);
        foreach (var dimension in answered.Answer.Dimensions)
        {
            WriteDimension(json, dimension);
        }

        json.WriteEndArray();
        json.WriteStartArray("measures"u8);
        foreach (var measure in answered.Answer.Measures)
        {
            WriteMeasure(json, measure);
        }

        json.WriteEndArray();
        json.WriteStartArray("left_out"u8);
        foreach (var (column, reason) in answered.Answer.LeftOut)
        {
            json.WriteStartObject();
            json.WriteString("column"u8, column);
            json.WriteString("reason"u8, reason switch
            {
                BubbleUpLeftOut.Selection => "selection"u8,
                BubbleUpLeftOut.NearlyUnique => "nearly_unique"u8,
                _ => throw new InvalidOperationException($"no such reason: {reason}"),
            });
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("more_fields"u8, answered.HasMoreFields);
        ReceiptJson.Write(json, answered.Receipt, LabelKeys, [answered.Selection.Label, answered.Baseline.Label]);
        json.WriteEndObject();
    }

    private static void WriteCount(Utf8JsonWriter json, ReadOnlySpan<byte> name, BubbleUpCount count)
    {
        json.WriteStartObject(name);
        json.WriteNumber("rows"u8, count.Rows);
        json.WritePropertyName("events"u8);
        json.WriteNumber(count.Events);
        json.WriteEndObject();
    }

    private static void WriteDimension(Utf8JsonWriter json, BubbleUpDimension dimension)
    {
        json.WriteStartObject();
        json.WriteString("column"u8, dimension.Column);
        WriteRounded(json, "score"u8, dimension.Score);
        json.WriteStartArray("values"u8);
        foreach (var value in dimension.Values)
        {
            json.WriteStartObject();
            json.WritePropertyName("value"u8);
            json.WriteField(value.Value);
            WriteRounded(json, "selection"u8, value.Selection);
            WriteRounded(json, "baseline"u8, value.Baseline);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (dimension.SameAs.Count > 0)
        {
            json.WriteStartArray("same_as"u8);
            foreach (var column in dimension.SameAs)
            {
                json.WriteStringValue(column);
            }

            json.WriteEndArray();
        }

        if (dimension.ImpliedBy is not null)
        {
            json.WriteString("implied_by"u8, dimension.ImpliedBy);
        }

        json.WriteEndObject();
    }

    private static void WriteMeasure(Utf8JsonWriter json, BubbleUpMeasure measure)
    {
        json.WriteStartObject();
        json.WriteString("column"u8, measure.Column);
        WriteRounded(json, "score"u8, measure.Score);
        WritePercentiles(json, "selection"u8, measure.Selection);
        WritePercentiles(json, "baseline"u8, measure.Baseline);
        json.WriteStartArray("buckets"u8);
        foreach (var bucket in measure.Buckets)
        {
            json.WriteStartObject();
            WriteNumber(json, "min"u8, bucket.Min);
            WriteNumber(json, "max"u8, bucket.Max);
            WriteRounded(json, "selection"u8, bucket.Selection);
            WriteRounded(json, "baseline"u8, bucket.Baseline);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WritePercentiles(Utf8JsonWriter json, ReadOnlySpan<byte> name, BubbleUpPercentiles? percentiles)
    {
        if (percentiles is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        WriteNumber(json, "p10"u8, percentiles.P10);
        WriteNumber(json, "p50"u8, percentiles.P50);
        WriteNumber(json, "p90"u8, percentiles.P90);
        WriteNumber(json, "p99"u8, percentiles.P99);
        json.WriteEndObject();
    }

    private static void WriteNumber(Utf8JsonWriter json, ReadOnlySpan<byte> name, double value)
    {
        json.WritePropertyName(name);
        json.WriteNumber(value);
    }

    private static void WriteRounded(Utf8JsonWriter json, ReadOnlySpan<byte> name, double value) => WriteNumber(json, name, Math.Round(value, Decimals));
}
