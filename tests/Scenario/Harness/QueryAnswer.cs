using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StreamObserve.Scenario.Harness;

/// <summary>A partition that did not answer.</summary>
public sealed record FailedPartition(int Partition, string Reason);

/// <summary>How far a partition's answer reaches in its log.</summary>
public sealed record CoveredPartition(int Partition, long HeadOffset, long TrailingOffset);

/// <summary>What a number is worth: <c>exact</c>, <c>bounded</c>, <c>estimated</c>, <c>at_least</c> or <c>at_most</c>.</summary>
public sealed record Label(string Kind, double? Bound, (double Low, double High)? Interval = null);

/// <summary>A successful answer of <c>POST /api/v1/query</c>.</summary>
public sealed class QueryAnswer
{
    private readonly JsonNode _receipt;

    /// <exception cref="FormatException">The body is not what the contract says.</exception>
    public QueryAnswer(ApiResponse response)
    {
        Response = response;
        JsonNode body = response.Json ?? throw new FormatException($"not JSON: {response.Text}");
        _receipt = body["receipt"] ?? throw new FormatException($"no receipt: {response.Text}");
        Rows = [.. Array(body["data"]?["results"], "data.results").Select(r => r?["data"]?.AsObject() ?? throw new FormatException($"a result without data: {r}"))];
    }

    public ApiResponse Response { get; }

    /// <summary>The groups, each with its breakdown values and its calculations by key.</summary>
    public IReadOnlyList<JsonObject> Rows { get; }

    public int Asked => (int)Number(_receipt["partitions"]?["asked"], "receipt.partitions.asked");

    public int Answered => (int)Number(_receipt["partitions"]?["answered"], "receipt.partitions.answered");

    public IReadOnlyList<FailedPartition> Failed => [.. Array(_receipt["partitions"]?["failed"], "receipt.partitions.failed")
        .Select(f => new FailedPartition((int)Number(f?["partition"], "partition"), (string?)f?["reason"] ?? ""))];

    public IReadOnlyList<CoveredPartition> Covered => [.. Array(_receipt["covered"], "receipt.covered")
        .Select(c => new CoveredPartition((int)Number(c?["partition"], "partition"), (long)Number(c?["head_offset"], "head_offset"), (long)Number(c?["trailing_offset"], "trailing_offset")))];

    public IReadOnlyList<string> Used => [.. Array(_receipt["used"], "receipt.used").Select(u => (string?)u ?? "")];

    public int LostRanges => Array(_receipt["lost"], "receipt.lost").Count;

    /// <summary>The label of a calculation.</summary>
    public Label LabelOf(string key) => ReadLabel(_receipt["labels"]?[key] ?? throw new FormatException($"the receipt has no label for {key}: {_receipt.ToJsonString()}"));

    /// <summary>The labels of a calculation's cells by the values of one breakdown: the column's where a cell has none of its own.</summary>
    public Dictionary<string, Label> LabelsBy(string breakdown, string key) => Rows.Where(row => row[breakdown] is not null)
        .ToDictionary(row => TextOf(row[breakdown]!), row => row[key + ".label"] is { } own ? ReadLabel(own) : LabelOf(key), StringComparer.Ordinal);

    /// <summary>The most events that a group has which was left out; 0 when none was.</summary>
    public double GroupsLeftOutMax => _receipt["groups_left_out"]?["count_max"] is { } most ? Number(most, "count_max") : 0;

    /// <summary>The number of a calculation over all groups.</summary>
    public double Total(string key) => Number(Response.Json!["data"]?["total"]?["data"]?[key], key);

    /// <summary>The number of a calculation without breakdowns; 0 where no event matched.</summary>
    public double Single(string key) => Rows.Count == 0 ? 0 : Number(Rows[0][key], key);

    /// <summary>The numbers of a calculation by the values of one breakdown; groups without a value are left out.</summary>
    public Dictionary<string, double> By(string breakdown, string key)
    {
        var numbers = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (JsonObject row in Rows)
        {
            if (row[breakdown] is { } value)
            {
                numbers.Add(TextOf(value), Number(row[key], key));
            }
        }

        return numbers;
    }

    /// <summary>Partitions and labels in one line.</summary>
    public override string ToString() => $"{Rows.Count} rows, first {(Rows.Count > 0 ? Rows[0].ToJsonString() : "-")}, receipt {_receipt.ToJsonString()}";

    /// <summary>A value as the text that a plain reading of the events gives: <c>true</c>, <c>200</c>, <c>catalogue</c>.</summary>
    public static string TextOf(JsonNode value) => value.GetValueKind() switch
    {
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Number => Number(value, "value").ToString(CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    private static Label ReadLabel(JsonNode label) => new(
        (string?)label["kind"] ?? "",
        label["bound"] is JsonValue bound && bound.GetValueKind() == JsonValueKind.Number ? Number(bound, "bound") : null,
        label["interval"] is JsonArray { Count: 2 } interval ? (Number(interval[0], "interval"), Number(interval[1], "interval")) : null);

    private static double Number(JsonNode? node, string name) => node is JsonValue value && value.GetValueKind() == JsonValueKind.Number
        ? double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture)
        : throw new FormatException($"{name} is not a number: {node?.ToJsonString() ?? "absent"}");

    private static JsonArray Array(JsonNode? node, string name) => node as JsonArray ?? throw new FormatException($"{name} is not an array: {node?.ToJsonString() ?? "absent"}");
}
