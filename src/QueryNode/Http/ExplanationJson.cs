using System.Text.Json;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.QueryNode.Http;

/// <summary>How an answer was made, as JSON.</summary>
internal static class ExplanationJson
{
    /// <summary>Writes the member <c>explain</c>.</summary>
    public static void Write(Utf8JsonWriter json, ScanExplanation explanation)
    {
        json.WriteStartObject("explain"u8);
        json.WriteStartObject("blocks"u8);
        json.WriteNumber("considered"u8, explanation.BlocksConsidered);
        json.WriteStartObject("skipped"u8);
        json.WriteNumber("time"u8, explanation.BlocksSkippedByTime);
        json.WriteNumber("dataset"u8, explanation.BlocksSkippedByDataset);
        json.WriteNumber("min_max"u8, explanation.BlocksSkippedByMinMax);
        json.WriteNumber("bloom"u8, explanation.BlocksSkippedByBloom);
        json.WriteEndObject();
        json.WriteNumber("read"u8, explanation.BlocksRead);
        json.WriteEndObject();
        json.WriteStartObject("decoded"u8);
        json.WriteNumber("columns"u8, explanation.ColumnsDecoded);
        json.WriteNumber("bytes"u8, explanation.BytesDecoded);
        json.WriteEndObject();
        json.WriteStartObject("rows"u8);
        json.WriteNumber("blocks"u8, explanation.BlockRows);
        json.WriteNumber("head_block"u8, explanation.HeadRows);
        json.WriteNumber("recent"u8, explanation.RecentRows);
        json.WriteNumber("unfolded"u8, explanation.UnfoldedRows);
        json.WriteEndObject();
        json.WriteNumber("folds"u8, explanation.FoldsUsed);
        json.WriteStartArray("rows_because"u8);
        foreach (var reason in explanation.RowsBecause)
        {
            json.WriteStringValue(reason);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
