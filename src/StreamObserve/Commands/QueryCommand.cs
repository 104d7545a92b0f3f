using System.Net.Http.Headers;
using System.Text.Json;
using StreamObserve.Api;
using StreamObserve.Hosting;
using StreamObserve.Output;

namespace StreamObserve.Commands;

/// <summary><c>query</c>: asks one question in text form and shows the answer with what it rests on.</summary>
internal sealed class QueryCommand : Command
{
    private static readonly SingleSetting<string> Dataset = ClientSettings.Text("dataset", "DATASET", "The dataset to ask; __all__ for all of them.", "__all__");
    private static readonly SingleSetting<string> Format = ClientSettings.Choice("format", "How to show the answer; json is the node's answer as it is.", "table", "table", "json", "csv");
    private static readonly SingleSetting<string> Rows = ClientSettings.Choice("rows", "Show one row a group, or one a group and point in time.", "results", "results", "series");
    private static readonly SingleSetting<string> Source = ClientSettings.Choice("source", "Answer only from this, to debug or verify.", "auto", "auto", "aggregates", "recent", "blocks", "rows");
    private static readonly SingleSetting<string> Against = ClientSettings.Text("against", "CONDITION", "Instead of the answer, show which fields tell the query's events that meet this from its others, the most telling first.");
    private static readonly SingleSetting<string> Partial = ClientSettings.Choice("partial", "Whether a missing partition makes a labelled answer or an error.", "allow", "allow", "fail");
    private static readonly SingleSetting<bool> Explain = ClientSettings.Switch("explain", "Say on standard error how the answer was made: what was read, what was skipped, and why rows were read.");

    public override CommandSyntax Syntax { get; } = new()
    {
        Verb = "query",
        Summary = "ask a question",
        Details = "The text: [calculations] [WHERE condition] [GROUP BY fields] [HAVING ...] [ORDER BY ... ASC|DESC] [LIMIT n] "
            + "[SINCE t UNTIL t | LAST duration] [EVERY duration] [COMPARE duration] [FORMULA name AS \"...\"]; without a time the last 2 hours. "
            + "A number marked with ± is within a bound, with ≈ an estimate, and a line below the table says how far. What is missing is told on standard error.",
        Operand = "TEXT",
        OperandsMin = 1,
        OperandsMax = int.MaxValue,
        Settings = [Dataset, ClientSettings.Url, Format, Rows, Source, Partial, Against, Explain],
        Examples =
        [
            "streamobserve query 'COUNT, P99(duration_ms) GROUP BY service.name LAST 10m'",
            "streamobserve query 'COUNT WHERE error = true GROUP BY build_id, region' --dataset payment",
            "streamobserve query 'P99(duration_ms) EVERY 1m LAST 1h' --rows series --format csv",
            "streamobserve query 'COUNT, P99(duration_ms) GROUP BY name LAST 1h COMPARE 1d'",
            "streamobserve query 'LAST 10m' --against 'duration_ms > 2000'",
        ],
    };

    protected override async Task<int> ExecuteAsync(SettingValues values, IReadOnlyList<string> operands, CommandContext context, CancellationToken stop)
    {
        // Unquoted words are one text, as a shell splits them.
        string text = string.Join(' ', operands);
        string against = values.Get(Against);
        if (against.Length > 0 && (values.Get(Source) != "auto" || values.Get(Rows) != "results"))
        {
            return WrongUse(["--against takes neither --source nor --rows: it always compares rows, over all of the time"], context);
        }

        using var client = new NodeClient(values.Get(ClientSettings.Url), context.Http);
        try
        {
            using var body = new ByteArrayContent(Body(values, text));
            body.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using JsonDocument answer = await client.RequestJsonAsync(against.Length > 0 ? "/api/v1/bubbleup" : "/api/v1/query", body, stop).ConfigureAwait(false);
            if (against.Length > 0)
            {
                new BubbleUpView(answer.RootElement).Write(values.Get(Format), context.Output, context.Error);
            }
            else
            {
                Show(answer.RootElement, values, context);
            }

            return ExitCodes.Done;
        }
        catch (JsonException e)
        {
            context.Error.WriteLine($"streamobserve query: {e.Message}");
            return ExitCodes.Failed;
        }
        catch (NodeRequestException e)
        {
            context.Error.WriteLine($"streamobserve query: {e.Message}");
            if (e.Position is { } position && position <= text.Length + 1)
            {
                context.Error.WriteLine($"  {text}\n  {new string(' ', position - 1)}^");
            }

            return e.ExitCode;
        }
    }

    private static void Show(JsonElement answer, SettingValues values, CommandContext context)
    {
        string format = values.Get(Format);
        var view = new AnswerView(answer, values.Get(Rows) == "series" ? AnswerRows.Series : AnswerRows.Results);
        if (answer.TryGetProperty("explain", out JsonElement explanation) && explanation.ValueKind == JsonValueKind.Object)
        {
            ExplanationView.Write(explanation, context.Error);
        }


        // What a program reads stays clean; a person still has to learn that something is missing.
        foreach (string gap in view.Gaps())
        {
            context.Error.WriteLine(gap);
        }

        if (format == "table")
        {
            view.WriteTable(context.Output);
        }
        else if (format == "csv")
        {
            view.WriteCsv(context.Output);
        }
        else
        {
            context.Output.WriteLine(answer.GetRawText());
        }
    }

    private static byte[] Body(SettingValues values, string text)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("dataset", values.Get(Dataset));
            json.WriteString("text", text);
            json.WriteString("partial", values.Get(Partial));
            if (values.Get(Against) is { Length: > 0 } against)
            {
                json.WriteStartObject("selection");
                json.WriteString("where", against);
                json.WriteEndObject();
            }
            else
            {
                json.WriteString("source", values.Get(Source));
                if (values.Get(Explain))
                {
                    json.WriteBoolean("explain", true);
                }
            }

            json.WriteEndObject();
        }

        return buffer.ToArray();
    }
}
