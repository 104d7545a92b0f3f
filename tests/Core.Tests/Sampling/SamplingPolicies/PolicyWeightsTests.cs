using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling.SamplingPolicies;

/// <summary>What a kept trace stands for where policies leave something to chance.</summary>
public class PolicyWeightsTests
{
    private const string Errors = """{"name":"errors","type":"status_code","status_code":{"status_codes":["ERROR"]}}""";

    [Theory]
    [InlineData("""[{"error":true}]""", 1)]
    [InlineData("[{}]", 10)]
    public void WhoIsKeptForWhatItIsStandsForItselfAlone(string rows, double rate)
    {
        var kept = Kept($"[{Errors},{Chance(10)}]", rows);
        Assert.All(kept, decision => Assert.Equal(rate, decision.Rate, 1e-9));
        Assert.InRange(kept.Count, (2000 / rate * 0.85) - 1, 2000 / rate * 1.15);
    }

    [Theory]
    [InlineData("same", "same", 0.5)]                 // the greater share holds the smaller
    [InlineData("one", "other", 0.6)]                 // 1 - 0.5 * 0.8
    public void TwoSharesAreOneChance(string salt, string other, double chance) =>
        CheckChance($"[{Chance(50, salt, "a")},{Chance(20, other, "b")}]", chance);

    [Theory]
    [InlineData("same", "same", 0.2)]
    [InlineData("one", "other", 0.1)]
    public void SharesOfShares(string salt, string other, double chance) =>
        CheckChance($$$"""[{"name":"and","type":"and","and":{"and_sub_policy":[{{{Chance(50, salt, "a")}}},{{{Chance(20, other, "b")}}}]}}]""", chance);

    [Fact]
    public void WhatAShareLeavesOut() => CheckChance($$$"""[{"name":"n","type":"not","not":{"not_sub_policy":{{{Chance(70)}}}}}]""", 0.3);

    [Fact]
    public void DropsByChanceAreStoodForByThoseThatAreLeft()
    {
        var policies = $$$"""[{"name":"d","type":"drop","drop":{"drop_sub_policy":[{{{Chance(75)}}}]}},{"name":"all","type":"always_sample"}]""";
        CheckChance(policies, 0.25);
        Assert.All(Decisions(policies, "[{}]").Where(decision => !decision.Keep), decision => Assert.Equal((SamplingReason.Policy, false), (decision.Reason, decision.IsUncountedDrop)));
    }

    [Fact]
    public void RowsWithoutATraceHaveTheSameChances()
    {
        var compiled = CollectorTraces.Compile($"[{Errors},{Chance(50, "one", "a")},{Chance(20, "other", "b")}]");
        var kept = Enumerable.Range(0, 20_000).Select(i => compiled.DecideRow(default, 0, "any", partition: 1, offset: i / 100, rowIndex: i % 100)).Where(decision => decision.Keep).ToList();
        Assert.All(kept, decision => Assert.Equal(1 / 0.6, decision.Rate, 1e-9));
        Assert.InRange(kept.Count, 11_700, 12_300);
    }

    [Fact]
    public void ALimitIsReachedInWholeTracesAndEachHasTheSameChance()
    {
        var compiled = CollectorTraces.Compile("""[{"name":"l","type":"rate_limiting","rate_limiting":{"spans_per_second":1200}}]""");
        var traces = Traces(compiled, 3000, rows: i => 1 + (i % 3));
        var decided = CollectorTraces.DecideEpoch(compiled, traces);
        var kept = traces.Where(trace => decided[trace.Key].Keep).ToList();
        Assert.All(kept, trace => Assert.Equal(5, decided[trace.Key].Rate, 1e-9));
        Assert.InRange(kept.Sum(trace => trace.Summary.RowCount), 1195, 1205);
        Assert.Equal(Describe(decided), Describe(CollectorTraces.DecideEpoch(compiled, [.. Enumerable.Reverse(traces)])));
    }

    [Fact]
    public void ALimitOfBytesCountsBytes()
    {
        var compiled = CollectorTraces.Compile("""[{"name":"l","type":"bytes_limiting","bytes_limiting":{"bytes_per_second":150000,"burst_capacity":300000}}]""");
        var traces = Traces(compiled, 3000, rows: _ => 1, bytes: 100);
        var decided = CollectorTraces.DecideEpoch(compiled, traces);
        Assert.InRange(decided.Values.Count(decision => decision.Keep), 1499, 1501);
    }

