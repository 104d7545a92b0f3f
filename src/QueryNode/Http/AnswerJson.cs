using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;

namespace StreamObserve.QueryNode.Http;

/// <summary>A finished answer as JSON: the id, the query as it was understood, the data, the receipt.</summary>
internal static class AnswerJson
{
    private static readonly JsonEncodedText TimeName = JsonOutput.Name("time");

    /// <summary>Writes the whole document; false when it grows past <paramref name="bytesMax"/> (what was written is then of no use).</summary>
    public static bool TryWrite(Utf8JsonWriter json, string id, QueryEcho query, QueryAnswer answer, long bytesMax)
    {
        var row = new RowWriter(json, answer);
        json.WriteStartObject();
        json.WriteString("id"u8, id);
        query.Write(json, answer.Time);

        json.WriteStartObject("data"u8);
        if (!TryWriteSeries(json, "series"u8, row, answer.Series, bytesMax) || !TryWriteResults(json, row, answer.Results, bytesMax))
        {
            return false;
        }

        WriteOptionalRow(json, "total"u8, row, answer.Total);
        WriteOptionalRow(json, "other"u8, row, answer.Other);
        if (answer.TotalSeries is { } total && !TryWriteSeries(json, "total_series"u8, row, total, bytesMax))
        {
            return false;
        }

        if (answer.Compare is { } compare && !TryWriteCompare(json, answer, compare, bytesMax))
        {
            return false;
        }

        json.WriteEndObject();

        ReceiptJson.Write(json, answer);
        if (answer.Receipt.Explanation is { } explanation)
        {
            ExplanationJson.Write(json, explanation);
        }

        json.WriteEndObject();
        return IsWithin(json, bytesMax);
    }

    private static bool TryWriteCompare(Utf8JsonWriter json, QueryAnswer answer, AnswerComparison compare, long bytesMax)
    {
        var row = new RowWriter(json, answer with { Labels = compare.Labels });
        json.WriteStartObject("compare"u8);
        json.WriteNumber("offset_seconds"u8, compare.OffsetSeconds);
        json.WriteString("start_time"u8, EventTime.Format(compare.Time.StartNs));
        json.WriteString("end_time"u8, EventTime.Format(compare.Time.EndNs));
        if (!TryWriteSeries(json, "series"u8, row, compare.Series, bytesMax) || !TryWriteResults(json, row, compare.Results, bytesMax))
        {
            return false;
        }

        WriteOptionalRow(json, "total"u8, row, compare.Total);
        WriteOptionalRow(json, "other"u8, row, compare.Other);
        json.WriteEndObject();
        return true;
    }

    private static bool TryWriteSeries(Utf8JsonWriter json, ReadOnlySpan<byte> name, RowWriter row, IReadOnlyList<AnswerPoint> series, long bytesMax)
    {
        json.WriteStartArray(name);
        foreach (var point in series)
        {
            var time = EventTime.Format(point.TimeNs);
            foreach (var group in point.Rows)
            {
                json.WriteStartObject();
                json.WriteString(TimeName, time);
                row.WriteData(group);
                json.WriteEndObject();
            }

            if (!IsWithin(json, bytesMax))
            {
                return false;
            }
        }

        json.WriteEndArray();
        return true;
    }

    private static bool TryWriteResults(Utf8JsonWriter json, RowWriter row, IReadOnlyList<AnswerRow> results, long bytesMax)
    {
        json.WriteStartArray("results"u8);
        foreach (var result in results)
        {
            json.WriteStartObject();
            row.WriteData(result);
            json.WriteEndObject();
            if (!IsWithin(json, bytesMax))
            {
                return false;
            }
        }

        json.WriteEndArray();
        return true;
    }

    private static void WriteOptionalRow(Utf8JsonWriter json, ReadOnlySpan<byte> name, RowWriter row, AnswerRow? value)
    {
        if (value is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        row.WriteData(value);
        json.WriteEndObject();
    }

    private static bool IsWithin(Utf8JsonWriter json, long bytesMax) => json.BytesCommitted + json.BytesPending <= bytesMax;

    /// <summary>Writes rows of one answer; its member names are escaped once.</summary>
    private sealed class RowWriter
    {
        private static readonly JsonEncodedText DataName = JsonOutput.Name("data");

        private readonly Utf8JsonWriter _json;
        private readonly HeatmapJson _heatmaps = new();
        private readonly JsonEncodedText[] _breakdowns;
        private readonly JsonEncodedText[] _calculations;
        private readonly JsonEncodedText[] _cellLabels;
        private readonly JsonEncodedText[] _before;
        private readonly JsonEncodedText[] _beforeLabels;
        private readonly IReadOnlyList<NumberLabel> _columnLabels;
        private readonly IReadOnlyList<NumberLabel> _beforeColumnLabels;

        public RowWriter(Utf8JsonWriter json, QueryAnswer answer)
        {
            _json = json;
            _breakdowns = [.. answer.Breakdowns.Select(JsonOutput.Name)];
            _calculations = [.. answer.Calculations.Select(JsonOutput.Name)];
            _cellLabels = [.. answer.Calculations.Select(key => JsonOutput.Name(key + ".label"))];
            _columnLabels = answer.Labels;
            IReadOnlyList<string> compared = answer.Compare is null ? [] : answer.Calculations;
            _before = [.. compared.Select(key => JsonOutput.Name(key + ReceiptJson.BeforeSuffix))];
            _beforeLabels = [.. compared.Select(key => JsonOutput.Name(key + ReceiptJson.BeforeSuffix + ".label"))];
            _beforeColumnLabels = answer.Compare?.Labels ?? [];
        }

        /// <summary>
        /// Writes the member <c>data</c>: the group's values (none in a total), the cells, and the labels of cells that differ from their column's; in a
        /// comparison beside each cell the earlier one.
        /// </summary>
        public void WriteData(AnswerRow row)
        {
            _json.WriteStartObject(DataName);
            for (var i = 0; i < row.Group.Count; i++)
            {
                _json.WritePropertyName(_breakdowns[i]);
                _json.WriteField(row.Group[i]);
            }

            for (var i = 0; i < row.Cells.Count; i++)
            {
                WriteCell(row.Cells[i], _calculations[i], _cellLabels[i], _columnLabels[i]);
                if (row.Before is { } before)
                {
                    WriteCell(before[i], _before[i], _beforeLabels[i], _beforeColumnLabels[i]);
                }
            }

            _json.WriteEndObject();
        }

        private void WriteCell(AnswerCell cell, JsonEncodedText name, JsonEncodedText labelName, NumberLabel columnLabel)
        {
            _json.WritePropertyName(name);
            _json.WriteCell(cell, _heatmaps);
            if (cell.Label != columnLabel)
            {
                _json.WritePropertyName(labelName);
                ReceiptJson.WriteLabel(_json, cell.Label);
            }
        }
    }
}
