using System.Globalization;
using System.Text;
using System.Text.Json;
using StreamObserve.Api;
using StreamObserve.Hosting;
using StreamObserve.Output;

namespace StreamObserve.Commands;

/// <summary><c>tail</c>: shows matching events as they arrive, before any sampling; goes on where it was when the connection breaks.</summary>
internal sealed class TailCommand : Command
{
    private static readonly TimeSpan ReconnectPause = TimeSpan.FromSeconds(1);

    // The fields that say most about an event, shown first if it has them.
    private static readonly string[] LeadingFields = ["service.name", "name", "duration_ms", "error", "status_code", "http.status_code"];

    private static readonly SingleSetting<string> Dataset = ClientSettings.Text("dataset", "DATASET", "The dataset to watch; __all__ for all of them.", "__all__");
    private static readonly SingleSetting<string> Filter = ClientSettings.Text("filter", "CONDITION", "Which events, as after WHERE in a query.");
    private static readonly SingleSetting<string> Calculations = ClientSettings.Text("calc", "CALCULATIONS", "What to compute over all matching events, e.g. 'COUNT, P99(duration_ms)'.");
    private static readonly SingleSetting<int> Rate = ClientSettings.Number("rate", "Most events a second to show; the others are counted as skipped.", 10, 0, 10_000);
    private static readonly SingleSetting<int> Count = ClientSettings.Number("count", "End after so many events; 0 goes on until Ctrl-C.", 0, 0, int.MaxValue);
    private static readonly SingleSetting<string> Format = ClientSettings.Choice("format", "json is one object a line.", "text", "text", "json");

    public override CommandSyntax Syntax { get; } = new()
    {
        Verb = "tail",
        Summary = "watch events as they arrive",
        Details = "Events go to standard output, counters and calculations to standard error. Ctrl-C ends it.",
        Settings = [Dataset, Filter, Calculations, Rate, Count, Format, ClientSettings.Url],
        Examples = ["streamobserve tail --filter 'error = true' --calc 'COUNT, P99(duration_ms)'"],
    };

    protected override async Task<int> ExecuteAsync(SettingValues values, IReadOnlyList<string> operands, CommandContext context, CancellationToken stop)
    {
        using var client = new NodeClient(values.Get(ClientSettings.Url), context.Http);
        var tail = new Progress { RowsLeft = values.Get(Count) == 0 ? long.MaxValue : values.Get(Count) };
        while (true)
        {
            string lost;
            try
            {
                await WatchAsync(client, values, tail, context, stop).ConfigureAwait(false);
                if (tail.RowsLeft == 0)
                {
                    return ExitCodes.Done;
                }

                lost = "the stream ended";
            }
            catch (NodeRequestException e) when (tail.Connected && e.RetryHelps)
            {
                lost = e.Message;
            }
            catch (Exception e) when (e is IOException or HttpRequestException)
            {
                lost = e.Message;
            }
            catch (NodeRequestException e)
            {
                context.Error.WriteLine($"streamobserve tail: {e.Message}");
                return e.ExitCode;
            }

            context.Error.WriteLine($"streamobserve tail: {lost}; connecting again");
            await Task.Delay(ReconnectPause, context.Time, stop).ConfigureAwait(false);
        }
    }

    private static async Task WatchAsync(NodeClient client, SettingValues values, Progress tail, CommandContext context, CancellationToken stop)
    {
        using HttpResponseMessage response = await client.OpenStreamAsync(Path(values, tail.ResumeToken), stop).ConfigureAwait(false);
        tail.Connected = true;
        await using Stream stream = await response.Content.ReadAsStreamAsync(stop).ConfigureAwait(false);
        await foreach (ServerSentEvent e in ServerSentEvents.ReadAsync(stream, stop).ConfigureAwait(false))
        {
            tail.ResumeToken = e.Id ?? tail.ResumeToken;
            switch (e.Type)
            {
                case "row":
                    context.Output.WriteLine(values.Get(Format) == "json" ? e.Data : Text(e.Data));
                    await context.Output.FlushAsync(stop).ConfigureAwait(false);
                    if (--tail.RowsLeft == 0)
                    {
                        return;
                    }

                    break;
                case "stats" when e.Data != tail.Stats:
                    // Each second; worth a line only when something has changed.
                    tail.Stats = e.Data;
                    context.Error.WriteLine(values.Get(Format) == "json" ? e.Data : "  " + StatsText(e.Data));
                    break;
                case "stats" or "message":
                    break;
                default:
                    context.Error.WriteLine($"{e.Type}: {e.Data}");
                    break;
            }
        }
    }

