using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling.SamplingPolicies;

/// <summary>What each of the Collector's types samples, as tables: the facts are those of its tail sampling processor, the traces are ours.</summary>
public class CollectorPolicyTests
{
    [Theory]
    [InlineData("""[{}]""", true)]
    [InlineData("""[{"error":true},{"a":1}]""", true)]
    public void AlwaysSample(string rows, bool sampled) => Check("always_sample", "", rows, sampled);

    [Theory]
    [InlineData("""{"threshold_ms":5000}""", """[{"at":1000,"duration_ms":4999}]""", false)]
    [InlineData("""{"threshold_ms":5000}""", """[{"at":1000,"duration_ms":4999.9}]""", false)]
    [InlineData("""{"threshold_ms":5000}""", """[{"at":1000,"duration_ms":5000}]""", true)]
    [InlineData("""{"threshold_ms":5000}""", """[{"at":1000,"duration_ms":5001}]""", true)]
    [InlineData("""{"threshold_ms":5000}""", """[{"at":0,"duration_ms":10},{"at":4990,"duration_ms":10}]""", true)]     // from the first start to the last end
    [InlineData("""{"threshold_ms":5000}""", """[{"at":4980,"duration_ms":10},{"at":0,"duration_ms":10}]""", false)]
    [InlineData("""{"threshold_ms":5000}""", """[{"at":4990,"duration_ms":10},{"at":0,"duration_ms":10}]""", true)]
    [InlineData("""{"threshold_ms":5000}""", """[{"at":0,"duration_ms":2500},{"at":0,"duration_ms":2500}]""", false)]   // not their sum
    [InlineData("""{"threshold_ms":0}""", """[{"at":0}]""", true)]
    [InlineData("""{"threshold_ms":5000,"upper_threshold_ms":10000}""", """[{"at":0,"duration_ms":4500}]""", false)]
    [InlineData("""{"threshold_ms":5000,"upper_threshold_ms":10000}""", """[{"at":0,"duration_ms":5000}]""", false)]   // with an upper end the lower is left out
    [InlineData("""{"threshold_ms":5000,"upper_threshold_ms":10000}""", """[{"at":0,"duration_ms":5001}]""", true)]
    [InlineData("""{"threshold_ms":5000,"upper_threshold_ms":10000}""", """[{"at":0,"duration_ms":10000}]""", true)]
    [InlineData("""{"threshold_ms":5000,"upper_threshold_ms":10000}""", """[{"at":0,"duration_ms":10001}]""", false)]
    public void Latency(string settings, string rows, bool sampled) => Check("latency", settings, rows, sampled);

    [Theory]
    [InlineData("""{"key":"n","min_value":50,"max_value":100}""", """[{"n":50}]""", true)]
    [InlineData("""{"key":"n","min_value":50,"max_value":100}""", """[{"n":100}]""", true)]
    [InlineData("""{"key":"n","min_value":50,"max_value":100}""", """[{"n":49}]""", false)]
    [InlineData("""{"key":"n","min_value":50,"max_value":100}""", """[{"n":101}]""", false)]
    [InlineData("""{"key":"n","min_value":50,"max_value":100}""", """[{"n":75.5}]""", true)]
    [InlineData("""{"key":"n","min_value":50,"max_value":100}""", """[{"n":"75"}]""", false)]
    [InlineData("""{"key":"n","min_value":50,"max_value":100}""", """[{"m":75}]""", false)]
    [InlineData("""{"key":"n","min_value":50,"max_value":100}""", """[{"n":1},{"n":200}]""", false)]                   // one row has to be within both ends
    [InlineData("""{"key":"n","min_value":50,"max_value":100}""", """[{"n":1},{"n":60}]""", true)]
    [InlineData("""{"key":"n","min_value":50}""", """[{"n":1000000}]""", true)]
    [InlineData("""{"key":"n","min_value":50}""", """[{"n":49}]""", false)]
    [InlineData("""{"key":"n","max_value":50}""", """[{"n":-7}]""", true)]
    [InlineData("""{"key":"n","max_value":50}""", """[{"n":51}]""", false)]
    [InlineData("""{"key":"n","min_value":-5,"max_value":0}""", """[{"n":0}]""", true)]
    [InlineData("""{"key":"n","min_value":50,"max_value":100,"invert_match":true}""", """[{"n":75}]""", false)]
    [InlineData("""{"key":"n","min_value":50,"max_value":100,"invert_match":true}""", """[{"n":101}]""", true)]
    [InlineData("""{"key":"n","min_value":50,"max_value":100,"invert_match":true}""", """[{"m":75}]""", true)]
    [InlineData("""{"key":"n","min_value":50,"max_value":100,"invert_match":true}""", """[{"n":101},{"n":75}]""", false)]
    public void NumericAttribute(string settings, string rows, bool sampled) => Check("numeric_attribute", settings, rows, sampled);

