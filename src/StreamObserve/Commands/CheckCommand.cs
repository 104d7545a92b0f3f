using System.Globalization;
using StreamObserve.Api;
using StreamObserve.Core.Events;
using StreamObserve.Hosting;

namespace StreamObserve.Commands;

/// <summary><c>check</c>: reads a file of events as ingest would, without sending them, and tells which lines would be refused.</summary>
internal sealed class CheckCommand : Command
{
    // The decoder collects rows; only whether it takes them matters here.
    private const int RowsHeldMax = 10_000;
    private const int RefusalsShownMax = 50;

    public override CommandSyntax Syntax { get; } = new()
    {
        Verb = "check",
        Summary = "check a file of events without sending it",
        Details = "One JSON object a line; - reads standard input. Lines that a node would refuse are told with their numbers and the reason; the exit code is then 1.",
        Operand = "FILE|-",
        OperandsMin = 1,
        OperandsMax = 1,
        Examples = ["streamobserve check events.ndjson"],
    };

    protected override async Task<int> ExecuteAsync(SettingValues values, IReadOnlyList<string> operands, CommandContext context, CancellationToken stop)
    {
        string file = operands[0];
        if (InputFile.TryOpen(file, context, out string? failure) is not { } input)
        {
            context.Error.WriteLine($"streamobserve check: {failure}");
            return ExitCodes.WrongUse;
        }

        await using (input)
        {
            var router = new EventRouter(partitions: 1);
            var refusals = new RefusalPrinter(InputFile.LinePrefix(file), context.Error);
            var source = new RecordSource(null, "default", context.Time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000);
            long taken = 0;
            await foreach (ReadOnlyMemory<byte> line in Lines.ReadAsync(input, stop).ConfigureAwait(false))
            {
                refusals.Line++;
                if (line.Span.IndexOfAnyExcept(" \t\r"u8) < 0)
                {
                    continue;
                }

                taken += router.Append(line.Span, PayloadEncoding.Json, source, refusals);
                if (router.Rows >= RowsHeldMax)
                {
                    router.Clear();
                }
            }

            context.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{taken} events are good, {refusals.Count} would be refused"));
            return refusals.Count == 0 ? ExitCodes.Done : ExitCodes.Failed;
        }
    }

    private sealed class RefusalPrinter(string prefix, TextWriter error) : IRefusalSink
    {
        public long Line { get; set; }

        public long Count { get; private set; }

        public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes)
        {
            Count++;
            if (Count <= RefusalsShownMax)
            {
                error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{prefix}{Line}: {reason}: {detail}"));
            }
            else if (Count == RefusalsShownMax + 1)
            {
                error.WriteLine("further lines are only counted");
            }
        }
    }
}
