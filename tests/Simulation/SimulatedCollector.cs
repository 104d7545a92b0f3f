using System.IO.Hashing;
using System.Text;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;
using StreamObserve.Core.Sampling.SamplingPolicies;

namespace StreamObserve.Simulation;

/// <summary>
/// A dataset's policies of the Collector's types: a route is dropped; errors and what takes long are sampled; so are a percentage and, if there is a limit, so many rows a second.
/// </summary>
internal sealed record SimulatedCollector(string DroppedRoute, long LatencyMs, double Percent, double? RowsPerSecond)
{
    public string ToJson()
    {
        var limit = RowsPerSecond is { } perSecond ? FormattableString.Invariant($$$""",{"name":"limit","type":"rate_limiting","rate_limiting":{"spans_per_second":{{{perSecond}}}}}""") : "";
        return FormattableString.Invariant($$$"""
            "policies":[{"name":"errors","type":"status_code","status_code":{"status_codes":["ERROR"]}},{"name":"slow","type":"latency","latency":{"threshold_ms":{{{LatencyMs}}}}},
              {"name":"drop","type":"drop","drop":{"drop_sub_policy":[{"name":"route","type":"string_attribute","string_attribute":{"key":"route","values":["{{{DroppedRoute}}}"]}}]}},
              {"name":"some","type":"probabilistic","probabilistic":{"sampling_percentage":{{{Percent}}}}}{{{limit}}}]
            """);
    }

    /// <summary>The chance of what asks for the limit to be within it, and the traces that are.</summary>
    public (double Chance, HashSet<string> Within) Limit(IReadOnlyList<(string Id, IReadOnlyList<SimulatedEvent> Rows)> traces, IReadOnlyList<SimulatedEvent> rowsWithoutTrace, double seconds)
    {
        var asking = traces.Where(trace => !IsDropped(trace.Rows)).ToList();
        double total = asking.Sum(trace => trace.Rows.Count) + rowsWithoutTrace.Count(row => !IsDropped([row]));
        var chance = total == 0 || RowsPerSecond is null ? 1 : Math.Min(1, RowsPerSecond.Value * seconds / total);
        var within = new HashSet<string>();
        var at = asking.Aggregate(0UL, (sum, trace) => sum + SimulatedSampler.Hash(trace.Id)) / 2048 / Math.Pow(2, 53);
        foreach (var (id, _) in asking.OrderBy(trace => trace.Rows.Count).ThenBy(trace => SimulatedSampler.Hash(trace.Id)))
        {
            var end = at + chance;
            if (chance == 1 || (long)end != (long)at)
            {
                within.Add(id);
            }

            at = end;
        }

        return (chance, within);
    }

    /// <summary>What a kept trace stands for; 0 when it is not kept.</summary>
    public double RateOfTrace(string id, IReadOnlyList<SimulatedEvent> rows, (double Chance, HashSet<string> Within) limit) =>
        Rate(rows, new ProbabilisticSampler(Percent, NestedSampler.DefaultSalt).Keeps(Encoding.UTF8.GetBytes(id)), RowsPerSecond is not null && limit.Within.Contains(id), limit.Chance);

    /// <summary>What a kept row without a trace stands for; 0 when it is not kept.</summary>
    public double RateOfRow(SimulatedEvent row, ulong place, double chance)
    {
        var salt = (long)XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(NestedSampler.DefaultSalt));
        return Rate([row], CompiledPolicies.Uniform(place, salt) < Percent / 100, RowsPerSecond is not null && CompiledPolicies.Uniform(place, 0) < chance, chance);
    }

    private double Rate(IReadOnlyList<SimulatedEvent> rows, bool isAmongSome, bool isWithin, double chanceOfLimit)
    {
        if (IsDropped(rows))
        {
            return 0;
        }

        var took = rows.Max(row => row.TimeMs + row.DurationMs) - rows.Min(row => row.TimeMs);
        if (took >= LatencyMs || rows.Any(row => row.IsError))
        {
            return 1;
        }

        var chance = 1 - ((1 - (Percent / 100)) * (1 - (RowsPerSecond is null ? 0 : chanceOfLimit)));
        return isAmongSome || isWithin ? 1 / chance : 0;
    }

    private bool IsDropped(IReadOnlyList<SimulatedEvent> rows) => rows.Any(row => row.Route == DroppedRoute);
}
