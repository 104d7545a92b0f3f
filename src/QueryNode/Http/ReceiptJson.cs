using System.Text.Json;
using StreamObserve.Core.Querying;

namespace StreamObserve.QueryNode.Http;

/// <summary>A receipt and the labels of numbers as JSON.</summary>
internal static class ReceiptJson
{
    private static readonly JsonEncodedText ReceiptName = JsonOutput.Name("receipt");
    private static readonly JsonEncodedText FromName = JsonOutput.Name("from");
    private static readonly JsonEncodedText ToName = JsonOutput.Name("to");

    /// <summary>Joined to a result key, the name of the same number in the earlier range of a comparison.</summary>
    public const string BeforeSuffix = ".before";

    /// <summary>Writes the member <c>receipt</c> of an answer.</summary>
    public static void Write(Utf8JsonWriter json, QueryAnswer answer)
    {
        if (answer.Compare is not { } compare)
        {
            Write(json, answer.Receipt, answer.Calculations, answer.Labels);
            return;
        }

        Write(json, answer.Receipt, [.. answer.Calculations, .. answer.Calculations.Select(key => key + BeforeSuffix)], [.. answer.Labels, .. compare.Labels]);
    }

    /// <summary>Writes the member <c>receipt</c>; <paramref name="keys"/> and <paramref name="labels"/> run side by side.</summary>
    public static void Write(Utf8JsonWriter json, Receipt receipt, IReadOnlyList<string> keys, IReadOnlyList<NumberLabel> labels)
    {
        json.WriteStartObject(ReceiptName);

        json.WriteStartObject("partitions"u8);
        json.WriteNumber("asked"u8, receipt.Asked);
        json.WriteNumber("answered"u8, receipt.Answered);
        WriteFailed(json, receipt.Failed);
        json.WriteEndObject();

        json.WriteStartArray("covered"u8);
        foreach (var covered in receipt.Covered)
        {
            json.WriteStartObject();
            json.WriteNumber("partition"u8, covered.Partition);
            json.WriteNumber("head_offset"u8, covered.HeadOffset);
            json.WriteNumber("trailing_offset"u8, covered.TrailingOffset);
            json.WriteTime(FromName, covered.FromNs);
            json.WriteTime(ToName, covered.ToNs);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("lag_ms"u8, receipt.LagMs);
        json.WriteNumber("rows_read"u8, receipt.RowsRead);
        json.WritePropertyName("elapsed_ms"u8);
        json.WriteNumber(Math.Round(receipt.ElapsedMs, 3));

        json.WriteStartArray("lost"u8);
        foreach (var lost in receipt.Lost)
        {
            json.WriteStartObject();
            json.WriteNumber("partition"u8, lost.Partition);
            json.WriteNumber("from_offset"u8, lost.FromOffset);
            json.WriteNumber("to_offset"u8, lost.ToOffset);
            json.WriteEndObject();
        }

        json.WriteEndArray();

        json.WriteStartArray("used"u8);
        foreach (var used in receipt.Used)
        {
            json.WriteStringValue(used);
        }

        json.WriteEndArray();
        if (receipt.GroupsLeftOutMax > 0)
        {
            json.WriteStartObject("groups_left_out"u8);
            json.WriteNumber("count_max"u8, receipt.GroupsLeftOutMax);
            json.WriteEndObject();
        }

        WriteLabels(json, keys, labels);
        json.WriteEndObject();
    }

    /// <summary>Writes the member <c>failed</c>: partitions without an answer.</summary>
    public static void WriteFailed(Utf8JsonWriter json, IReadOnlyList<FailedPartition> failures)
    {
        json.WriteStartArray("failed"u8);
        foreach (var failed in failures)
        {
            json.WriteStartObject();
            json.WriteNumber("partition"u8, failed.Partition);
            json.WriteString("reason"u8, failed.Reason);
            json.WriteBoolean("retryable"u8, failed.Retryable);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Writes the member <c>labels</c>: one label a result key.</summary>
    public static void WriteLabels(Utf8JsonWriter json, IReadOnlyList<string> keys, IReadOnlyList<NumberLabel> labels)
    {
        json.WriteStartObject("labels"u8);
        for (var i = 0; i < labels.Count; i++)
        {
            json.WritePropertyName(keys[i]);
            WriteLabel(json, labels[i]);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes one label: its kind and what belongs to it.</summary>
    public static void WriteLabel(Utf8JsonWriter json, NumberLabel label)
    {
        json.WriteStartObject();
        json.WriteString("kind"u8, KindName(label.Kind));
        if (label.Bound is { } bound)
        {
            json.WritePropertyName("bound"u8);
            json.WriteNumber(bound);
        }

        if (label is { IntervalLow: { } low, IntervalHigh: { } high })
        {
            json.WriteStartArray("interval"u8);
            json.WriteNumber(low);
            json.WriteNumber(high);
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static ReadOnlySpan<byte> KindName(LabelKind kind) => kind switch
    {
        LabelKind.Exact => "exact"u8,
        LabelKind.Bounded => "bounded"u8,
        LabelKind.Estimated => "estimated"u8,
        LabelKind.AtLeast => "at_least"u8,
        LabelKind.AtMost => "at_most"u8,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such label"),
    };
}
