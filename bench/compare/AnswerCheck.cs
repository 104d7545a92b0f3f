using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StreamObserve.Bench.Compare;

/// <summary>Whether an answer is right.</summary>
/// <param name="IsRight">True when it is within what it may be off by.</param>
/// <param name="Detail">How far it is off, or what is wrong.</param>
internal sealed record Verdict(bool IsRight, string Detail)
{
    /// <summary>Nothing to hold it against.</summary>
    public static Verdict Unknown { get; } = new(true, "not checked");
}

/// <summary>Holds answers against exact ones, given as rows of plain values in the order of the peers' columns.</summary>
internal static class AnswerCheck
{
    private const double QuantileErrorMax = 0.01;
    private const double DistinctErrorMax = 0.025;
    private const double SumErrorMax = 1e-9;

    /// <summary>Checks one answer.</summary>
    public static Verdict Of(string name, QuestionForm form, JsonNode answer, JsonArray exactRows)
    {
        List<List<object?>> exact = [.. exactRows.Select(row => row!.AsArray().SelectMany(Flat).ToList())];
        try
        {
            return name switch
            {
                "Q1" => Keyed(Series(answer).Select(p => (At(p), Numbers(p.Row, "COUNT"))), exact, 1, [0]),
                "Q2" => Keyed(Results(answer).Select(r => (Text(r["service.name"]), Numbers(r, "COUNT", "AVG(duration_ms)", "P50(duration_ms)", "P95(duration_ms)", "P99(duration_ms)"))), exact, 1,
                    [0, SumErrorMax, QuantileErrorMax, QuantileErrorMax, QuantileErrorMax]),
                "Q3" => Keyed(Series(answer).Select(p => ($"{At(p)} {Text(p.Row["build_id"])}", Numbers(p.Row, "P99(duration_ms)"))), exact, 2, [QuantileErrorMax]),
                "Q4" => Top(answer, exact),
                "Q5" => Keyed(Results(answer).Select(r => (Text(r["hostname"]), Numbers(r, "COUNT"))), exact, 1, [0]),
                "Q6" => Keyed(Results(answer).Select(r => (Text(r["region"]), Numbers(r, "COUNT_DISTINCT(user_id)"))), exact, 1, [DistinctErrorMax]),
                "Q7" => Heatmap(answer, exact),
                "Q8" => Keyed((form == QuestionForm.Rows ? Results(answer) : answer["rows"]!.AsArray().Select(r => r!.AsObject())).Select(
                    r => ($"{Text(r["trace.span_id"])} {Text(r["trace.parent_id"])} {Text(r["name"])}", Numbers(r, form == QuestionForm.Rows ? "MAX(duration_ms)" : "duration_ms"))), exact, 3, [0]),
                "Q9" => Keyed(Results(answer).Select(r => ("", Numbers(r, "COUNT", "SUM(duration_ms)"))), exact, 0, [0, SumErrorMax]),
                _ => throw new ArgumentOutOfRangeException(nameof(name), name, "no such question"),
            };
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or KeyNotFoundException)
        {
            return new Verdict(false, e.Message);
        }
    }

    /// <summary>The same keys, and each number off by no more than it may.</summary>
    private static Verdict Keyed(IEnumerable<(string Key, double[] Numbers)> ours, List<List<object?>> exact, int keyColumns, double[] errorsMax)
    {
        Dictionary<string, double[]> byKey = ours.ToDictionary(o => o.Key, o => o.Numbers, StringComparer.Ordinal);
        double worst = 0;
        string worstAt = "";
        int off = 0;
        foreach (List<object?> row in exact)
        {
            string key = string.Join(' ', row.Take(keyColumns).Select(Text));
            if (!byKey.Remove(key, out double[]? numbers))
            {
                return new Verdict(false, $"no {key}");
            }

            for (int i = 0; i < errorsMax.Length; i++)
            {
                double truth = Number(row[keyColumns + i]);
                double error = truth == numbers[i] ? 0 : Math.Abs(numbers[i] - truth) / Math.Abs(truth);
                bool isOff = !(error <= errorsMax[i]);
                off += isOff ? 1 : 0;
                if (!(error <= worst))
                {
                    worst = error;
                    worstAt = $"{key}: {numbers[i].ToString("G6", CultureInfo.InvariantCulture)} for {truth.ToString("G6", CultureInfo.InvariantCulture)}";
                }
            }
        }

        return byKey.Count > 0
            ? new Verdict(false, $"{byKey.Keys.First()} is not in the exact answer")
            : new Verdict(off == 0, worst == 0 ? "exact" : off == 0 ? $"off by {worst:P2} at most" : $"{off} of {exact.Count * errorsMax.Length} off too far, most at {worstAt}");
    }

