using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;
using StreamObserve.Core.Sampling.SamplingPolicies;

namespace StreamObserve.Core.Tests.Sampling.SamplingPolicies;

/// <summary>Policies of the Collector's types and the traces that they are asked about, from JSON, for tests.</summary>
internal static class CollectorTraces
{
    /// <summary>A dataset's policies from the array.</summary>
    public static CompiledSamplingPolicy Compile(string policies) => Core.Tests.Sampling.Policies.Set(("__default__", $$$"""{"policies":{{{policies}}}}""")).Compiled;

    /// <summary>A policy of a type with its settings; none where they are empty.</summary>
    public static string Policy(string type, string settings, string name = "p") =>
        settings.Length == 0 ? $$$"""{"name":"{{{name}}}","type":"{{{type}}}"}""" : $$$"""{"name":"{{{name}}}","type":"{{{type}}}","{{{type}}}":{{{settings}}}}""";

    /// <summary>The summary of a trace whose rows are a JSON array of flat events, with <c>at</c> (ms) and <c>duration_ms</c>. The first row is the root.</summary>
    public static TraceSummary Summary(CompiledSamplingPolicy compiled, string rows, string traceId = "0102030405060708090a0b0c0d0e0f10", int bytes = 0)
    {
        var summary = default(TraceSummary);
        var isRoot = true;
        foreach (var element in JsonDocument.Parse(rows).RootElement.EnumerateArray())
        {
            var fields = element.EnumerateObject().Where(field => field.Value.ValueKind != JsonValueKind.Null).ToDictionary(field => field.Name, field => Core.Tests.Sampling.Policies.Value(field.Value.GetRawText()));
            var start = fields.TryGetValue("at", out var at) ? (long)(at.AsDouble * 1e6) : 0;
            var bits = compiled.BitsOf(new TestRow(isRoot, fields));
            for (var i = 0; i < compiled.Probabilistic.Count; i++)
            {
                bits = compiled.Probabilistic[i].Keeps(System.Text.Encoding.UTF8.GetBytes(traceId)) ? bits.With(CompiledSamplingPolicy.ProbabilisticBit(i)) : bits;
            }

            summary.Fold(
                new TraceContribution
                {
                    PolicyVersion = compiled.Version,
                    RowCount = 1,
                    Bits = bits,
                    EarliestStartNs = start,
                    LatestEndNs = start + (fields.TryGetValue("duration_ms", out var duration) ? (long)(duration.AsDouble * 1e6) : 0),
                    Bytes = bytes,
                    RootDataset = isRoot ? 0 : TraceSummary.NoDataset,
                },
                windowMs: 1000);
            isRoot = false;
        }

        return summary;
    }

    /// <summary>The decision of policies without limits on a trace.</summary>
    public static SamplingDecision Decide(string policies, string rows, string traceId = "0102030405060708090a0b0c0d0e0f10")
    {
        var compiled = Compile(policies);
        return compiled.Decide(Summary(compiled, rows, traceId), "any");
    }

    /// <summary>Decides an epoch of one second of traces on one partition.</summary>
    public static Dictionary<TraceKey, SamplingDecision> DecideEpoch(CompiledSamplingPolicy compiled, IReadOnlyList<(TraceKey Key, TraceSummary Summary)> traces, int partitions = 1)
    {
        var policies = compiled.RulesFor("any").Policies!;
        var limits = new EpochLimits();
        foreach (var (key, summary) in traces)
        {
            limits.AddTrace(policies, key, summary);
        }

        var decided = new Dictionary<TraceKey, SamplingDecision>();
        limits.Decide(_ => 1, partitions, decided.Add, (_, _) => { });
        return decided;
    }
}
