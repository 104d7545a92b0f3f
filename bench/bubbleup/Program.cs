using System.Diagnostics;
using System.Globalization;
using StreamObserve.Bench.BubbleUp;
using StreamObserve.Bench.Generator;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Execution;

// How well and how fast a comparison of a selection with the rest finds what was planted, on the Core code alone.
//   dotnet run --project bench/bubbleup -c Release -- [--events N] [--verbose] SEED...          the bench file's incident
//   dotnet run --project bench/bubbleup -c Release -- --file FILE --from T --to T [--start T --end T] --where CONDITION     any file of events
const string Usage = "usage: [--events N] [--verbose] SEED... | --file FILE --where CONDITION [--query CONDITION] [--start NS] [--end NS]";
long events = 1_000_000;
bool verbose = false;
string? file = null, where = null, query = null;
long? start = null, end = null;
var seeds = new List<ulong>();
for (int i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--verbose":
            verbose = true;
            break;
        case "--events" when i + 1 < args.Length && long.TryParse(args[i + 1], out events):
            i++;
            break;
        case "--file" when i + 1 < args.Length:
            file = args[++i];
            break;
        case "--where" when i + 1 < args.Length:
            where = args[++i];
            break;
        case "--query" when i + 1 < args.Length:
            query = args[++i];
            break;
        case "--start" when i + 1 < args.Length:
            start = long.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case "--end" when i + 1 < args.Length:
            end = long.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case var number when ulong.TryParse(number, out ulong seed):
            seeds.Add(seed);
            break;
        default:
            Console.Error.WriteLine(Usage);
            return 2;
    }
}

if (file is not null)
{
    using var rows = new Rows(sealBlocks: false);
    using (FileStream stream = File.OpenRead(file))
    {
        stream.CopyTo(rows);
    }

    rows.Finish();
    Runs.Print(Runs.Compare(rows.Segments, query, null, new BubbleUpSelection(start, end, Runs.Condition(where!))), 12);
    return 0;
}

bool found = true;
foreach (ulong seed in seeds)
{
    using var rows = new Rows(sealBlocks: true);
    var generator = new EventGenerator(GeneratorOptions.Default with { Events = events, Seed = seed });
    generator.WriteTo(rows);
    rows.Finish();
    Incident incident = generator.Truth.Incident;
    (long from, long to) = (Runs.Ns(incident.From), Runs.Ns(incident.To));
    Condition slow = Runs.Condition("duration_ms > 2000")!;
    found &= Runs.Report(seed, "five minutes", rows.Segments, (from, to), new(null, null, slow), incident, verbose);
    found &= Runs.Report(seed, "box in the hour", rows.Segments, null, new(from, to, slow), incident, verbose);
    found &= Runs.Report(seed, "errors, five minutes", rows.Segments, (from, to), new(null, null, Runs.Condition("error = true")), incident, verbose);
    found &= Runs.Report(seed, "slow in the hour", rows.Segments, null, new(null, null, slow), incident, verbose);
}

return found ? 0 : 1;
