using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Bench.Compare;

/// <summary>One of the nine questions, as StreamObserve is asked it. The peers know it under the same name (peers/events.mjs).</summary>
/// <param name="Name">Q1 to Q9.</param>
/// <param name="Title">What it asks.</param>
/// <param name="Request">The question without a range; null = the trace endpoint.</param>
/// <param name="RowsRequest">The same of rows, where that is another question.</param>
/// <param name="ExactName">The peers' question whose answer is exact.</param>
internal sealed record BenchQuery(string Name, string Title, QueryRequest? Request, QueryRequest? RowsRequest, string ExactName)
{
    private const int Top = 100;

    /// <summary>Milliseconds that the answer may take over a million events; null = it is held against chDB.</summary>
    public double? MsMax => Name is "Q1" or "Q2" or "Q7" ? 10 : null;

    /// <summary>True when its answer has no series, so that a form with the default series costs something else.</summary>
    public bool IsOnePoint => Request is { GranularitySeconds: null };

    /// <summary>All nine.</summary>
    public static IReadOnlyList<BenchQuery> All(EventSet events, string text)
    {
        QueryRequest trace = Ask("COUNT", "MAX(duration_ms)") with { Breakdowns = ["trace.span_id", "trace.parent_id", "name"], Filters = [("trace.trace_id", "=", events.TraceId)] };
        return
        [
            new("Q1", "COUNT, points of 10 s", Ask("COUNT") with { GranularitySeconds = 10 }, null, "Q1"),
            new("Q2", "COUNT, AVG, P50, P95, P99 by service.name", Ask("COUNT", "AVG(duration_ms)", "P50(duration_ms)", "P95(duration_ms)", "P99(duration_ms)") with { Breakdowns = ["service.name"] }, null, "Q2x"),
            new("Q3", "P99 by build_id, points of 10 s", Ask("P99(duration_ms)") with { Breakdowns = ["build_id"], GranularitySeconds = 10 }, null, "Q3x"),
            new("Q4", "COUNT by customer_id, top 100", Ask("COUNT") with { Breakdowns = ["customer_id"], Limit = Top }, null, "Q4"),
            new("Q5", "COUNT of errors on a route by hostname", Ask("COUNT") with { Breakdowns = ["hostname"], Filters = [("http.status_code", ">=", 500), ("http.route", "=", events.Route)] }, null, "Q5"),
            new("Q6", "COUNT_DISTINCT(user_id) by region", Ask("COUNT_DISTINCT(user_id)") with { Breakdowns = ["region"] }, null, "Q6x"),
            new("Q7", "HEATMAP(duration_ms), points of 10 s", Ask("HEATMAP(duration_ms)") with { GranularitySeconds = 10 }, null, "Q7"),
            new("Q8", "one trace by its id", null, trace, "Q8"),
            new("Q9", "COUNT, SUM of messages that contain a text", Ask("COUNT", "SUM(duration_ms)") with { Filters = [("message", "contains", text)] }, null, "Q9"),
        ];
    }

    /// <summary>Asks it over a range.</summary>
    /// <param name="api">Whom.</param>
    /// <param name="form">In which form.</param>
    /// <param name="range">The range; a trace has none.</param>
    /// <param name="traceId">The trace of Q8.</param>
    public async Task<ApiResponse> AskAsync(ApiClient api, QuestionForm form, TimeRange range, string traceId)
    {
        ApiResponse response;
        if (Request is null && form != QuestionForm.Rows)
        {
            response = await api.GetAsync($"/api/v1/traces/{traceId}");
        }
        else
        {
            QueryRequest request = form == QuestionForm.Rows ? (RowsRequest ?? Request)! with { Source = "blocks" } : Request!;
            request = request with { Range = range };
            JsonObject body = (form == QuestionForm.WithSeries ? request : request with { GranularitySeconds = request.GranularitySeconds ?? OnePoint(range) }).ToJson();
            response = await api.SendAsync(HttpMethod.Post, "/api/v1/query", body);
        }

        return (int)response.Status == 200 ? response : throw new HttpRequestException($"{Name}, {form}: {(int)response.Status} {response.Text}");
    }

    private static QueryRequest Ask(params string[] calculations) => new() { Calculations = calculations, Range = default };

    /// <summary>The step that makes one point of a range: steps start at multiples of themselves.</summary>
    private static int OnePoint(TimeRange range)
    {
        int step = 3600;
        while (range.FromSeconds / step != (range.ToSeconds - 1) / step)
        {
            step *= 2;
        }

        return step;
    }
}

/// <summary>How a question is put.</summary>
internal enum QuestionForm
{
    /// <summary>As the peers are asked; the system chooses what answers.</summary>
    Auto,

    /// <summary>The same with the series that comes when nobody says a step (about 100 points).</summary>
    WithSeries,

    /// <summary>Of rows: <c>source=blocks</c>.</summary>
    Rows,
}
