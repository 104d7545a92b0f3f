using System.Globalization;
using System.Text;
using StreamObserve.Bench.Compare;
using StreamObserve.Scenario.Harness;

// Measures the pipeline beside its peers on the same events in one go, the kinds of run interleaved, and prints medians.
// Exit code: 0 measured and within the budget, or nothing to hold it against; 1 over the budget; 2 wrong use.
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

string lines = EventFiles.OneEventALine(options);
string records = EventFiles.ManyEventsARecord(options, lines);
var chdb = new Peer("chDB", "chdb", options);
var duckdb = new Peer("DuckDB", "@duckdb/node-api", options);
var oneEvent = new List<PipelineUsage>();
var manyEvents = new List<PipelineUsage>();
var chdbInserts = new List<InsertUsage>();
var duckdbInserts = new List<InsertUsage>();
for (int repetition = 1; repetition <= options.Repetitions; repetition++)
{
    bool isLast = repetition == options.Repetitions;
    oneEvent.Add(await PipelineRun.MeasureAsync(options, lines, [], asksQuestions: isLast));
    Say($"{repetition}: pipeline, one event a record: {oneEvent[^1].PipelineCpuSeconds:F2} CPU s, broker {oneEvent[^1].BrokerCpuSeconds:F2}, {oneEvent[^1].WallSeconds:F1} s");
    if (chdb.MissingReason is null)
    {
        chdbInserts.Add(await chdb.InsertAsync(lines));
        Say($"{repetition}: chDB: {chdbInserts[^1].CpuSeconds:F2} CPU s");
    }

    manyEvents.Add(await PipelineRun.MeasureAsync(options, records, ["-D", "\\x1e"], asksQuestions: false));
    Say($"{repetition}: pipeline, {BenchOptions.EventsPerRecord} events a record: {manyEvents[^1].PipelineCpuSeconds:F2} CPU s, broker {manyEvents[^1].BrokerCpuSeconds:F2}, {manyEvents[^1].WallSeconds:F1} s");
    if (duckdb.MissingReason is null)
    {
        duckdbInserts.Add(await duckdb.InsertAsync(lines));
        Say($"{repetition}: DuckDB: {duckdbInserts[^1].CpuSeconds:F2} CPU s");
    }
}

string table = await MakeTableAsync();
Console.WriteLine(table);
Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(options.ResultsFile))!);
File.WriteAllText(options.ResultsFile, table);
foreach (string skipped in new[] { chdb.MissingReason, duckdb.MissingReason }.OfType<string>())
{
    Console.WriteLine(skipped);
}

if (chdbInserts.Count == 0)
{
    Console.WriteLine("no ratio: without chDB there is nothing to hold the pipeline against");
    return 0;
}

double ratio = Median(oneEvent, u => u.PipelineCpuSeconds) / Median(chdbInserts, u => u.CpuSeconds);
double brokerCpu = PerMillion(Median(oneEvent, u => u.BrokerCpuSeconds));
bool isWithin = ratio <= BenchOptions.PipelineShareMax;
bool isBrokerWithin = brokerCpu <= BenchOptions.BrokerCpuSecondsPerMillionMax;
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"pipeline / chDB = {ratio:F2}, at most {BenchOptions.PipelineShareMax}: {(isWithin ? "pass" : "FAIL")}"));
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"broker, all topics = {brokerCpu:F2} CPU s per million (budget {BenchOptions.BrokerCpuSecondsPerMillionMax} for `events` in and once out): {(isBrokerWithin ? "pass" : "over")}"));
return isWithin ? 0 : 1;

void Say(string what) => Console.Error.WriteLine(what);

double PerMillion(double seconds) => seconds * 1_000_000 / options.Events;

async Task<string> MakeTableAsync()
{
    var text = new StringBuilder();
    text.AppendLine(CultureInfo.InvariantCulture, $"{options.Events:N0} events, medians of {options.Repetitions} interleaved runs, CPU = user + system of all threads");
    text.AppendLine();
    text.AppendLine("| taking in a million events | CPU s | (min .. max) | wall s | bytes an event | peak MB |");
    text.AppendLine("| --- | ---: | ---: | ---: | ---: | ---: |");
    AddPipeline("one event a record", oneEvent);
    AddPipeline($"{BenchOptions.EventsPerRecord} events a record", manyEvents);
    AddInserts("chDB, ZSTD, batches of 10,000, one thread", chdbInserts);
    AddInserts("DuckDB, one statement, one thread", duckdbInserts);
    text.AppendLine();
    Dictionary<string, double> chdbMs = chdbInserts.Count > 0 ? await chdb.AskAsync() : [];
    Dictionary<string, double> duckdbMs = duckdbInserts.Count > 0 ? await duckdb.AskAsync() : [];
    text.AppendLine("| answer, ms (median of 5, warm; ours over HTTP, peers in process on one thread) | StreamObserve | chDB | DuckDB |");
    text.AppendLine("| --- | ---: | ---: | ---: |");
    foreach ((string question, double ms) in oneEvent[^1].AnswerMs)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"| {question} | {ms:F1} | {Ms(chdbMs, question)} | {Ms(duckdbMs, question)} |");
    }

    return text.ToString();

    void AddPipeline(string kind, List<PipelineUsage> runs)
    {
        AddRow($"pipeline, {kind}, up to blocks", runs.Select(r => r.PipelineCpuSeconds), Median(runs, r => r.WallSeconds), Median(runs, r => (double)r.DataBytes / options.Events), Median(runs, r => r.PipelineResidentBytesPeak) / (1 << 20));
        AddRow($"broker, {kind}", runs.Select(r => r.BrokerCpuSeconds), null, null, null);
    }

    void AddInserts(string name, List<InsertUsage> runs)
    {
        if (runs.Count > 0)
        {
            AddRow(name, runs.Select(r => r.CpuSeconds), Median(runs, r => r.WallSeconds), Median(runs, r => r.BytesPerEvent), null);
        }
    }

    void AddRow(string name, IEnumerable<double> cpuSeconds, double? wall, double? bytes, double? peakMb)
    {
        double[] cpu = [.. cpuSeconds.Select(PerMillion).Order()];
        text.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {cpu[cpu.Length / 2]:F2} | {cpu[0]:F2} .. {cpu[^1]:F2} | {Number(wall)} | {Number(bytes)} | {peakMb?.ToString("F0", CultureInfo.InvariantCulture) ?? "-"} |");
    }
}

static string Ms(Dictionary<string, double> answers, string question) => Number(answers.TryGetValue(question, out double ms) ? ms : null);

static string Number(double? number) => number?.ToString("F1", CultureInfo.InvariantCulture) ?? "-";

static double Median<T>(List<T> runs, Func<T, double> of) => runs.Select(of).Order().ElementAt(runs.Count / 2);