    [Theory]
    [InlineData("""{"status_codes":["ERROR"]}""", """[{"status_code":2}]""", true)]
    [InlineData("""{"status_codes":["ERROR"]}""", """[{"error":true}]""", true)]
    [InlineData("""{"status_codes":["ERROR"]}""", """[{"status_code":1},{"status_code":2}]""", true)]
    [InlineData("""{"status_codes":["ERROR"]}""", """[{"status_code":1}]""", false)]
    [InlineData("""{"status_codes":["ERROR"]}""", """[{"status_code":0}]""", false)]
    [InlineData("""{"status_codes":["ERROR"]}""", """[{"status_code":500}]""", false)]                                  // an HTTP status is none
    [InlineData("""{"status_codes":["ERROR"]}""", """[{"error":false}]""", false)]
    [InlineData("""{"status_codes":["OK"]}""", """[{"status_code":1}]""", true)]
    [InlineData("""{"status_codes":["OK"]}""", """[{"status_code":2}]""", false)]
    [InlineData("""{"status_codes":["OK"]}""", """[{}]""", false)]
    [InlineData("""{"status_codes":["UNSET"]}""", """[{}]""", true)]
    [InlineData("""{"status_codes":["UNSET"]}""", """[{"status_code":0}]""", true)]
    [InlineData("""{"status_codes":["UNSET"]}""", """[{"status_code":2}]""", false)]
    [InlineData("""{"status_codes":["UNSET"]}""", """[{"error":true}]""", false)]
    [InlineData("""{"status_codes":["UNSET"]}""", """[{"status_code":2},{"status_code":1},{}]""", true)]
    [InlineData("""{"status_codes":["ERROR","UNSET"]}""", """[{"status_code":2}]""", true)]
    [InlineData("""{"status_codes":["ERROR","UNSET"]}""", """[{"status_code":1}]""", false)]
    public void StatusCode(string settings, string rows, bool sampled) => Check("status_code", settings, rows, sampled);

    [Theory]
    [InlineData("""{"key":"s","values":["one","two"]}""", """[{"s":"one"}]""", true)]
    [InlineData("""{"key":"s","values":["one","two"]}""", """[{"s":"two"}]""", true)]
    [InlineData("""{"key":"s","values":["one","two"]}""", """[{"s":"one two"}]""", false)]
    [InlineData("""{"key":"s","values":["one","two"]}""", """[{"s":"One"}]""", false)]
    [InlineData("""{"key":"s","values":["one","two"]}""", """[{"s":""}]""", false)]
    [InlineData("""{"key":"s","values":["one","two"]}""", """[{"t":"one"}]""", false)]
    [InlineData("""{"key":"s","values":["one","two"]}""", """[{"s":"three"},{"s":"two"}]""", true)]
    [InlineData("""{"key":"s","values":["v[0-9]+$"],"enabled_regex_matching":true}""", """[{"s":"build-v17"}]""", true)]
    [InlineData("""{"key":"s","values":["v[0-9]+$"],"enabled_regex_matching":true,"cache_max_size":10}""", """[{"s":"build-v17-rc"}]""", false)]
    [InlineData("""{"key":"s","values":["^a","b$"],"enabled_regex_matching":true}""", """[{"s":"ccb"}]""", true)]
    [InlineData("""{"key":"s","values":["^a","b$"],"enabled_regex_matching":true}""", """[{"s":"bca"}]""", false)]
    [InlineData("""{"key":"s","values":["^a|b","c"],"enabled_regex_matching":true}""", """[{"s":"xc"}]""", true)]      // each pattern by itself
    [InlineData("""{"key":"s","values":["one"],"invert_match":true}""", """[{"s":"one"}]""", false)]
    [InlineData("""{"key":"s","values":["one"],"invert_match":true}""", """[{"s":"two"}]""", true)]
    [InlineData("""{"key":"s","values":["one"],"invert_match":true}""", """[{}]""", true)]
    [InlineData("""{"key":"s","values":["one"],"invert_match":true}""", """[{"s":"two"},{"s":"one"}]""", false)]
    [InlineData("""{"key":"s","values":["^o"],"enabled_regex_matching":true,"invert_match":true}""", """[{"s":"one"}]""", false)]
    [InlineData("""{"key":"s","values":["^o"],"enabled_regex_matching":true,"invert_match":true}""", """[{"s":"two"}]""", true)]
    public void StringAttribute(string settings, string rows, bool sampled) => Check("string_attribute", settings, rows, sampled);

