using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using StreamObserve.Api;
using StreamObserve.Hosting;

namespace StreamObserve.Commands;

/// <summary><c>send</c>: posts a file of events, one JSON object a line, and tells which lines were refused.</summary>
internal sealed class SendCommand : Command
{
    // A request of 1 MB takes a node some ten milliseconds: large enough to be cheap, small enough to be one transaction.
    private const int ChunkBytesMax = 1 << 20;
    private const int ChunkLinesMax = 5_000;

    // Half a minute of a node that is away or overloaded.
    private const int AttemptsMax = 30;
    private const int RefusalsShownMax = 50;
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    private static readonly SingleSetting<string> Dataset = ClientSettings.Text("dataset", "DATASET", "The dataset that the events go to.", "default");

    public override CommandSyntax Syntax { get; } = new()
    {
        Verb = "send",
        Summary = "send a file of events over HTTP",
        Details = "One JSON object a line; - reads standard input. Refused lines are told with their numbers and make the exit code 1; the others are in. "
            + "An overloaded or restarting node is waited for.",
        Operand = "FILE|-",
        OperandsMin = 1,
        OperandsMax = 1,
        Settings = [Dataset, ClientSettings.Url],
        Examples = ["streamobserve send events.ndjson --dataset payment", "generate | streamobserve send - --dataset payment"],
    };

    protected override async Task<int> ExecuteAsync(SettingValues values, IReadOnlyList<string> operands, CommandContext context, CancellationToken stop)
    {
        string file = operands[0];
        if (InputFile.TryOpen(file, context, out string? failure) is not { } input)
        {
            context.Error.WriteLine($"streamobserve send: {failure}");
            return ExitCodes.WrongUse;
        }

        await using (input)
        {
            using var client = new NodeClient(values.Get(ClientSettings.Url), context.Http);
            var sender = new Sender(client, values.Get(Dataset), InputFile.LinePrefix(file), context);
            try
            {
                await sender.SendAsync(input, stop).ConfigureAwait(false);
            }
            catch (NodeRequestException e)
            {
                context.Error.WriteLine($"streamobserve send: {e.Message}");
                context.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"stopped before line {sender.UnsentLine}; accepted {sender.Accepted} events, refused {sender.Refused}"));
                return e.ExitCode;
            }

            context.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"accepted {sender.Accepted} events, refused {sender.Refused}"));
            return sender.Refused == 0 ? ExitCodes.Done : ExitCodes.Failed;
        }
    }

    private sealed class Sender(NodeClient client, string dataset, string place, CommandContext context)
    {
        private readonly MemoryStream _chunk = new();
        private readonly List<long> _lineNumbers = [];

        public long Accepted { get; private set; }

        public long Refused { get; private set; }

        /// <summary>The first line that was not sent.</summary>
        public long UnsentLine => _lineNumbers.Count > 0 ? _lineNumbers[0] : 1;

        public async Task SendAsync(Stream input, CancellationToken stop)
        {
            long number = 0;
            await foreach (ReadOnlyMemory<byte> line in Lines.ReadAsync(input, stop).ConfigureAwait(false))
            {
                number++;

                // Blank lines are no events; leaving them out keeps the answer's order that of the line numbers.
                if (line.Span.IndexOfAnyExcept(" \t\r"u8) < 0)
                {
                    continue;
                }

                if (_lineNumbers.Count > 0 && (_chunk.Length + line.Length > ChunkBytesMax || _lineNumbers.Count == ChunkLinesMax))
                {
                    await PostAsync(stop).ConfigureAwait(false);
                }

                _chunk.Write(line.Span);
                _chunk.WriteByte((byte)'\n');
                _lineNumbers.Add(number);
            }

            if (_lineNumbers.Count > 0)
            {
                await PostAsync(stop).ConfigureAwait(false);
            }
        }

        private async Task PostAsync(CancellationToken stop)
        {
            for (int attempt = 1; ; attempt++)
            {
                try
                {
                    using var body = new ByteArrayContent(_chunk.GetBuffer(), 0, (int)_chunk.Length);
                    body.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
                    using JsonDocument answer = await client.RequestJsonAsync($"/api/v1/ingest/{Uri.EscapeDataString(dataset)}", body, stop).ConfigureAwait(false);
                    Count(answer.RootElement);
                    break;
                }
                catch (NodeRequestException e) when (e.RetryHelps && attempt < AttemptsMax && (Accepted + Refused > 0 || e.RetryAfter is not null))
                {
                    await Task.Delay(e.RetryAfter ?? RetryPause, context.Time, stop).ConfigureAwait(false);
                }
            }

            _chunk.SetLength(0);
            _lineNumbers.Clear();
        }

        private void Count(JsonElement answer)
        {
            if (answer.ValueKind != JsonValueKind.Array || answer.GetArrayLength() != _lineNumbers.Count)
            {
                string got = answer.ValueKind == JsonValueKind.Array ? $"{answer.GetArrayLength()} results" : answer.GetRawText();
                throw new NodeRequestException($"the node answered {got} to {_lineNumbers.Count} events: which were accepted is not known", ExitCodes.Failed, retryHelps: false);
            }

            int index = 0;
            foreach (JsonElement result in answer.EnumerateArray())
            {
                long line = _lineNumbers[index++];
                if (result.TryGetProperty("status", out JsonElement status) && status.TryGetInt32(out int code) && code is >= 200 and < 300)
                {
                    Accepted++;
                    continue;
                }

                Refused++;
                if (Refused <= RefusalsShownMax)
                {
                    string error = result.TryGetProperty("error", out JsonElement e) ? e.ToString() : result.GetRawText();
                    context.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{place}{line}: {error}"));
                }
                else if (Refused == RefusalsShownMax + 1)
                {
                    context.Error.WriteLine("further refused lines are only counted");
                }
            }
        }
    }
}
