using System.Diagnostics;
using System.Globalization;
using StreamObserve.Bench.Micro;

// Microseconds, allocated bytes and bytes put out, an event, of each step of the hot path; the best of several passes on one thread.
//   dotnet run --project bench/micro -c Release -- [EVENTS = 160000] [PASSES = 7]
// With `queries` in front: milliseconds of the questions of bench/compare over rows (EVENTS = 1000000). With `cursors`: what head and trailing cursor take, keeping all and a tenth.
// Exit code: 0 within the allocation budgets, 1 past one, 2 wrong use. Times have no budget: they are the machine's.
string? mode = args is ["queries" or "cursors", ..] ? args[0] : null;
args = mode is null ? args : args[1..];
long events = mode == "queries" ? 1_000_000 : 160_000;
int passes = 7;
if (args.Length > 2 || (args.Length > 0 && !long.TryParse(args[0], out events)) || (args.Length > 1 && !int.TryParse(args[1], out passes)) || events < 1_000 || passes < 2)
{
    Console.Error.WriteLine("usage: [queries|cursors] [EVENTS, 1000 or more] [PASSES, 2 or more]");
    return 2;
}

switch (mode)
{
    case "queries":
        return QueryBench.Run(events, passes) ? 0 : 1;
    case "cursors":
        CursorBench.Run(events, passes);
        return 0;
}

// Bytes allocated an event, at most. What a step gives away (log records, decoded columns, blocks) is allocated; what it works in is lent or its own.
var budgets = new Dictionary<string, double> { ["decode"] = 8, ["encode a batch"] = 80, ["read a batch"] = 260, ["fold"] = 400, ["merge folds"] = 1000, ["seal"] = 120 };
using var path = new HotPath(events);
var best = new Dictionary<string, double>();
Steps last = new();
for (int pass = 0; pass < passes; pass++)
{
    last = new Steps();
    path.Run(last);
    foreach (var (name, step) in last.All)
    {
        best[name] = Math.Min(best.GetValueOrDefault(name, double.MaxValue), step.Ticks * 1e6 / Stopwatch.Frequency / events);
    }
}

Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{events:N0} events, best of {passes} passes, one thread; an event:"));
Console.WriteLine("| step | us | allocated, bytes | at most | put out, bytes |");
Console.WriteLine("| --- | ---: | ---: | ---: | ---: |");
bool isWithin = true;
foreach (var (name, step) in last.All)
{
    double allocated = (double)step.Allocated / events;
    isWithin &= allocated <= budgets[name];
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {best[name]:F3} | {allocated:F0} | {budgets[name]:F0} | {(double)step.Bytes / events:F1} |"));
}

Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| all | {best.Values.Sum():F3} | {last.All.Values.Sum(step => (double)step.Allocated) / events:F0} | - | - |"));
return isWithin ? 0 : 1;
