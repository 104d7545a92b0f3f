using System.Globalization;
using System.Text.Json;

namespace StreamObserve.Output;

/// <summary>Which part of an answer to show as rows.</summary>
internal enum AnswerRows
{
    /// <summary>One row a group.</summary>
    Results,

    /// <summary>One row a group and point in time.</summary>
    Series,
}

/// <summary>
/// An answer of <c>POST /api/v1/query</c> as a table or as CSV. Numbers that aren't exact say so: <c>~</c> bounded or estimated, <c>≥</c>, <c>≤</c>,
/// with the bound below the table. A partial answer says so first.
/// </summary>
internal sealed class AnswerView
{
    private const string LabelSuffix = ".label";
    private const string Bars = "▁▂▃▄▅▆▇█";

    private readonly JsonElement _answer;
    private readonly List<(string? Head, JsonElement Data)> _rows = [];
    private readonly List<string> _breakdowns = [];
    private readonly List<string> _calculations = [];
    private readonly bool _hasHead;

    /// <summary>Of an answer's root element, which must outlive this. Throws <see cref="JsonException"/> when it is not an answer.</summary>
    public AnswerView(JsonElement answer, AnswerRows part)
    {
        _answer = answer;
        if (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty("data", out JsonElement data))
        {
            throw new JsonException("not an answer to a query: it has no data");
        }

        _hasHead = part == AnswerRows.Series;
        foreach (JsonElement row in data.GetProperty(_hasHead ? "series" : "results").EnumerateArray())
        {
            _rows.Add((_hasHead ? Time(row.GetProperty("time")) : null, row.GetProperty("data")));
        }

        if (!_hasHead)
        {
            AddSummary(data, "other", "(other)");
            AddSummary(data, "total", "(total)");
        }

        FindColumns();
    }

    private AnswerView(JsonElement answer) => _answer = answer;

    /// <summary>Of an answer of another shape, for its gaps and receipt.</summary>
    public static AnswerView OfReceipt(JsonElement answer) => new(answer);

    /// <summary>Whether every partition answered and nothing of the log was lost.</summary>
    public bool IsWhole => !FailedPartitions().Any() && !LostRanges().Any();

    /// <summary>One line for each thing that is missing from the answer.</summary>
    public IEnumerable<string> Gaps()
    {
        var failed = FailedPartitions().ToList();
        if (failed.Count > 0)
        {
            JsonElement partitions = Receipt("partitions");
            yield return $"PARTIAL ANSWER: {failed.Count} of {Integer(partitions, "asked")} partitions did not answer; the numbers lack their events";
            foreach (JsonElement failure in failed)
            {
                bool retryable = failure.TryGetProperty("retryable", out JsonElement r) && r.ValueKind == JsonValueKind.True;
                yield return $"  partition {Integer(failure, "partition")}: {failure.GetProperty("reason").GetString()}{(retryable ? " (asking again may help)" : "")}";
            }
        }

        foreach (JsonElement lost in LostRanges())
        {
            yield return $"LOST: the log of partition {Integer(lost, "partition")} was gone from offset {Integer(lost, "from_offset")} to {Integer(lost, "to_offset")} before it was read; the numbers lack those events";
        }
    }

    /// <summary>Writes gaps, table, labels and receipt.</summary>
    public void WriteTable(TextWriter writer)
    {
        foreach (string gap in Gaps())
        {
            writer.WriteLine(gap);
        }

        if (_rows.Count == 0)
        {
            writer.WriteLine("no events match");
        }
        else
        {
            var headers = new List<string>();
            var alignRight = new List<bool>();
            if (_hasHead)
            {
                headers.Add("time");
                alignRight.Add(false);
            }

            foreach (string column in _breakdowns)
            {
                headers.Add(column);
                alignRight.Add(IsNumeric(column));
            }

            foreach (string column in _calculations)
            {
                headers.Add(column);
                alignRight.Add(true);
            }

            var table = new TextTable(headers, alignRight);
            foreach ((string? head, JsonElement data) in _rows)
            {
                var cells = new List<string>();
                if (_hasHead)
                {
                    cells.Add(head!);
                }

                for (int i = 0; i < _breakdowns.Count; i++)
                {
                    // A summary row has no group: its name stands in the first column.
                    bool summary = !_hasHead && head is not null;
                    cells.Add(summary ? (i == 0 ? head! : "") : Group(data, _breakdowns[i]));
                }

                cells.AddRange(_calculations.Select(c => Number(data, c)));
                table.Add(cells);
            }

            table.Write(writer);
        }

        WriteReceipt(writer);
    }

