using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Simulation;

/// <summary>A nested sampler of a rule: its type, percentage or goal, and what its key is made of.</summary>
internal sealed record SimulatedSampler(SamplingActionKind Action, double Number, IReadOnlyList<string> Key, bool UsesTraceLength)
{
    /// <summary>Whether all traces of an epoch are decided together.</summary>
    public bool DecidesByEpoch => Action != SamplingActionKind.Probabilistic;

    public string ToJson() => Action switch
    {
        SamplingActionKind.Probabilistic => Text($"{{\"type\":\"probabilistic\",\"percent\":{Number}}}"),
        SamplingActionKind.Dynamic => Text($"{{\"type\":\"dynamic\",\"goal_rate\":{Number},{KeyJson}}}"),
        _ => Text($"{{\"type\":\"throughput\",\"goal_per_second\":{Number},{KeyJson}}}"),
    };

    /// <summary>The key of these rows.</summary>
    public string KeyOf(IReadOnlyList<SimulatedEvent> rows, bool isTrace)
    {
        var key = new StringBuilder();
        foreach (var field in Key.Order(StringComparer.Ordinal).Where(field => !field.StartsWith("root.", StringComparison.Ordinal)))
        {
            key.AppendJoin("", rows.Select(row => ValueOf(row, field)).Distinct().Order(StringComparer.Ordinal).Select(value => value + "•")).Append(',');
        }

        foreach (var field in Key.Order(StringComparer.Ordinal).Where(field => field.StartsWith("root.", StringComparison.Ordinal)))
        {
            key.AppendJoin("", rows.Where(row => row.IsRoot || !isTrace).Select(row => ValueOf(row, field["root.".Length..])).Order(StringComparer.Ordinal).Take(1).Select(value => value + ","));
        }

        return UsesTraceLength ? Text($"{key}{rows.Count}") : key.ToString();
    }

    /// <summary>What is kept of an epoch: of traces the ids and what each stands for, of rows without a trace what a kept one stands for, by key.</summary>
    public (Dictionary<string, double> Traces, Dictionary<string, double> Rows) Decide(
        IReadOnlyList<(string Id, string Key, int Rows)> traces, IReadOnlyDictionary<string, int> rowsWithoutTrace, double seconds)
    {
        var kept = new Dictionary<string, double>();
        string[] keys = [.. traces.Select(trace => trace.Key).Union(rowsWithoutTrace.Keys).Order(StringComparer.Ordinal)];
        long[] counts = [.. keys.Select(key => traces.Where(trace => trace.Key == key).Sum(trace => (long)trace.Rows) + rowsWithoutTrace.GetValueOrDefault(key))];
        double[] rates = Action == SamplingActionKind.Throughput
            ? Array.ConvertAll(KeyGoals.Shares(counts, Number * seconds), share => 1 / share)
            : KeyGoals.Rates(counts, Number);

        // Each trace's part of the line, in the order of key, size and hash; kept is who has one of the marks at a whole number, once the line begins at the start.
        var start = traces.Aggregate(0UL, (sum, trace) => sum + Hash(trace.Id)) / 2048 / Math.Pow(2, 53);
        foreach (var (id, key, _) in traces.OrderBy(trace => trace.Key, StringComparer.Ordinal).ThenBy(trace => trace.Rows).ThenBy(trace => Hash(trace.Id)))
        {
            var rate = rates[Array.IndexOf(keys, key)];
            if (rate == 1)
            {
                kept.Add(id, 1);
                continue;
            }

            var end = start + (1 / rate);
            if ((long)end != (long)start)
            {
                kept.Add(id, rate);
            }

            start = end;
        }

        return (kept, keys.Zip(rates).ToDictionary());
    }

    private string KeyJson => $"\"key\":[{string.Join(',', Key.Select(name => $"\"{name}\""))}],\"use_trace_length\":{(UsesTraceLength ? "true" : "false")}";

    private static string ValueOf(SimulatedEvent row, string field) => field switch
    {
        "route" => row.Route,
        _ => row.DurationMs.ToString(CultureInfo.InvariantCulture),
    };

    internal static ulong Hash(string id) => TraceKey.Of(id) is var key ? XxHash3.HashToUInt64(MemoryMarshal.AsBytes((ReadOnlySpan<ulong>)[key.High, key.Low])) : 0;

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