    /// <summary>The first ones in order of count; among those that tie with the last, any.</summary>
    private static Verdict Top(JsonNode answer, List<List<object?>> exact)
    {
        List<(string Key, double Count)> ours = [.. Results(answer).Select(r => (Text(r["customer_id"]), Number(r["COUNT"])))];
        Dictionary<string, double> truth = exact.ToDictionary(r => Text(r[0]), r => Number(r[1]), StringComparer.Ordinal);
        double last = truth.Values.Min();
        foreach ((string key, double count) in ours)
        {
            if (truth.TryGetValue(key, out double expected) ? expected != count : count != last)
            {
                return new Verdict(false, $"{key}: {count}");
            }
        }

        return ours.Select(o => o.Count).SequenceEqual(exact.Select(r => Number(r[1]))) ? new Verdict(true, "exact") : new Verdict(false, $"{ours.Count} groups, or not in order");
    }

    /// <summary>
    /// Our grid is another than the powers of two: what lies wholly below a power can't be more than the truth below it, and what starts below it can't be less.
    /// </summary>
    private static Verdict Heatmap(JsonNode answer, List<List<object?>> exact)
    {
        var ours = Series(answer).ToDictionary(
            At, p => p.Row["HEATMAP(duration_ms)"]!["buckets"]!.AsArray().Select(b => (Min: Number(b!["min"]), Max: Number(b["max"]), Count: Number(b["count"]))).ToList(), StringComparer.Ordinal);
        foreach (IGrouping<string, List<object?>> point in exact.GroupBy(r => Text(r[0])))
        {
            if (!ours.TryGetValue(point.Key, out var buckets))
            {
                return new Verdict(false, $"no point at {point.Key}");
            }

            double below = 0;
            foreach (List<object?> row in point)
            {
                below += Number(row[2]);
                double edge = Math.Pow(2, Number(row[1]) + 1);
                double surely = buckets.Where(b => b.Max <= edge * (1 - QuantileErrorMax)).Sum(b => b.Count);
                double perhaps = buckets.Where(b => b.Min < edge * (1 + QuantileErrorMax)).Sum(b => b.Count);
                if (surely > below || perhaps < below)
                {
                    return new Verdict(false, $"{point.Key}: {surely} to {perhaps} below {edge}, truth {below}");
                }
            }

            if (buckets.Sum(b => b.Count) != below)
            {
                return new Verdict(false, $"{point.Key}: {buckets.Sum(b => b.Count)} of {below}");
            }
        }

        return new Verdict(true, "exact counts");
    }

    private static IEnumerable<JsonObject> Results(JsonNode answer) => answer["data"]!["results"]!.AsArray().Select(r => r!["data"]!.AsObject());

    private static IEnumerable<(JsonNode Time, JsonObject Row)> Series(JsonNode answer) => answer["data"]!["series"]!.AsArray().Select(p => (p!["time"]!, p["data"]!.AsObject()));

    private static string At((JsonNode Time, JsonObject Row) point) =>
        DateTimeOffset.Parse((string)point.Time!, CultureInfo.InvariantCulture).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);

    private static double[] Numbers(JsonObject row, params string[] keys) => [.. keys.Select(k => Number(row[k]))];

    private static IEnumerable<object?> Flat(JsonNode? node) => node is JsonArray array ? array.SelectMany(Flat) : [Plain(node)];

    private static object? Plain(JsonNode? node) => node?.GetValueKind() switch
    {
        null or JsonValueKind.Null => null,
        JsonValueKind.Number => double.Parse(node.ToJsonString(), CultureInfo.InvariantCulture),
        _ => node.ToString(),
    };

    private static double Number(JsonNode? node) => Number(Plain(node));

    private static double Number(object? value) => value as double? ?? throw new FormatException($"{value ?? "null"} is not a number");

    private static string Text(JsonNode? node) => Text(Plain(node));

    private static string Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
}
