using System.Runtime.InteropServices;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>
/// Decides the traces of one epoch and partition whose dataset's policies have limits, all of them together: how much asks for each budget is known then. Who is within one is found by
/// <see cref="SystematicLine"/>, so budgets are met and each trace has the chance that its weight says. A function of what was added, in any order. For one epoch, single-threaded.
/// </summary>
public sealed class EpochLimits
{
    private readonly Dictionary<(int Version, string Policy), Asking> _asking = [];

    /// <summary>Adds a trace.</summary>
    public void AddTrace(CompiledPolicies policies, TraceKey trace, in TraceSummary summary) =>
        Of(policies, summary.PolicyVersion).Traces.Add(new(new(trace, summary.RowCount), policies.LeavesOf(summary), summary.Bytes));

    /// <summary>Adds rows that have no trace, all with the same leaves.</summary>
    /// <param name="policies">Theirs.</param>
    /// <param name="version">The policy version.</param>
    /// <param name="leaves">Their leaves (<see cref="CompiledPolicies.LeavesOfRow"/>).</param>
    /// <param name="amount">How many rows, or bytes.</param>
    /// <param name="ofBytes">Whether the amount is of bytes.</param>
    public void AddRows(CompiledPolicies policies, int version, ConditionBits leaves, long amount, bool ofBytes) =>
        Of(policies, version).Rows.Add((leaves, amount, ofBytes));

    /// <summary>Decides.</summary>
    /// <param name="secondsOf">For how long of the epoch, in log time, a policy version is in force.</param>
    /// <param name="partitions">How many share a budget: traces are spread over them evenly.</param>
    /// <param name="decided">Takes the decision on each trace.</param>
    /// <param name="chances">Takes, for each limit, one over the chance of those asked about to be within it.</param>
    public void Decide(Func<int, double> secondsOf, int partitions, Action<TraceKey, SamplingDecision> decided, Action<SampledGroup, double> chances)
    {
        foreach (var ((version, policy), asking) in _asking)
        {
            var ofLimits = new double[asking.Policies.Limits];
            var traces = CollectionsMarshal.AsSpan(asking.Traces);
            traces.Sort();
            for (var limit = 0; limit < ofLimits.Length; limit++)
            {
                ofLimits[limit] = DecideLimit(asking, traces, limit, ofLimits, secondsOf(version) / partitions);
                chances(new(version, policy, (short)limit, ""), 1 / ofLimits[limit]);
            }

            var left = new PolicyChances(ofLimits);
            foreach (ref var trace in traces)
            {
                decided(trace.Place.Trace, asking.Policies.Decide(trace.Leaves, trace.Limits, left));
            }
        }
    }

    /// <summary>Finds who is within a limit; returns the chance of each that is asked about.</summary>
    private static double DecideLimit(Asking asking, Span<Trace> traces, int limit, double[] chances, double seconds)
    {
        var policies = asking.Policies;
        var (_, perSecond, ofBytes) = policies.LimitOf(limit);
        var total = 0d;
        var hash = 0UL;
        foreach (ref var trace in traces)
        {
            if (policies.IsAsked(limit, trace.Leaves, trace.Limits))
            {
                total += ofBytes ? trace.Bytes : trace.Place.Rows;
                hash += trace.Place.Hash;
            }
        }

        foreach (var (leaves, amount, amountOfBytes) in asking.Rows)
        {
            total += amountOfBytes == ofBytes ? amount * policies.ChanceOfAsked(limit, leaves, chances) : 0;
        }

        var chance = total == 0 ? 1 : Math.Min(1, perSecond * seconds / total);
        var line = new SystematicLine(hash, limit);
        foreach (ref var trace in traces)
        {
            if (policies.IsAsked(limit, trace.Leaves, trace.Limits) && line.Keeps(chance))
            {
                trace.Limits |= 1u << limit;
            }
        }

        return chance;
    }

    private Asking Of(CompiledPolicies policies, int version)
    {
        ref var of = ref CollectionsMarshal.GetValueRefOrAddDefault(_asking, (version, policies.Policy), out _);
        return of ??= new(policies);
    }

    private sealed class Asking(CompiledPolicies policies)
    {
        public CompiledPolicies Policies { get; } = policies;

        public List<Trace> Traces { get; } = [];

        public List<(ConditionBits Leaves, long Amount, bool OfBytes)> Rows { get; } = [];
    }

    private struct Trace(PlaceOnLine place, ConditionBits leaves, long bytes) : IComparable<Trace>
    {
        public readonly PlaceOnLine Place => place;

        public readonly ConditionBits Leaves => leaves;

        public readonly long Bytes => bytes;

        public uint Limits { get; set; }

        public readonly int CompareTo(Trace other) => Place.CompareTo(other.Place);
    }
}
