using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Bench.Compare;

/// <summary>One of the nine questions (<see cref="ShopQuestions"/>), as StreamObserve is asked it. The peers know it under the same name (peers/events.mjs).</summary>
/// <param name="Name">Q1 to Q9.</param>
/// <param name="Title">What it asks.</param>
/// <param name="Request">The question without a range; null = the trace endpoint.</param>
/// <param name="RowsRequest">The same of rows, where that is another question.</param>
/// <param name="ExactName">The peers' question whose answer is exact.</param>
internal sealed record BenchQuery(string Name, string Title, QueryRequest? Request, QueryRequest? RowsRequest, string ExactName)
{
    /// <summary>Milliseconds that the answer may take over a million events; null = it is held against chDB.</summary>
    public double? MsMax => Name is "Q1" or "Q2" or "Q7" ? 10 : null;

    /// <summary>True when its answer has no series, so that a form with the default series costs something else.</summary>
    public bool IsOnePoint => Request is { GranularitySeconds: null };

    /// <summary>All nine.</summary>
    public static IReadOnlyList<BenchQuery> All(EventSet events, string text)
    {
        var trace = new QueryRequest
        {
            Calculations = ["COUNT", "MAX(duration_ms)"],
            Breakdowns = ["trace.span_id", "trace.parent_id", "name"],
            Filters = [("trace.trace_id", "=", events.TraceId)],
            Range = default,
        };
        return [.. ShopQuestions.All(events.Route, text).Select(q => new BenchQuery(
            q.Name, q.Title, q.Request, q.Request is null ? trace : null, q.Name is "Q2" or "Q3" or "Q6" ? q.Name + "x" : q.Name))];
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
