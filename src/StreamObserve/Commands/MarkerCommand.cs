using System.Net.Http.Headers;
using System.Text.Json;
using StreamObserve.Api;
using StreamObserve.Hosting;
using StreamObserve.Output;

namespace StreamObserve.Commands;

/// <summary><c>marker</c>: notes a moment or a span of time, such as a deploy, so that answers can be read against it.</summary>
internal sealed class MarkerCommand : Command
{
    private static readonly SingleSetting<string> Dataset = ClientSettings.Text("dataset", "DATASET", "The dataset that it belongs to; __all__ for all of them.", "__all__");
    private static readonly SingleSetting<string> Type = ClientSettings.Text("type", "TYPE", "Its kind, such as deploy; markers of a kind have a colour.");
    private static readonly SingleSetting<string> Link = ClientSettings.Text("link", "LINK", "An address with more about it.");
    private static readonly SingleSetting<string> Start = ClientSettings.Text("start", "TIME", "When it began: RFC 3339, or unix seconds. Without it: now.");
    private static readonly SingleSetting<string> End = ClientSettings.Text("end", "TIME", "When it ended, in the same way. Without it: a moment.");

    public override CommandSyntax Syntax { get; } = new()
    {
        Verb = "marker",
        Summary = "note a moment, such as a deploy, beside the events",
        Details = "Prints the marker's id.",
        Operand = "MESSAGE",
        OperandsMin = 1,
        OperandsMax = int.MaxValue,
        Settings = [Dataset, Type, Link, Start, End, ClientSettings.Url],
        Examples =
        [
            "streamobserve marker 'deploy 7.2' --type deploy --link https://ci/7.2",
            "streamobserve marker 'database moved' --start 2026-11-23T04:00:00Z --end 2026-11-23T04:30:00Z",
        ],
    };

    protected override async Task<int> ExecuteAsync(SettingValues values, IReadOnlyList<string> operands, CommandContext context, CancellationToken stop)
    {
        using var client = new NodeClient(values.Get(ClientSettings.Url), context.Http);
        try
        {
            // Unquoted words are one message, as a shell splits them.
            using var body = new ByteArrayContent(Body(values, string.Join(' ', operands)));
            body.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using JsonDocument made = await client.RequestJsonAsync("/api/v1/markers", body, stop).ConfigureAwait(false);
            context.Output.WriteLine(made.RootElement.TryGetProperty("id", out JsonElement id) ? JsonPlain.Text(id) : "");
            return ExitCodes.Done;
        }
        catch (NodeRequestException e)
        {
            context.Error.WriteLine($"streamobserve marker: {e.Message}");
            return e.ExitCode;
        }
    }

    private static byte[] Body(SettingValues values, string message)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("dataset", values.Get(Dataset));
            json.WriteString("message", message);
            WriteText(json, "type", values.Get(Type));
            WriteText(json, "url", values.Get(Link));
            WriteTime(json, "start_time", values.Get(Start));
            WriteTime(json, "end_time", values.Get(End));
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void WriteText(Utf8JsonWriter json, string member, string text)
    {
        if (text.Length > 0)
        {
            json.WriteString(member, text);
        }
    }

    /// <summary>The node judges times; only what is a number has to look like one.</summary>
    private static void WriteTime(Utf8JsonWriter json, string member, string text)
    {
        if (long.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out long seconds))
        {
            json.WriteNumber(member, seconds);
        }
        else
        {
            WriteText(json, member, text);
        }
    }
}