    /// <summary>Writes what the numbers are worth and what the answer rests on.</summary>
    public void WriteReceipt(TextWriter writer)
    {
        foreach (string note in Notes())
        {
            writer.WriteLine(note);
        }

        writer.WriteLine(Footer());
    }

    /// <summary>Writes the rows as CSV, without total and other; a calculation that isn't exact everywhere gets a second column with each cell's label.</summary>
    public void WriteCsv(TextWriter writer)
    {
        var labelled = _calculations.Where(c => _rows.Exists(r => Label(r.Data, c).Kind != "exact")).ToHashSet();
        IEnumerable<string> headers = (_hasHead ? ["time"] : Array.Empty<string>()).Concat(_breakdowns);
        Csv.WriteRecord(writer, headers.Concat(_calculations.SelectMany(c => labelled.Contains(c) ? new[] { c, c + LabelSuffix } : [c])));
        foreach ((string? head, JsonElement data) in _rows.Where(r => _hasHead || r.Head is null))
        {
            IEnumerable<string> cells = (_hasHead ? [head!] : Array.Empty<string>()).Concat(_breakdowns.Select(b => Plain(data, b)));
            Csv.WriteRecord(writer, cells.Concat(_calculations.SelectMany(c => labelled.Contains(c) ? new[] { Plain(data, c), Label(data, c).Kind } : [Plain(data, c)])));
        }
    }

    private void AddSummary(JsonElement data, string property, string name)
    {
        if (data.TryGetProperty(property, out JsonElement row) && row.ValueKind == JsonValueKind.Object)
        {
            _rows.Add((name, row.TryGetProperty("data", out JsonElement inner) && inner.ValueKind == JsonValueKind.Object ? inner : row));
        }
    }

    /// <summary>The calculations are those that the receipt labels; the other members of a row are its group.</summary>
    private void FindColumns()
    {
        JsonElement labels = Receipt("labels");
        if (labels.ValueKind == JsonValueKind.Object)
        {
            _calculations.AddRange(labels.EnumerateObject().Select(l => l.Name));
        }

        foreach ((string? head, JsonElement data) in _rows)
        {
            foreach (JsonProperty cell in data.EnumerateObject())
            {
                bool known = _calculations.Contains(cell.Name) || _breakdowns.Contains(cell.Name);
                bool isLabel = cell.Name.EndsWith(LabelSuffix, StringComparison.Ordinal) && _calculations.Contains(cell.Name[..^LabelSuffix.Length]);
                if (!known && !isLabel)
                {
                    _breakdowns.Add(cell.Name);
                }
            }
        }
    }

    private bool IsNumeric(string column) =>
        _rows.TrueForAll(r => !r.Data.TryGetProperty(column, out JsonElement v) || v.ValueKind is JsonValueKind.Number or JsonValueKind.Null);

    private static string Group(JsonElement data, string column) =>
        !data.TryGetProperty(column, out JsonElement value) || value.ValueKind == JsonValueKind.Null ? "(none)" : JsonPlain.Text(value);

    private static string Plain(JsonElement data, string column) =>
        !data.TryGetProperty(column, out JsonElement value) ? "" : JsonPlain.Text(value);

