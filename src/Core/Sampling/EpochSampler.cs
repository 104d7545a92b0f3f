using System.Runtime.InteropServices;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Sampling;

/// <summary>What a dynamic or throughput sampler tells apart: a rule of a dataset's policy, in a version of it, and a key.</summary>
/// <param name="Version">The policy version.</param>
/// <param name="Policy">The dataset whose policy it is, or <see cref="SamplingPolicy.DefaultDataset"/>.</param>
/// <param name="Rule">The rule's index.</param>
/// <param name="Key">The key.</param>
public readonly record struct SampledGroup(int Version, string Policy, short Rule, string Key)
{
    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Key, Policy, Rule, Version);
}

/// <summary>
/// Decides the traces of one epoch and partition that dynamic and throughput samplers were asked about, all of them together: how many of each key there are is known then, so goals are met,
/// not approached. Rows without a trace are kept by the hash of their place. A function of what was added, in any order. For one epoch, single-threaded.
/// </summary>
/// <remarks>
/// Traces are chosen by <see cref="SystematicLine"/>, in the order of their keys and within a key of their sizes: each is kept with just the probability that its weight says, and traces of all
/// sizes in their proportion, so that goals in rows are met.
/// </remarks>
public sealed class EpochSampler
{
    private readonly Dictionary<SampledGroup, EpochGroup> _groups = [];

    /// <summary>The traces and rows of a group, to add to.</summary>
    public EpochGroup Of(in SampledGroup group, NestedSampler sampler)
    {
        ref var of = ref CollectionsMarshal.GetValueRefOrAddDefault(_groups, group, out _);
        return of ??= new(sampler);
    }

    /// <summary>Decides.</summary>
    /// <param name="secondsOf">For how long of the epoch, in log time, a policy version is in force.</param>
    /// <param name="partitions">How many share a throughput goal: traces are spread over them evenly.</param>
    /// <param name="decided">Takes the decision on each trace.</param>
    /// <returns>Of the groups, what a kept row without a trace stands for.</returns>
    public Dictionary<SampledGroup, double> Decide(Func<int, double> secondsOf, int partitions, Action<TraceKey, SamplingDecision> decided)
    {
        var rates = new Dictionary<SampledGroup, double>();
        foreach (var sampler in _groups.GroupBy(group => group.Key with { Key = "" }))
        {
            var keys = sampler.OrderBy(group => group.Key.Key, StringComparer.Ordinal).ToArray();
            var nested = keys[0].Value.Sampler;
            var rows = Array.ConvertAll(keys, key => key.Value.Rows);
            var ofKeys = nested.Action == SamplingActionKind.Throughput
                ? Array.ConvertAll(KeyGoals.Shares(rows, nested.GoalPerSecond * secondsOf(sampler.Key.Version) / partitions), share => 1 / share)
                : KeyGoals.Rates(rows, nested.Rate);
            var reason = nested.Action == SamplingActionKind.Throughput ? SamplingReason.ThroughputSampler : SamplingReason.DynamicSampler;
            var line = new SystematicLine(HashOf(keys));
            for (var key = 0; key < keys.Length; key++)
            {
                var rate = ofKeys[key];
                rates.Add(keys[key].Key, rate);
                var traces = CollectionsMarshal.AsSpan(keys[key].Value.Traces);
                traces.Sort();
                foreach (ref readonly var trace in traces)
                {
                    decided(trace.Trace, new SamplingDecision(line.Keeps(1 / rate), rate, reason, keys[key].Key.Rule));
                }
            }
        }

        return rates;
    }

    private static ulong HashOf(KeyValuePair<SampledGroup, EpochGroup>[] keys)
    {
        var hash = 0UL;
        foreach (var key in keys)
        {
            foreach (var trace in key.Value.Traces)
            {
                hash += trace.Hash;
            }
        }

        return hash;
    }
}

/// <summary>What an <see cref="EpochSampler"/> knows of a group. Single-threaded.</summary>
public sealed class EpochGroup
{
    internal EpochGroup(NestedSampler sampler) => Sampler = sampler;

    internal NestedSampler Sampler { get; }

    internal List<PlaceOnLine> Traces { get; } = [];

    internal long Rows { get; private set; }

    /// <summary>Adds a trace of so many rows.</summary>
    public void AddTrace(TraceKey trace, long rows)
    {
        Rows += rows;
        Traces.Add(new(trace, rows));
    }

    /// <summary>Adds rows that have no trace.</summary>
    public void AddRows(long rows) => Rows += rows;
}
