using System.Globalization;
using System.Text.Json;

namespace StreamObserve.Output;

/// <summary>An answer of <c>POST /api/v1/bubbleup</c> as a table or as CSV: the fields that tell the selected events from the rest, the most telling first.</summary>
internal sealed class BubbleUpView
{
    private const int FieldsMax = 20;
    private const int ValuesMax = 3;
    private const double ShareDifferenceMin = 0.05;
    private const double ScoreMin = 0.01;

    private readonly JsonElement _answer;

    /// <summary>Of an answer's root element, which must outlive this. Throws <see cref="JsonException"/> when it is not such an answer.</summary>
    public BubbleUpView(JsonElement answer)
    {
        _answer = answer;
        if (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty("dimensions", out JsonElement dimensions) || dimensions.ValueKind != JsonValueKind.Array)
        {
            throw new JsonException("not an answer to a comparison: it has no dimensions");
        }
    }

    /// <summary>Writes it as <c>table</c>, <c>csv</c> or <c>json</c>; of the latter two, what is missing goes to <paramref name="error"/>.</summary>
    public void Write(string format, TextWriter output, TextWriter error)
    {
        AnswerView receipt = AnswerView.OfReceipt(_answer);
        foreach (string gap in receipt.Gaps())
        {
            (format == "table" ? output : error).WriteLine(gap);
        }

        switch (format)
        {
            case "csv":
                WriteCsv(output);
                break;
            case "json":
                output.WriteLine(_answer.GetRawText());
                break;
            default:
                WriteTable(output);
                receipt.WriteReceipt(output);
                break;
        }
    }

    private void WriteTable(TextWriter writer)
    {
        (JsonElement selection, JsonElement baseline) = (_answer.GetProperty("selection"), _answer.GetProperty("baseline"));
        writer.WriteLine($"{Count(selection, "events")} selected events ({Count(selection, "rows")} rows) against {Count(baseline, "events")} others ({Count(baseline, "rows")} rows)");
        var fields = new TextTable(["field", "value", "selected", "others", "score"], [false, false, true, true, true]);
        bool any = false;
        foreach (JsonElement dimension in _answer.GetProperty("dimensions").EnumerateArray().Where(d => Number(d, "score") >= ScoreMin).Take(FieldsMax))
        {
            any = true;
            string name = Name(dimension);
            string score = Number(dimension, "score").ToString("0.00", CultureInfo.InvariantCulture);
            int shown = 0;
            foreach (JsonElement value in dimension.GetProperty("values").EnumerateArray().Take(ValuesMax))
            {
                if (shown == 0 || Number(value, "selection") - Number(value, "baseline") >= ShareDifferenceMin)
                {
                    fields.Add([shown == 0 ? name : "", Value(value), Percent(value, "selection"), Percent(value, "baseline"), shown == 0 ? score : ""]);
                    shown++;
                }
            }
        }

        if (!any)
        {
            writer.WriteLine("no field tells them apart");
        }
        else
        {
            fields.Write(writer);
        }

        WriteMeasures(writer);
    }

    private void WriteMeasures(TextWriter writer)
    {
        JsonElement[] measures = [.. _answer.GetProperty("measures").EnumerateArray().Where(m => Number(m, "score") >= ScoreMin).Take(FieldsMax)];
        if (measures.Length == 0)
        {
            return;
        }

        var table = new TextTable(["number", "selected p50", "others p50", "selected p99", "others p99", "score"], [false, true, true, true, true, true]);
        foreach (JsonElement measure in measures)
        {
            table.Add(
            [
                measure.GetProperty("column").GetString()!, Percentile(measure, "selection", "p50"), Percentile(measure, "baseline", "p50"),
                Percentile(measure, "selection", "p99"), Percentile(measure, "baseline", "p99"), Number(measure, "score").ToString("0.00", CultureInfo.InvariantCulture),
            ]);
        }

        writer.WriteLine();
        table.Write(writer);
    }

    private void WriteCsv(TextWriter writer)
    {
        Csv.WriteRecord(writer, ["column", "value", "selection", "baseline", "score"]);
        foreach (JsonElement dimension in _answer.GetProperty("dimensions").EnumerateArray())
        {
            foreach (JsonElement value in dimension.GetProperty("values").EnumerateArray())
            {
                Csv.WriteRecord(
                    writer,
                    [
                        dimension.GetProperty("column").GetString()!, JsonPlain.Text(value.GetProperty("value")), value.GetProperty("selection").GetRawText(),
                        value.GetProperty("baseline").GetRawText(), dimension.GetProperty("score").GetRawText(),
                    ]);
            }
        }
    }

    private static string Name(JsonElement dimension)
    {
        string name = dimension.GetProperty("column").GetString()!;
        if (dimension.TryGetProperty("same_as", out JsonElement same))
        {
            name += " = " + string.Join(" = ", same.EnumerateArray().Select(s => s.GetString()));
        }

        return dimension.TryGetProperty("implied_by", out JsonElement by) ? $"{name} (follows from {by.GetString()})" : name;
    }

    private static string Value(JsonElement value) => value.GetProperty("value") is { ValueKind: not JsonValueKind.Null } given ? JsonPlain.Text(given) : "(none)";

    private static string Percent(JsonElement owner, string name) => (Number(owner, name) * 100).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    private static string Percentile(JsonElement measure, string side, string name) =>
        measure.GetProperty(side) is { ValueKind: JsonValueKind.Object } percentiles ? AnswerView.Format(Number(percentiles, name)) : "-";

    private static string Count(JsonElement side, string name) => AnswerView.Format(Number(side, name));

    private static double Number(JsonElement owner, string name) => owner.GetProperty(name).GetDouble();
}
