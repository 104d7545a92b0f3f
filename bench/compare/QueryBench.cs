using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Bench.Compare;

/// <summary>Times of one question, ms, in the order in which they were taken.</summary>
internal sealed class QueryFigures(BenchQuery query)
{
    public BenchQuery Query { get; } = query;
    public List<double> Auto { get; } = [];
    public List<double> WithSeries { get; } = [];
    public List<double> Rows { get; } = [];
    public List<double> ChDb { get; } = [];
    public List<double> DuckDb { get; } = [];
    public Verdict AutoVerdict { get; set; } = Verdict.Unknown;
    public Verdict RowsVerdict { get; set; } = Verdict.Unknown;

    /// <summary>Calls that were not answered, warming up included.</summary>
    public List<string> Failures { get; } = [];

    /// <summary>What answered in the form of the system's choice; empty when nothing did, and then nothing is measured.</summary>
    public string AutoUsed { get; set; } = "";

    /// <summary>What answered when rows were asked for; anything but blocks voids the figure.</summary>
    public string RowsUsed { get; set; } = "";
}

/// <summary>Asks one question after the other, each of all three in turn, round after round, so that a machine that is slower for a while is slower for all.</summary>
internal sealed class QueryBench(PipelineRun pipeline, EventSet events, IReadOnlyList<BenchQuery> queries, PeerSession? chdb, PeerSession? duckdb)
{
    private const int WarmingRounds = 3;

    /// <summary>Checks every answer against exact ones, then measures.</summary>
    /// <param name="exact">Exact answers by the name of the peers' question; null = DuckDB's.</param>
    /// <param name="rounds">Measured rounds.</param>
    public async Task<List<QueryFigures>> RunAsync(JsonNode? exact, int rounds)
    {
        var all = queries.Select(q => new QueryFigures(q)).ToList();
        foreach (QueryFigures figures in all)
        {
            JsonArray? truth = exact?[figures.Query.ExactName]?["rows"]?.AsArray() ?? (duckdb is null ? null : await duckdb.RowsAsync(figures.Query.ExactName));
            (figures.AutoVerdict, figures.AutoUsed) = await CheckAsync(figures.Query, QuestionForm.Auto, truth);
            (figures.RowsVerdict, figures.RowsUsed) = await CheckAsync(figures.Query, QuestionForm.Rows, truth);
        }

        foreach (QueryFigures figures in all)
        {
            for (int round = 1 - WarmingRounds; round <= rounds; round++)
            {
                await MeasureAsync(figures, round);
            }
        }

        return all;
    }

    private async Task<(Verdict Verdict, string Used)> CheckAsync(BenchQuery query, QuestionForm form, JsonArray? truth)
    {
        ApiResponse response;
        try
        {
            response = await query.AskAsync(pipeline.Api, form, Range(0), events.TraceId);
        }
        catch (HttpRequestException refused)
        {
            return (new Verdict(false, refused.Message), "");
        }

        JsonNode body = response.Json ?? throw new FormatException($"{query.Name}: not JSON: {response.Text}");
        string used = string.Join('+', body["receipt"]!["used"]!.AsArray().Select(u => (string?)u));
        return (truth is null ? Verdict.Unknown : AnswerCheck.Of(query.Name, form, body, truth), used);
    }

    /// <summary>One round; those before the first are for warming up and not kept. A question that fails later voids its figures.</summary>
    private async Task MeasureAsync(QueryFigures figures, int round)
    {
        await TakeAsync(figures.Auto, () => figures.AutoUsed == "" ? null : OursAsync(QuestionForm.Auto));
        await TakeAsync(figures.ChDb, () => chdb?.TimeAsync(figures.Query.Name));
        await TakeAsync(figures.Rows, () => figures.RowsUsed == "" ? null : OursAsync(QuestionForm.Rows));
        await TakeAsync(figures.DuckDb, () => duckdb?.TimeAsync(figures.Query.Name));
        await TakeAsync(figures.WithSeries, () => figures.Query.IsOnePoint && figures.AutoUsed != "" ? OursAsync(QuestionForm.WithSeries) : null);

        async Task<double> OursAsync(QuestionForm form) =>
            (await figures.Query.AskAsync(pipeline.Api, form, Range(round + WarmingRounds), events.TraceId)).Elapsed.TotalMilliseconds;

        async Task TakeAsync(List<double> times, Func<Task<double>?> ask)
        {
            if (ask() is { } asked)
            {
                double ms = double.NaN;
                try
                {
                    ms = await asked;
                }
                catch (HttpRequestException refused)
                {
                    figures.Failures.Add(refused.Message);
                }

                if (round >= 1)
                {
                    times.Add(ms);
                }
            }
        }
    }

    /// <summary>All events, moved later by some seconds: no two calls are about the same range, so that no stored answer can serve.</summary>
    private TimeRange Range(int secondsLater) => new(events.First.ToUnixTimeSeconds() + secondsLater, events.Last.ToUnixTimeSeconds() + 1 + secondsLater);
}