    [Theory]
    [InlineData("""{"key":"b","value":true}""", """[{"b":true}]""", true)]
    [InlineData("""{"key":"b","value":true}""", """[{"b":false}]""", false)]
    [InlineData("""{"key":"b","value":true}""", """[{"b":"true"}]""", false)]
    [InlineData("""{"key":"b","value":true}""", """[{}]""", false)]
    [InlineData("""{"key":"b","value":true}""", """[{"b":false},{"b":true}]""", true)]
    [InlineData("""{"key":"b","value":false}""", """[{"b":false}]""", true)]
    [InlineData("""{"key":"b","value":false}""", """[{}]""", false)]
    [InlineData("""{"key":"b","value":true,"invert_match":true}""", """[{"b":true}]""", false)]
    [InlineData("""{"key":"b","value":true,"invert_match":true}""", """[{"b":false}]""", true)]
    [InlineData("""{"key":"b","value":true,"invert_match":true}""", """[{}]""", true)]
    public void BooleanAttribute(string settings, string rows, bool sampled) => Check("boolean_attribute", settings, rows, sampled);

    [Theory]
    [InlineData("""{"key":"k","values":["v1","v2"]}""", """[{"trace.trace_state":"k=v1"}]""", true)]
    [InlineData("""{"key":"k","values":["v1","v2"]}""", """[{"trace.trace_state":"a=b, k=v2"}]""", true)]
    [InlineData("""{"key":"k","values":["v1","v2"]}""", """[{"trace.trace_state":"k=v3"}]""", false)]
    [InlineData("""{"key":"k","values":["v1","v2"]}""", """[{"trace.trace_state":"k=v11"}]""", false)]
    [InlineData("""{"key":"k","values":["v1","v2"]}""", """[{"trace.trace_state":"kk=v1"}]""", false)]
    [InlineData("""{"key":"k","values":["v1","v2"]}""", """[{"trace.trace_state":"x=k=v1"}]""", false)]
    [InlineData("""{"key":"k","values":["v1","v2"]}""", """[{"trace.trace_state":""},{"trace.trace_state":"k=v1,a=b"}]""", true)]
    [InlineData("""{"key":"k","values":["a.c"]}""", """[{"trace.trace_state":"k=abc"}]""", false)]
    [InlineData("""{"key":"k","values":["v1"]}""", """[{"k":"v1"}]""", false)]
    public void TraceState(string settings, string rows, bool sampled) => Check("trace_state", settings, rows, sampled);

    [Theory]
    [InlineData("""[{"trace.flags":1}]""", true)]
    [InlineData("""[{"trace.flags":0}]""", false)]
    [InlineData("""[{"trace.flags":257}]""", true)]         // with the bit that says whether the parent is remote
    [InlineData("""[{"trace.flags":256}]""", false)]
    [InlineData("""[{}]""", false)]
    [InlineData("""[{"trace.flags":0},{"trace.flags":3}]""", true)]
    public void TraceFlags(string rows, bool sampled) => Check("trace_flags", "", rows, sampled);

    [Theory]
    [InlineData("""{"min_spans":2}""", """[{}]""", false)]
    [InlineData("""{"min_spans":2}""", """[{},{}]""", true)]
    [InlineData("""{"min_spans":2}""", """[{},{},{}]""", true)]
    [InlineData("""{"min_spans":2,"max_spans":3}""", """[{},{},{}]""", true)]
    [InlineData("""{"min_spans":2,"max_spans":3}""", """[{},{},{},{}]""", false)]
    [InlineData("""{"min_spans":0,"max_spans":1}""", """[{},{}]""", false)]
    [InlineData("""{"min_spans":1,"max_spans":1}""", """[{}]""", true)]
    public void SpanCount(string settings, string rows, bool sampled) => Check("span_count", settings, rows, sampled);

    [Theory]
    [InlineData("""[{"a":1,"b":"x"}]""", true)]
    [InlineData("""[{"a":1},{"b":"x"}]""", true)]           // parts look at the trace, each by itself
    [InlineData("""[{"a":1}]""", false)]
    [InlineData("""[{"b":"x"}]""", false)]
    [InlineData("""[{}]""", false)]
    public void And(string rows, bool sampled) => Check(
        "and",
        $$"""{"and_sub_policy":[{{CollectorTraces.Policy("numeric_attribute", """{"key":"a","min_value":1}""", "a")}},{{CollectorTraces.Policy("string_attribute", """{"key":"b","values":["x"]}""", "b")}}]}""",
        rows,
        sampled);