    private string Number(JsonElement data, string column)
    {
        if (!data.TryGetProperty(column, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return "-";
        }

        string text = value.ValueKind switch
        {
            JsonValueKind.Number => Format(value.GetDouble()),
            JsonValueKind.Object => Sparkline(value),
            _ => value.ToString(),
        };
        (string kind, _, (double Low, double High)? interval) = Label(data, column);
        string mark = kind switch { "exact" => "", "at_least" => "≥", "at_most" => "≤", _ => "~" };
        string range = kind == "estimated" && interval is { } i && value.ValueKind == JsonValueKind.Number
            ? $" ({Format(i.Low)}..{Format(i.High)})"
            : "";
        return mark + text + range;
    }

    private (string Kind, double? Bound, (double Low, double High)? Interval) Label(JsonElement data, string column)
    {
        if (!data.TryGetProperty(column + LabelSuffix, out JsonElement label)
            && (Receipt("labels") is not { ValueKind: JsonValueKind.Object } labels || !labels.TryGetProperty(column, out label)))
        {
            return ("exact", null, null);
        }

        return ReadLabel(label);
    }

    private static (string Kind, double? Bound, (double Low, double High)? Interval) ReadLabel(JsonElement label)
    {
        if (label.ValueKind == JsonValueKind.String)
        {
            return (label.GetString()!, null, null);
        }

        string kind = label.TryGetProperty("kind", out JsonElement k) ? k.ToString() : "exact";
        double? bound = label.TryGetProperty("bound", out JsonElement b) && b.ValueKind == JsonValueKind.Number ? b.GetDouble() : null;
        (double, double)? interval = label.TryGetProperty("interval", out JsonElement i) && i.ValueKind == JsonValueKind.Array && i.GetArrayLength() == 2
            ? (i[0].GetDouble(), i[1].GetDouble())
            : null;
        return (kind, bound, interval);
    }

    private IEnumerable<string> Notes()
    {
        JsonElement labels = Receipt("labels");
        if (labels.ValueKind != JsonValueKind.Object)
        {
            yield break;
        }

        foreach (JsonProperty label in labels.EnumerateObject())
        {
            (string kind, double? bound, _) = ReadLabel(label.Value);
            string? note = kind switch
            {
                "bounded" when bound is { } b => $"within {(b * 100).ToString("0.##", CultureInfo.InvariantCulture)} % of the truth, over all events",
                "bounded" => "within its bound, over all events",
                "estimated" => "estimated from sampled events; in brackets the 95 % interval",
                "at_least" => "the truth is this or more: computed from sampled events",
                "at_most" => "the truth is this or less: computed from sampled events",
                _ => null,
            };
            if (note is not null)
            {
                yield return $"~ {label.Name}: {note}";
            }
        }
    }

    private string Footer()
    {
        JsonElement partitions = Receipt("partitions");
        string used = Receipt("used") is { ValueKind: JsonValueKind.Array } array ? string.Join(", ", array.EnumerateArray().Select(u => u.GetString())) : "";
        JsonElement elapsed = Receipt("elapsed_ms");
        string rows = Receipt("rows_read").ValueKind == JsonValueKind.Number ? Format(Receipt("rows_read").GetDouble()) : "?";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"[{Integer(partitions, "answered")} of {Integer(partitions, "asked")} partitions, lag {Receipt("lag_ms")} ms, {rows} rows read, {(elapsed.ValueKind == JsonValueKind.Number ? elapsed.GetDouble() : 0):0.#} ms, from {(used.Length > 0 ? used : "nothing")}]");
    }

    private IEnumerable<JsonElement> FailedPartitions() =>
        Receipt("partitions") is { ValueKind: JsonValueKind.Object } p && p.TryGetProperty("failed", out JsonElement failed) && failed.ValueKind == JsonValueKind.Array
            ? failed.EnumerateArray()
            : [];

    private IEnumerable<JsonElement> LostRanges() => Receipt("lost") is { ValueKind: JsonValueKind.Array } lost ? lost.EnumerateArray() : [];

    private JsonElement Receipt(string property) =>
        _answer.TryGetProperty("receipt", out JsonElement receipt) && receipt.ValueKind == JsonValueKind.Object && receipt.TryGetProperty(property, out JsonElement value) ? value : default;

    private static string Integer(JsonElement owner, string property) =>
        owner.ValueKind == JsonValueKind.Object && owner.TryGetProperty(property, out JsonElement value) ? value.ToString() : "?";

    private static string Time(JsonElement time) => time.ValueKind == JsonValueKind.String ? time.GetString()! : time.GetRawText();

    /// <summary>Whole numbers with thousands separators, others with four significant digits after the point's place allows.</summary>
    internal static string Format(double value)
    {
        if (value == Math.Floor(value) && Math.Abs(value) < 1e15)
        {
            return value.ToString("#,0", CultureInfo.InvariantCulture);
        }

        double magnitude = Math.Abs(value);
        return value.ToString(magnitude >= 1000 ? "#,0" : magnitude >= 100 ? "0.0" : magnitude >= 1 ? "0.00" : "0.####", CultureInfo.InvariantCulture);
    }

    /// <summary>A heatmap's buckets as bars between their least and greatest value.</summary>
    private static string Sparkline(JsonElement heatmap)
    {
        if (!heatmap.TryGetProperty("buckets", out JsonElement list) || list.GetArrayLength() == 0)
        {
            return "-";
        }

        var buckets = list.EnumerateArray().Select(b => (Min: b.GetProperty("min").GetDouble(), Max: b.GetProperty("max").GetDouble(), Count: b.GetProperty("count").GetDouble())).ToList();
        double most = buckets.Max(b => b.Count);
        string bars = string.Concat(buckets.Select(b => Bars[most > 0 ? Math.Clamp((int)(b.Count / most * (Bars.Length - 1)), 0, Bars.Length - 1) : 0]));
        return $"{Format(buckets[0].Min)} {bars} {Format(buckets[^1].Max)}";
    }
}
