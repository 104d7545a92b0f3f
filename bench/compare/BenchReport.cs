using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace StreamObserve.Bench.Compare;

/// <summary>Everything that was measured, as a table, a chart, figures for programs, and what is held to what.</summary>
internal sealed class BenchReport
{
    private const double PipelineShareMax = 0.45;
    private const double PipelineManyShareMax = 0.25;
    private const double SecondReadingShareMax = 0.15;
    private const double BlockBytesMax = 45;
    private const double AllBytesMax = 80;
    private const double BrokerCpuSecondsMax = 1.5;
    private const long SmallEventsMax = 1_000_000;

    public required EventSet Events { get; init; }
    public List<PipelineUsage> OneEvent { get; } = [];
    public List<PipelineUsage> ManyEvents { get; } = [];
    public List<PipelineUsage> Sampled { get; } = [];
    public List<InsertUsage> ChDb { get; } = [];
    public List<InsertUsage> DuckDb { get; } = [];
    public IReadOnlyList<QueryFigures> Queries { get; set; } = [];
    public StoredBytes? Stored { get; set; }

    /// <summary>What could not be measured, and why.</summary>
    public List<string> Skipped { get; } = [];

    /// <summary>Everything that is held to something, as far as it was measured.</summary>
    public List<Bar> Bars()
    {
        var bars = new List<Bar>();
        foreach (QueryFigures figures in Queries)
        {
            BenchQuery query = figures.Query;
            if (query.MsMax is { } max)
            {
                if (Events.Count <= SmallEventsMax)
                {
                    bars.Add(new Bar($"{query.Name} auto", Median(figures.Auto), max, "ms"));
                }
            }
            else if (figures.ChDb.Count > 0)
            {
                bars.Add(new Bar($"{query.Name} auto, chDB's time", Median(figures.Auto), Median(figures.ChDb), "ms"));
            }

            if (figures.ChDb.Count > 0)
            {
                bars.Add(new Bar($"{query.Name} on rows, chDB's time", Median(figures.Rows), Median(figures.ChDb), "ms"));
            }
        }

        if (Stored is { } stored)
        {
            bars.Add(new Bar("blocks", stored.BlockBytes, BlockBytesMax, "bytes an event"));
            bars.Add(new Bar("everything that partitions store", stored.AllBytes, AllBytesMax, "bytes an event"));
        }

        if (Sampled.Count > 0)
        {
            bars.Add(new Bar("pipeline, a tenth kept, of keeping all", Median(Sampled, u => u.PipelineCpuSeconds) / Median(ManyEvents, u => u.PipelineCpuSeconds), 1, "x"));
            bars.Add(new Bar("second reading, a tenth kept, of the first", Median(Sampled, u => u.TrailingCpuSeconds / u.HeadCpuSeconds), SecondReadingShareMax, "x"));
            bars.Add(new Bar("deciding and second reading, a tenth kept, of all before", Median(Sampled, u => u.DecidingAndReadingAgainCpuSeconds / u.BeforeDecidingCpuSeconds), SecondReadingShareMax, "x"));
        }

        if (ChDb.Count > 0)
        {
            double chdb = Median(ChDb, u => u.CpuSeconds);
            bars.Add(new Bar("pipeline, one event a record, of chDB's CPU", Median(OneEvent, u => u.PipelineCpuSeconds) / chdb, PipelineShareMax, "x"));
            bars.Add(new Bar($"pipeline, {BenchOptions.EventsPerRecord} events a record, of chDB's CPU", Median(ManyEvents, u => u.PipelineCpuSeconds) / chdb, PipelineManyShareMax, "x"));
        }

        return bars;
    }

    /// <summary>Answers that are wrong.</summary>
    public IEnumerable<string> Wrong() => Queries.SelectMany(f => new[] { ("auto", f.AutoVerdict), ("rows", f.RowsVerdict) }
        .Where(v => !v.Item2.IsRight).Select(v => $"{f.Query.Name} {v.Item1}: {v.Item2.Detail}")
        .Concat(f.RowsUsed is "blocks" or "" ? [] : [$"{f.Query.Name} rows: answered by {f.RowsUsed}"])
        .Concat(f.Failures.Count == 0 ? [] : [$"{f.Failures.Count} calls failed, the first: {f.Failures[0]}"]));

