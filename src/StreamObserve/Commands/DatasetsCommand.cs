using System.Text.Json;
using StreamObserve.Api;
using StreamObserve.Hosting;
using StreamObserve.Output;

namespace StreamObserve.Commands;

/// <summary><c>datasets</c>: what there is to ask about; with a name, that dataset's columns.</summary>
internal sealed class DatasetsCommand : Command
{
    private static readonly SingleSetting<string> Format = ClientSettings.Choice("format", "How to show them.", "table", "table", "json", "csv");

    public override CommandSyntax Syntax { get; } = new()
    {
        Verb = "datasets",
        Summary = "list the datasets, or the columns of one",
        Operand = "DATASET",
        OperandsMax = 1,
        Settings = [ClientSettings.Url, Format],
        Examples = ["streamobserve datasets", "streamobserve datasets payment"],
    };

    protected override async Task<int> ExecuteAsync(SettingValues values, IReadOnlyList<string> operands, CommandContext context, CancellationToken stop)
    {
        using var client = new NodeClient(values.Get(ClientSettings.Url), context.Http);
        try
        {
            string path = operands.Count == 0 ? "/api/v1/datasets" : $"/api/v1/datasets/{Uri.EscapeDataString(operands[0])}/columns";
            using JsonDocument document = await client.RequestJsonAsync(path, null, stop).ConfigureAwait(false);
            Show(document.RootElement, operands.Count == 0 ? "datasets" : "columns", values.Get(Format), context.Output);
            return ExitCodes.Done;
        }
        catch (NodeRequestException e)
        {
            context.Error.WriteLine($"streamobserve datasets: {e.Message}");
            return e.ExitCode;
        }
    }

    private static void Show(JsonElement root, string member, string format, TextWriter output)
    {
        if (format == "json")
        {
            output.WriteLine(root.GetRawText());
            return;
        }

        JsonElement list = root.ValueKind == JsonValueKind.Array ? root : root.TryGetProperty(member, out JsonElement entries) ? entries : default;
        List<JsonElement> rows = list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()] : [];
        if (rows.Count == 0)
        {
            output.WriteLine($"no {member} yet");
            return;
        }

        string[] headers = [.. rows[0].EnumerateObject().Select(p => p.Name)];
        IEnumerable<string[]> cells = rows.Select(r => headers.Select(h => r.TryGetProperty(h, out JsonElement v) ? v.ToString() : "").ToArray());
        if (format == "csv")
        {
            Csv.WriteRecord(output, headers);
            foreach (string[] row in cells)
            {
                Csv.WriteRecord(output, row);
            }

            return;
        }

        var table = new TextTable(headers, [.. headers.Select(h => rows[0].GetProperty(h).ValueKind == JsonValueKind.Number)]);
        foreach (string[] row in cells)
        {
            table.Add(row);
        }

        table.Write(output);
        if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("more", out JsonElement more) && more.ValueKind == JsonValueKind.True)
        {
            output.WriteLine("and more");
        }
    }
}