    [Theory]
    [InlineData("""[{"b":true}]""", false)]
    [InlineData("""[{"b":false}]""", true)]
    [InlineData("""[{}]""", true)]
    [InlineData("""[{},{"b":true}]""", false)]
    public void Not(string rows, bool sampled) =>
        Check("not", $$"""{"not_sub_policy":{{CollectorTraces.Policy("boolean_attribute", """{"key":"b","value":true}""", "b")}}}""", rows, sampled);

    [Theory]
    [InlineData("""[{"health":true}]""", false, SamplingReason.DropPolicy)]
    [InlineData("""[{"health":true,"error":true}]""", false, SamplingReason.DropPolicy)]       // whatever others say
    [InlineData("""[{"health":true},{"error":true}]""", false, SamplingReason.DropPolicy)]
    [InlineData("""[{"error":true}]""", true, SamplingReason.Policy)]
    [InlineData("""[{}]""", false, SamplingReason.NotSampled)]                                 // nobody samples it
    public void DropBeatsSampleBeatsNone(string rows, bool kept, SamplingReason reason)
    {
        var drop = CollectorTraces.Policy("drop", $$"""{"drop_sub_policy":[{{CollectorTraces.Policy("boolean_attribute", """{"key":"health","value":true}""")}}]}""", "checks");
        var errors = CollectorTraces.Policy("status_code", """{"status_codes":["ERROR"]}""", "errors");
        foreach (var policies in new[] { $"[{drop},{errors}]", $"[{errors},{drop}]" })
        {
            var decision = CollectorTraces.Decide(policies, rows);
            Assert.Equal((kept, reason, 1d), (decision.Keep, decision.Reason, decision.Rate));
            Assert.Equal(!kept, decision.IsUncountedDrop);
        }
    }

    [Fact]
    public void TheFirstPolicyThatSamplesIsNamed()
    {
        var compiled = CollectorTraces.Compile($"[{CollectorTraces.Policy("span_count", """{"min_spans":2}""", "long")},{CollectorTraces.Policy("always_sample", "", "rest")}]");
        string NameOf(string rows) => compiled.RulesFor("any").RuleNameOf(compiled.Decide(CollectorTraces.Summary(compiled, rows), "any"));

        Assert.Equal("rest", NameOf("[{}]"));
        Assert.Equal("long", NameOf("[{},{}]"));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(100, 1000)]
    [InlineData(50, 500)]
    [InlineData(10, 100)]
    [InlineData(0.5, 5)]
    public void ProbabilisticSamplesSoManyOfAHundred(double percent, int expected)
    {
        var compiled = CollectorTraces.Compile($"[{CollectorTraces.Policy("probabilistic", $$$"""{"sampling_percentage":{{{percent}}}}""")}]");
        var decisions = Enumerable.Range(0, 1000).Select(i => compiled.Decide(CollectorTraces.Summary(compiled, "[{}]", $"{i * 7919L:x32}"), "any")).ToList();
        Assert.InRange(decisions.Count(decision => decision.Keep), expected - (4 * Math.Sqrt(expected)), expected + (4 * Math.Sqrt(expected)));
        Assert.All(decisions.Where(decision => decision.Keep), decision => Assert.Equal(100 / percent, decision.Rate, 1e-9));
        Assert.All(decisions.Where(decision => !decision.Keep), decision => Assert.Equal(percent == 0, decision.IsUncountedDrop));
    }

    [Fact]
    public void ProbabilisticAgreesWithTheSamplerOfTheSameSalt()
    {
        const string Settings = """{"sampling_percentage":25,"hash_salt":"ours"}""";
        var sampler = new ProbabilisticSampler(25, "ours");
        for (var i = 0; i < 200; i++)
        {
            var id = $"{i * 104729L:x32}";
            Assert.Equal(sampler.Keeps(System.Text.Encoding.UTF8.GetBytes(id)), CollectorTraces.Decide($"[{CollectorTraces.Policy("probabilistic", Settings)}]", "[{}]", id).Keep);
        }
    }

    private static void Check(string type, string settings, string rows, bool sampled)
    {
        var decision = CollectorTraces.Decide($"[{CollectorTraces.Policy(type, settings)}]", rows);
        Assert.Equal(sampled, decision.Keep);
        Assert.Equal(sampled ? SamplingReason.Policy : SamplingReason.NotSampled, decision.Reason);
    }
}