    /// <summary>The table, as Markdown.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Events.Count:N0} events; medians of interleaved runs");
        AddInserts(text);
        AddStored(text);
        AddQueries(text);
        text.AppendLine().AppendLine("| held to | measured | at most | |").AppendLine("| --- | ---: | ---: | --- |");
        foreach (Bar bar in Bars())
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {bar.What} | {bar.Value:F2} | {bar.Max:F2} {bar.Unit} | {bar.Word} |");
        }

        foreach (string line in Wrong().Select(w => $"WRONG: {w}").Concat(Skipped))
        {
            text.AppendLine().AppendLine(line);
        }

        return text.ToString();
    }

    /// <summary>The times of answers, drawn.</summary>
    public string ToSvg() => Chart.Draw(
        $"Answers over {Events.Count.ToString("N0", CultureInfo.InvariantCulture)} events, ms (median; logarithmic; ours over HTTP, peers in process on one thread)",
        [("StreamObserve", "#1b6ca8"), ("StreamObserve, on rows", "#7fb7de"), ("chDB, LZ4", "#e0a526"), ("DuckDB", "#b9b3a8")],
        [.. Queries.Select(f => ($"{f.Query.Name} {f.Query.Title}", new[] { Median(f.Auto), Median(f.Rows), Median(f.ChDb), Median(f.DuckDb) }))]);

    /// <summary>All times, for programs.</summary>
    public string ToJson() => new JsonObject
    {
        ["events"] = Events.Count,
        ["queries"] = new JsonArray([.. Queries.Select(f => new JsonObject
        {
            ["name"] = f.Query.Name,
            ["auto_ms"] = Times(f.Auto),
            ["with_series_ms"] = Times(f.WithSeries),
            ["rows_ms"] = Times(f.Rows),
            ["chdb_ms"] = Times(f.ChDb),
            ["duckdb_ms"] = Times(f.DuckDb),
        })]),
        ["bars"] = new JsonArray([.. Bars().Select(b => new JsonObject { ["what"] = b.What, ["value"] = double.IsFinite(b.Value) ? b.Value : null, ["max"] = double.IsFinite(b.Max) ? b.Max : null, ["unit"] = b.Unit, ["word"] = b.Word })]),
    }.ToJsonString() + "\n";

    private static JsonArray Times(List<double> times) => new([.. times.Select(t => double.IsFinite(t) ? (JsonNode)Math.Round(t, 3) : null)]);

    private void AddInserts(StringBuilder text)
    {
        if (OneEvent.Count == 0)
        {
            return;
        }

        text.AppendLine().AppendLine("| taking in a million events | CPU s | (min .. max) | wall s | bytes an event | peak MB |").AppendLine("| --- | ---: | ---: | ---: | ---: | ---: |");
        AddPipeline("one event a record", OneEvent);
        AddPipeline($"{BenchOptions.EventsPerRecord} events a record", ManyEvents);
        AddPipeline($"{BenchOptions.EventsPerRecord} events a record, {Median(Sampled, u => u.KeptShare):P0} kept by key", Sampled);
        AddPeer("chDB, ZSTD, batches of 10,000, one thread", ChDb);
        AddPeer("DuckDB, one statement, one thread", DuckDb);

        void AddPipeline(string kind, List<PipelineUsage> runs)
        {
            AddRow($"pipeline, {kind}, up to blocks", runs.Select(r => r.PipelineCpuSeconds), Median(runs, r => r.WallSeconds), null, Median(runs, r => r.PipelineResidentBytesPeak) / (1 << 20));
            AddRow($"broker, {kind} (its topic for events may take {BrokerCpuSecondsMax} in and once out; here the internal log counts too)", runs.Select(r => r.BrokerCpuSeconds), null, null, null);
        }

        void AddPeer(string name, List<InsertUsage> runs)
        {
            if (runs.Count > 0)
            {
                AddRow(name, runs.Select(r => r.CpuSeconds), Median(runs, r => r.WallSeconds), Median(runs, r => r.BytesPerEvent), null);
            }
        }

        void AddRow(string name, IEnumerable<double> cpuSeconds, double? wall, double? bytes, double? peakMb)
        {
            double[] cpu = [.. cpuSeconds.Select(s => s * 1_000_000 / Events.Count).Order()];
            text.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {cpu[cpu.Length / 2]:F2} | {cpu[0]:F2} .. {cpu[^1]:F2} | {Number(wall)} | {Number(bytes)} | {peakMb?.ToString("F0", CultureInfo.InvariantCulture) ?? "-"} |");
        }
    }

    private void AddStored(StringBuilder text)
    {
        if (Stored is { } stored)
        {
            text.AppendLine().AppendLine("| on disk, bytes an event | |").AppendLine("| --- | ---: |");
            text.AppendLine(CultureInfo.InvariantCulture, $"| blocks, of the {stored.SealedShare:P0} of the events that are in one | {stored.BlockBytes:F1} |");
            text.AppendLine(CultureInfo.InvariantCulture, $"| aggregates, trace summaries, manifests, what pages leave empty | {stored.OtherBytes:F1} |");
            text.AppendLine(CultureInfo.InvariantCulture, $"| everything | {stored.AllBytes:F1} |");
        }
    }

    private void AddQueries(StringBuilder text)
    {
        text.AppendLine().AppendLine("| answer, ms: median (best); ours over HTTP, peers in process on one thread | auto | used | with series | on rows | chDB LZ4 | DuckDB | right? auto; rows |");
        text.AppendLine("| --- | ---: | --- | ---: | ---: | ---: | ---: | --- |");
        foreach (QueryFigures f in Queries)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {f.Query.Name} {f.Query.Title} | {Ms(f.Auto)} | {f.AutoUsed} | {Ms(f.WithSeries)} | {Ms(f.Rows)} | {Ms(f.ChDb)} | {Ms(f.DuckDb)} | {Right(f.AutoVerdict)}; {Right(f.RowsVerdict)} |");
        }

        static string Ms(List<double> times) => times.Count == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{Median(times):F1} ({times.Min():F1})");

        static string Right(Verdict verdict) => verdict.IsRight ? verdict.Detail : $"NO: {verdict.Detail}";
    }

    private static string Number(double? number) => number?.ToString("F1", CultureInfo.InvariantCulture) ?? "-";

    /// <summary>NaN of nothing, and when any of the values is.</summary>
    private static double Median(List<double> values) => values.Count == 0 || values.Exists(double.IsNaN) ? double.NaN : values.Order().ElementAt(values.Count / 2);

    private static double Median<T>(List<T> runs, Func<T, double> of) => runs.Select(of).Order().ElementAt(runs.Count / 2);
}
