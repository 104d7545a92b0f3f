using System.Globalization;
using System.Text.Json;
using StreamObserve.Core.Events;

namespace StreamObserve.Output;

/// <summary>The rows of the earlier range of a comparison, found by the group and, in a series, by the time that they are compared with.</summary>
internal sealed class EarlierRows
{
    private readonly Dictionary<string, (string? Head, JsonElement Data)> _rows = new(StringComparer.Ordinal);
    private readonly IReadOnlyList<string> _breakdowns;

    /// <summary>Of an answer's member <c>compare</c>; <paramref name="series"/> = its points over time, else its rows.</summary>
    public EarlierRows(JsonElement compare, IReadOnlyList<string> breakdowns, bool series)
    {
        _breakdowns = breakdowns;
        long offsetNs = compare.GetProperty("offset_seconds").GetInt64() * 1_000_000_000;
        foreach (JsonElement row in compare.GetProperty(series ? "series" : "results").EnumerateArray())
        {
            string? head = null;
            if (series && EventTime.TryParseRfc3339(row.GetProperty("time").GetString()!, out long time))
            {
                head = EventTime.Format(time + offsetNs);
            }

            JsonElement data = row.GetProperty("data");
            _rows[Key(head, data)] = (head, data);
        }
    }

    /// <summary>The row that a point in time is compared with; undefined when there is none.</summary>
    public JsonElement At(string head, JsonElement data) => _rows.TryGetValue(Key(head, data), out (string? Head, JsonElement Data) row) ? row.Data : default;

    /// <summary>Those that none of these rows is compared with, at the times that they would be compared with.</summary>
    public IEnumerable<(string? Head, JsonElement Data)> Gone(IEnumerable<(string? Head, JsonElement Data)> rows)
    {
        var seen = rows.Select(row => Key(row.Head, row.Data)).ToHashSet(StringComparer.Ordinal);
        return _rows.Where(row => !seen.Contains(row.Key)).Select(row => row.Value).ToList();
    }

    // JSON texts, so that 1 and "1" are two groups.
    private string Key(string? head, JsonElement data) =>
        string.Join('\n', _breakdowns.Select(b => data.TryGetProperty(b, out JsonElement value) ? value.GetRawText() : "null").Prepend(head ?? ""));
}

/// <summary>How a number differs from the earlier one.</summary>
internal static class Change
{
    /// <summary>In percent of the earlier one; null when one of them is missing or the earlier one is zero and this isn't.</summary>
    public static double? Percent(double? now, double? before) =>
        now is not { } n || before is not { } b || (b == 0 && n != 0) ? null
        : b == 0 ? 0
        : (n - b) / Math.Abs(b) * 100;

    /// <summary>For people: <c>+12.3 %</c>, <c>new</c> where there was nothing.</summary>
    public static string Text(double? now, double? before) =>
        Percent(now, before) is { } percent ? percent.ToString(Math.Abs(percent) < 100 ? "+0.0 '%';-0.0 '%';0 '%'" : "+#,0 '%';-#,0 '%'", CultureInfo.InvariantCulture)
        : now is not null && before is null or 0 ? "new"
        : "-";
}
