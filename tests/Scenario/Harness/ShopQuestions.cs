namespace StreamObserve.Scenario.Harness;

/// <summary>A question about the generated events.</summary>
/// <param name="Name">Q1 to Q9.</param>
/// <param name="Title">What it asks.</param>
/// <param name="Request">The query, without a range; null = the trace endpoint.</param>
public sealed record ShopQuestion(string Name, string Title, QueryRequest? Request);

/// <summary>The nine questions that are asked of the generated shop, by the comparison with the peers and under load.</summary>
public static class ShopQuestions
{
    private const int Top = 100;

    /// <summary>All nine.</summary>
    /// <param name="route">A route that has errors.</param>
    /// <param name="text">A text that some messages contain.</param>
    public static IReadOnlyList<ShopQuestion> All(string route, string text) =>
    [
        new("Q1", "COUNT, points of 10 s", Ask("COUNT") with { GranularitySeconds = 10 }),
        new("Q2", "COUNT, AVG, P50, P95, P99 by service.name", Ask("COUNT", "AVG(duration_ms)", "P50(duration_ms)", "P95(duration_ms)", "P99(duration_ms)") with { Breakdowns = ["service.name"] }),
        new("Q3", "P99 by build_id, points of 10 s", Ask("P99(duration_ms)") with { Breakdowns = ["build_id"], GranularitySeconds = 10 }),
        new("Q4", "COUNT by customer_id, top 100", Ask("COUNT") with { Breakdowns = ["customer_id"], Limit = Top }),
        new("Q5", "COUNT of errors on a route by hostname", Ask("COUNT") with { Breakdowns = ["hostname"], Filters = [("http.status_code", ">=", 500), ("http.route", "=", route)] }),
        new("Q6", "COUNT_DISTINCT(user_id) by region", Ask("COUNT_DISTINCT(user_id)") with { Breakdowns = ["region"] }),
        new("Q7", "HEATMAP(duration_ms), points of 10 s", Ask("HEATMAP(duration_ms)") with { GranularitySeconds = 10 }),
        new("Q8", "one trace by its id", null),
        new("Q9", "COUNT, SUM of messages that contain a text", Ask("COUNT", "SUM(duration_ms)") with { Filters = [("message", "contains", text)] }),
    ];

    private static QueryRequest Ask(params string[] calculations) => new() { Calculations = calculations, Range = default };
}