    private static string Path(SettingValues values, string? resume)
    {
        var path = new StringBuilder("/api/v1/tail?dataset=").Append(Uri.EscapeDataString(values.Get(Dataset)));
        path.Append(CultureInfo.InvariantCulture, $"&rate={values.Get(Rate)}");
        foreach ((string name, string? value) in new[] { ("filter", values.Get(Filter)), ("calc", values.Get(Calculations)), ("resume", resume) })
        {
            if (!string.IsNullOrEmpty(value))
            {
                path.Append('&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
            }
        }

        return path.ToString();
    }

    /// <summary>One line: the time of day, the leading fields, then the others as key=value.</summary>
    private static string Text(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            var line = new StringBuilder();
            if (root.TryGetProperty("time", out JsonElement time))
            {
                line.Append(time.ToString()).Append(' ');
            }

            foreach (string field in LeadingFields)
            {
                if (root.TryGetProperty(field, out JsonElement value))
                {
                    line.Append(field).Append('=').Append(JsonPlain.Text(value)).Append(' ');
                }
            }

            foreach (JsonProperty property in root.EnumerateObject())
            {
                if (property.Name != "time" && !LeadingFields.Contains(property.Name))
                {
                    string value = JsonPlain.Text(property.Value);
                    line.Append(property.Name).Append('=').Append(value.Contains(' ', StringComparison.Ordinal) && property.Value.ValueKind == JsonValueKind.String ? $"\"{value}\"" : value).Append(' ');
                }
            }

            return line.ToString().TrimEnd();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return json;
        }
    }

    /// <summary>One line: the counters, the running calculations (<c>~</c> = within a bound), the partitions that are missing.</summary>
    private static string StatsText(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            var line = new StringBuilder();
            line.Append(CultureInfo.InvariantCulture, $"{root.GetProperty("matched").GetInt64():N0} matched, {root.GetProperty("sent").GetInt64():N0} sent, {root.GetProperty("skipped").GetInt64():N0} skipped");
            if (root.TryGetProperty("data", out JsonElement data))
            {
                foreach (JsonProperty calculated in data.EnumerateObject())
                {
                    string mark = root.TryGetProperty("labels", out JsonElement labels) && labels.TryGetProperty(calculated.Name, out JsonElement label)
                        && label.TryGetProperty("kind", out JsonElement kind) ? AnswerView.Mark(kind.GetString()!) : "";
                    string value = calculated.Value.ValueKind == JsonValueKind.Number
                        ? calculated.Value.GetDouble().ToString("#,0.###", CultureInfo.InvariantCulture)
                        : JsonPlain.Text(calculated.Value);
                    line.Append(CultureInfo.InvariantCulture, $"  {calculated.Name}={mark}{value}");
                }
            }

            if (root.TryGetProperty("failed", out JsonElement failed))
            {
                foreach (JsonElement partition in failed.EnumerateArray())
                {
                    line.Append(CultureInfo.InvariantCulture, $"  MISSING partition {JsonPlain.Text(partition.GetProperty("partition"))}: {JsonPlain.Text(partition.GetProperty("reason"))}");
                }
            }

            return line.ToString();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return json;
        }
    }

    /// <summary>What lives longer than one connection.</summary>
    private sealed class Progress
    {
        public bool Connected { get; set; }

        public string? ResumeToken { get; set; }

        public string? Stats { get; set; }

        public long RowsLeft { get; set; }
    }
}
