using System.Text.Json.Nodes;
using StreamObserve.Bench.Compare;
using StreamObserve.Scenario.Harness;

// Measures the pipeline and its answers beside its peers on the same events in one go, everything interleaved.
// Exit code: 0 everything that was measured is within its bar, or over it by no more than the slack; 1 a bar is missed, or an answer is wrong; 2 wrong use.
if (BenchOptions.Read(args, out string problem) is not { } options)
{
    Console.Error.WriteLine(problem);
    return 2;
}

if (Kcat.MissingReason is { } noKcat)
{
    Console.Error.WriteLine(noKcat);
    return 2;
}

EventSet events = EventFiles.Prepare(options);
string records = EventFiles.ManyEventsARecord(options, events);
string[] manyARecord = ["-D", "\\x1e"];
JsonNode? expected = options.ExpectedFile is null ? null : JsonNode.Parse(File.ReadAllText(options.ExpectedFile));
if (expected is not null && (string?)expected["traceId"] != events.TraceId)
{
    Console.Error.WriteLine($"{options.ExpectedFile} is about other events than {events.File}");
    return 2;
}

string text = (string?)expected?["substring"] ?? BenchOptions.TextDefault;
var chdb = new Peer("chDB", "chdb", ["--batch", "0", "--codec", "LZ4"], options);
var duckdb = new Peer("DuckDB", "@duckdb/node-api", [], options);
var report = new BenchReport { Events = events };
report.Skipped.AddRange(new[] { chdb.MissingReason, duckdb.MissingReason }.OfType<string>());
if (chdb.MissingReason is not null)
{
    report.Skipped.Add("without chDB there is nothing to hold CPU and answers on rows against");
}

for (int repetition = 1; repetition <= options.Repetitions && !options.QueriesOnly; repetition++)
{
    await using (PipelineRun one = await PipelineRun.StartAsync(options, events))
    {
        report.OneEvent.Add(await one.FeedAsync(events.File, []));
    }

    Say($"{repetition}: pipeline, one event a record: {report.OneEvent[^1].PipelineCpuSeconds:F2} CPU s, broker {report.OneEvent[^1].BrokerCpuSeconds:F2}, {report.OneEvent[^1].WallSeconds:F1} s");
    if (chdb.MissingReason is null)
    {
        report.ChDb.Add(await chdb.InsertAsync(events));
        Say($"{repetition}: chDB: {report.ChDb[^1].CpuSeconds:F2} CPU s");
    }

    await using (PipelineRun many = await PipelineRun.StartAsync(options, events))
    {
        report.ManyEvents.Add(await many.FeedAsync(records, manyARecord));
    }

    Say($"{repetition}: pipeline, {BenchOptions.EventsPerRecord} events a record: {report.ManyEvents[^1].PipelineCpuSeconds:F2} CPU s, broker {report.ManyEvents[^1].BrokerCpuSeconds:F2}, {report.ManyEvents[^1].WallSeconds:F1} s");
    await using (PipelineRun sampled = await PipelineRun.StartAsync(options, events))
    {
        await sampled.SampleAsync(BenchOptions.SamplingPolicy());
        report.Sampled.Add(await sampled.FeedAsync(records, manyARecord));
    }

    Say($"{repetition}: pipeline, the same, {report.Sampled[^1].KeptShare:P1} kept: {report.Sampled[^1].PipelineCpuSeconds:F2} CPU s, of which head cursors {report.Sampled[^1].HeadCpuSeconds:F2}, deciding {report.Sampled[^1].DecideCpuSeconds:F2}, trailing cursors {report.Sampled[^1].TrailingCpuSeconds:F2}, sealing {report.Sampled[^1].SealCpuSeconds:F2}");
    if (duckdb.MissingReason is null)
    {
        report.DuckDb.Add(await duckdb.InsertAsync(events));
        Say($"{repetition}: DuckDB: {report.DuckDb[^1].CpuSeconds:F2} CPU s");
    }
}

await using (PipelineRun pipeline = await PipelineRun.StartAsync(options, events))
{
    PipelineUsage usage = await pipeline.FeedAsync(records, manyARecord);
    Say($"questions: pipeline has everything in blocks after {usage.WallSeconds:F1} s");
    await using PeerSession? chdbSession = chdb.MissingReason is null ? await chdb.OpenAsync(events, text) : null;
    await using PeerSession? duckdbSession = duckdb.MissingReason is null ? await duckdb.OpenAsync(events, text) : null;
    var bench = new QueryBench(pipeline, events, BenchQuery.All(events, text), chdbSession, duckdbSession);
    report.Queries = await bench.RunAsync(expected?["queries"], options.Rounds);
    Say("waiting for the stores to settle: some minutes");
    report.Stored = await pipeline.SettleAndMeasureAsync();
}

Directory.CreateDirectory(options.ResultsFolder);
string table = report.ToMarkdown();
File.WriteAllText(Path.Combine(options.ResultsFolder, "table.md"), table);
File.WriteAllText(Path.Combine(options.ResultsFolder, "queries.svg"), report.ToSvg());
File.WriteAllText(Path.Combine(options.ResultsFolder, "figures.json"), report.ToJson());
Console.WriteLine(table);
Console.WriteLine($"table.md, queries.svg and figures.json are in {options.ResultsFolder}");
return report.Bars().Any(b => b.IsMissed) || report.Wrong().Any() ? 1 : 0;

void Say(string what) => Console.Error.WriteLine(what);