    [Fact]
    public void PartitionsShareALimit()
    {
        var compiled = CollectorTraces.Compile("""[{"name":"l","type":"rate_limiting","rate_limiting":{"spans_per_second":400}}]""");
        var traces = Traces(compiled, 1000, rows: _ => 1);
        Assert.InRange(CollectorTraces.DecideEpoch(compiled, traces, partitions: 4).Values.Count(decision => decision.Keep), 99, 101);
    }

    [Fact]
    public void BelowALimitAllAreKept()
    {
        var compiled = CollectorTraces.Compile("""[{"name":"l","type":"rate_limiting","rate_limiting":{"spans_per_second":100}}]""");
        Assert.All(CollectorTraces.DecideEpoch(compiled, Traces(compiled, 100, rows: _ => 1)).Values, decision => Assert.Equal((true, 1d), (decision.Keep, decision.Rate)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ALimitAmongPartsIsSharedByWhatTheOthersSample(bool limitFirst)
    {
        const string Limit = """{"name":"limit","type":"rate_limiting","rate_limiting":{"spans_per_second":50}}""";
        var parts = limitFirst ? $"{Limit},{Errors}" : $"{Errors},{Limit}";
        var compiled = CollectorTraces.Compile($$$"""[{"name":"some errors","type":"and","and":{"and_sub_policy":[{{{parts}}}]}}]""");
        var traces = Traces(compiled, 1000, rows: _ => 1, row: i => i % 5 == 0 ? """{"error":true}""" : "{}");
        var decided = CollectorTraces.DecideEpoch(compiled, traces);
        Assert.InRange(decided.Values.Count(decision => decision.Keep), 49, 51);
        Assert.All(decided.Values.Where(decision => decision.Keep), decision => Assert.Equal(4, decision.Rate, 1e-9));
        Assert.Equal(800, decided.Values.Count(decision => decision.IsUncountedDrop));
    }

    [Fact]
    public void WhatIsDroppedUsesNoLimitUp()
    {
        var compiled = CollectorTraces.Compile(
            """[{"name":"l","type":"rate_limiting","rate_limiting":{"spans_per_second":50}},{"name":"d","type":"drop","drop":{"drop_sub_policy":[{"name":"h","type":"boolean_attribute","boolean_attribute":{"key":"health","value":true}}]}}]""");
        var traces = Traces(compiled, 1000, rows: _ => 1, row: i => i % 2 == 0 ? """{"health":true}""" : "{}");
        var decided = CollectorTraces.DecideEpoch(compiled, traces);
        Assert.InRange(decided.Values.Count(decision => decision.Keep), 49, 51);
        Assert.All(decided.Values.Where(decision => decision.Keep), decision => Assert.Equal(10, decision.Rate, 1e-9));
    }

    [Fact]
    public void ACompositeGivesEachPartItsShare()
    {
        var compiled = CollectorTraces.Compile($$$"""
            [{"name":"c","type":"composite","composite":{"max_total_spans_per_second":1000,"policy_order":["errors","slow","rest"],
              "composite_sub_policy":[{"name":"rest","type":"always_sample"},{{{Errors}}},{"name":"slow","type":"latency","latency":{"threshold_ms":500}}],
              "rate_allocation":[{"policy":"errors","percent":50},{"policy":"slow","percent":25},{"policy":"rest","percent":25}]}}]
            """);
        var traces = Traces(compiled, 10_000, rows: _ => 1, row: i => (i % 10) switch { 0 => """{"error":true,"duration_ms":900}""", 1 => """{"duration_ms":900}""", _ => "{}" });
        var decided = CollectorTraces.DecideEpoch(compiled, traces);
        var rules = compiled.RulesFor("any");
        var byName = decided.Values.Where(decision => decision.Keep).GroupBy(decision => rules.RuleNameOf(decision)).ToDictionary(group => group.Key, group => (Count: group.Count(), group.First().Rate));
        Assert.Equal(["c/errors", "c/rest", "c/slow"], byName.Keys.Order());
        Assert.InRange(byName["c/errors"].Count, 499, 501);
        Assert.InRange(byName["c/slow"].Count, 249, 251);
        Assert.InRange(byName["c/rest"].Count, 249, 251);
        Assert.Equal((2d, 4d, 32d), (byName["c/errors"].Rate, byName["c/slow"].Rate, byName["c/rest"].Rate));
    }

    [Theory]
    [InlineData("""[{"name":"l","type":"rate_limiting","rate_limiting":{"spans_per_second":400}},ERRORS,CHANCE]""")]
    [InlineData("""[{"name":"a","type":"and","and":{"and_sub_policy":[CHANCE,{"name":"l","type":"rate_limiting","rate_limiting":{"spans_per_second":90}}]}},{"name":"m","type":"rate_limiting","rate_limiting":{"spans_per_second":200}}]""")]
    [InlineData("""[{"name":"d","type":"drop","drop":{"drop_sub_policy":[{"name":"l","type":"rate_limiting","rate_limiting":{"spans_per_second":300}}]}},{"name":"m","type":"rate_limiting","rate_limiting":{"spans_per_second":500}}]""")]
    [InlineData("""[{"name":"c","type":"composite","composite":{"max_total_spans_per_second":600,"composite_sub_policy":[ERRORS,CHANCE,{"name":"l","type":"rate_limiting","rate_limiting":{"spans_per_second":400}}]}},{"name":"n","type":"not","not":{"not_sub_policy":{"name":"s","type":"span_count","span_count":{"min_spans":2}}}}]""")]
    public void EstimatesAreUnbiasedWhateverPoliciesAreCombined(string template)
    {
        var compiled = CollectorTraces.Compile(template.Replace("ERRORS", Errors, StringComparison.Ordinal).Replace("CHANCE", Chance(25), StringComparison.Ordinal));
        const int Epochs = 300;
        double estimate = 0, truth = 0;
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            var traces = Traces(compiled, 1200, rows: i => 1 + (i % 4), row: i => i % 9 == 0 ? """{"error":true}""" : "{}", from: epoch * 10_000);
            var decided = CollectorTraces.DecideEpoch(compiled, traces);
            foreach (var (key, summary) in traces)
            {
                estimate += decided[key].Keep ? decided[key].Rate * summary.RowCount : 0;
                truth += decided[key].IsUncountedDrop ? 0 : summary.RowCount;
            }
        }

        Assert.InRange(estimate / truth, 0.995, 1.005);
    }

    private static string Chance(double percent, string salt = "salt", string name = "chance") =>
        $$$"""{"name":"{{{name}}}","type":"probabilistic","probabilistic":{"sampling_percentage":{{{percent}}},"hash_salt":"{{{salt}}}"}}""";

    private static void CheckChance(string policies, double chance)
    {
        var kept = Kept(policies, "[{}]");
        Assert.All(kept, decision => Assert.Equal(1 / chance, decision.Rate, 1e-9));
        Assert.InRange(kept.Count, 2000 * chance * 0.88, 2000 * chance * 1.12);
    }

    private static List<SamplingDecision> Kept(string policies, string rows) => [.. Decisions(policies, rows).Where(decision => decision.Keep)];

    private static List<SamplingDecision> Decisions(string policies, string rows)
    {
        var compiled = CollectorTraces.Compile(policies);
        return [.. Enumerable.Range(0, 2000).Select(i => compiled.Decide(CollectorTraces.Summary(compiled, rows, $"{i * 15485863L:x32}"), "any"))];
    }

    private static List<(TraceKey Key, TraceSummary Summary)> Traces(CompiledSamplingPolicy compiled, int count, Func<int, int> rows, Func<int, string>? row = null, int bytes = 0, int from = 0) =>
    [
        .. Enumerable.Range(0, count).Select(i =>
        {
            var id = $"{(from + i + 1) * 32452843L:x32}";
            var events = string.Join(',', Enumerable.Repeat(row?.Invoke(i) ?? "{}", rows(i)));
            return (TraceKey.Of(System.Text.Encoding.UTF8.GetBytes(id)), CollectorTraces.Summary(compiled, $"[{events}]", id, bytes));
        }),
    ];

    private static string Describe(Dictionary<TraceKey, SamplingDecision> decided) =>
        string.Join('\n', decided.OrderBy(entry => (entry.Key.High, entry.Key.Low)).Select(entry => $"{entry.Key} {entry.Value}"));
}
