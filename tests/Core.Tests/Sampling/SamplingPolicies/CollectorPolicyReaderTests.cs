using System.Text;
using StreamObserve.Core.Sampling;
using StreamObserve.Core.Sampling.SamplingPolicies;

namespace StreamObserve.Core.Tests.Sampling.SamplingPolicies;

public class CollectorPolicyReaderTests
{
    private const string Always = """{"name":"a","type":"always_sample"}""";

    [Theory]
    [InlineData("""{"name":"p","type":"always_sample"}""")]
    [InlineData("""{"name":"p","type":"latency","latency":{"threshold_ms":5,"upper_threshold_ms":9}}""")]
    [InlineData("""{"name":"p","type":"numeric_attribute","numeric_attribute":{"key":"k","min_value":1.5,"invert_match":true}}""")]
    [InlineData("""{"name":"p","type":"probabilistic","probabilistic":{"sampling_percentage":15.3,"hash_salt":"s"}}""")]
    [InlineData("""{"name":"p","type":"status_code","status_code":{"status_codes":["ERROR","UNSET"]}}""")]
    [InlineData("""{"name":"p","type":"string_attribute","string_attribute":{"key":"k","values":["a+","b"],"enabled_regex_matching":true}}""")]
    [InlineData("""{"name":"p","type":"trace_state","trace_state":{"key":"k","values":["v"]}}""")]
    [InlineData("""{"name":"p","type":"trace_flags"}""")]
    [InlineData("""{"name":"p","type":"rate_limiting","rate_limiting":{"spans_per_second":35}}""")]
    [InlineData("""{"name":"p","type":"bytes_limiting","bytes_limiting":{"bytes_per_second":35000}}""")]
    [InlineData("""{"name":"p","type":"span_count","span_count":{"min_spans":2,"max_spans":20}}""")]
    [InlineData("""{"name":"p","type":"boolean_attribute","boolean_attribute":{"key":"k","value":false,"invert_match":true}}""")]
    [InlineData("""{"name":"p","type":"and","and":{"and_sub_policy":[{"name":"q","type":"trace_flags"},{"name":"r","type":"not","not":{"not_sub_policy":{"name":"s","type":"trace_flags"}}}]}}""")]
    [InlineData("""{"name":"p","type":"drop","drop":{"drop_sub_policy":[{"name":"q","type":"trace_flags"}]}}""")]
    [InlineData("""{"name":"p","type":"composite","composite":{"max_total_spans_per_second":100,"composite_sub_policy":[{"name":"q","type":"trace_flags"},{"name":"r","type":"always_sample"}],"rate_allocation":[{"policy":"r","percent":40}]}}""")]
    public void EveryTypeIsWrittenAsItWasRead(string policy)
    {
        var json = $$$"""{"policies":[{{{policy}}}]}""";
        Assert.Equal(json, Encoding.UTF8.GetString(Policies.Parse(json).ToJson()));
    }

    [Fact]
    public void ACompositesPartsAreInTheOrderThatItNames()
    {
        const string Parts = """[{"name":"a","type":"trace_flags"},{"name":"b","type":"trace_flags"},{"name":"c","type":"trace_flags"}]""";
        var policy = Policies.Parse($$$"""{"policies":[{"name":"x","type":"composite","composite":{"max_total_spans_per_second":9,"policy_order":["c"],"composite_sub_policy":{{{Parts}}}}}]}""");
        Assert.Equal(["c", "a", "b"], Assert.IsType<CompositePolicy>(policy.Policies[0]).Parts.Select(part => part.Policy.Name));
    }

    [Theory]
    [InlineData("[]", "policies")]
    [InlineData("{}", "policies")]
    [InlineData("[1]", "policies[0]")]
    [InlineData("""[{"type":"always_sample"}]""", "policies[0].name")]
    [InlineData("""[{"name":"p"}]""", "policies[0].type")]
    [InlineData("""[{"name":"p","type":"ottl_condition"}]""", "policies[0].type")]
    [InlineData("""[{"name":"p","type":"always_sample","rate":2}]""", "policies[0].rate")]
    [InlineData("""[{"name":"p","type":"latency"}]""", "policies[0].latency")]
    [InlineData("""[{"name":"p","type":"latency","latency":{}}]""", "policies[0].latency.threshold_ms")]
    [InlineData("""[{"name":"p","type":"latency","latency":{"threshold_ms":-1}}]""", "policies[0].latency.threshold_ms")]
    [InlineData("""[{"name":"p","type":"latency","latency":{"threshold_ms":"5s"}}]""", "policies[0].latency.threshold_ms")]
    [InlineData("""[{"name":"p","type":"latency","latency":{"threshold_ms":5,"threshold":5}}]""", "policies[0].latency.threshold")]
    [InlineData("""[{"name":"p","type":"numeric_attribute","numeric_attribute":{"key":"k"}}]""", "policies[0].numeric_attribute.min_value")]
    [InlineData("""[{"name":"p","type":"numeric_attribute","numeric_attribute":{"key":"k","min_value":5,"max_value":4}}]""", "policies[0].numeric_attribute.max_value")]
    [InlineData("""[{"name":"p","type":"numeric_attribute","numeric_attribute":{"min_value":5}}]""", "policies[0].numeric_attribute.key")]
    [InlineData("""[{"name":"p","type":"probabilistic","probabilistic":{"sampling_percentage":101}}]""", "policies[0].probabilistic.sampling_percentage")]
    [InlineData("""[{"name":"p","type":"status_code","status_code":{"status_codes":["Error"]}}]""", "policies[0].status_code.status_codes")]
    [InlineData("""[{"name":"p","type":"string_attribute","string_attribute":{"key":"k","values":[]}}]""", "policies[0].string_attribute.values")]
    [InlineData("""[{"name":"p","type":"string_attribute","string_attribute":{"key":"k","values":["("],"enabled_regex_matching":true}}]""", "policies[0].string_attribute.values")]
    [InlineData("""[{"name":"p","type":"rate_limiting","rate_limiting":{"spans_per_second":0}}]""", "policies[0].rate_limiting.spans_per_second")]
    [InlineData("""[{"name":"p","type":"span_count","span_count":{}}]""", "policies[0].span_count.min_spans")]
    [InlineData("""[{"name":"p","type":"boolean_attribute","boolean_attribute":{"key":"k","value":"yes"}}]""", "policies[0].boolean_attribute.value")]
    [InlineData("""[{"name":"p","type":"and","and":{}}]""", "policies[0].and.and_sub_policy")]
    [InlineData("""[{"name":"p","type":"and","and":{"and_sub_policy":[{"name":"q","type":"latency"}]}}]""", "policies[0].and.and_sub_policy[0].latency")]
    [InlineData("""[{"name":"p","type":"and","and":{"and_sub_policy":[{"name":"q","type":"drop","drop":{"drop_sub_policy":[]}}]}}]""", "policies[0].and.and_sub_policy[0].type")]
    [InlineData("""[{"name":"p","type":"not","not":{}}]""", "policies[0].not.not_sub_policy")]
    [InlineData("""[{"name":"p","type":"composite","composite":{"max_total_spans_per_second":9,"policy_order":["z"],"composite_sub_policy":[{"name":"a","type":"trace_flags"}]}}]""", "policies[0].composite.policy_order")]
    [InlineData("""[{"name":"p","type":"composite","composite":{"max_total_spans_per_second":9,"composite_sub_policy":[{"name":"a","type":"trace_flags"}],"rate_allocation":[{"policy":"z","percent":5}]}}]""", "policies[0].composite.rate_allocation[0].policy")]
    [InlineData("""[{"name":"p","type":"composite","composite":{"max_total_spans_per_second":9,"composite_sub_policy":[{"name":"a","type":"trace_flags"}],"rate_allocation":[{"policy":"a","percent":500}]}}]""", "policies[0].composite.rate_allocation[0].percent")]
    public void WhatIsWrongIsNamed(string policies, string field) => Assert.Contains(Policies.ErrorsOf($$$"""{"policies":{{{policies}}}}"""), error => error.Field == field);

    /// <summary>Shares are written in another order than they were read in, and a sum of floats depends on it.</summary>
    [Fact]
    public void WhatIsReadIsWrittenSoThatItReads()
    {
        const string Json = """
            {"policies":[{"name":"p","type":"composite","composite":{"max_total_spans_per_second":9,"composite_sub_policy":[{"name":"a","type":"trace_flags"},{"name":"b","type":"trace_flags"},{"name":"c","type":"trace_flags"}],
              "rate_allocation":[{"policy":"a","percent":53.7},{"policy":"c","percent":3.2},{"policy":"b","percent":43.1}]}}]}
            """;
        Policies.Parse(Encoding.UTF8.GetString(Policies.Parse(Json).ToJson()));
    }

    [Fact]
    public void PatternsMustBeOneTogether() => Assert.Equal(
        "policies[0].string_attribute.values",
        Policies.ErrorsOf("""{"policies":[{"name":"p","type":"string_attribute","string_attribute":{"key":"k","values":["(?x)abc # note","b"],"enabled_regex_matching":true}}]}""")[0].Field);

    [Fact]
    public void ErrorsNameTheOutermostPolicy()
    {
        var error = Assert.Single(Policies.ErrorsOf($$$"""{"policies":[{{{Always}}},{"name":"outer","type":"not","not":{"not_sub_policy":{"name":"inner","type":"latency"} } }]}"""));
        Assert.Equal(("outer", "policies[1].not.not_sub_policy.latency"), (error.Rule, error.Field));
    }

    [Fact]
    public void NamesAreUsedOnce() => Assert.Equal("policies[1].name", Assert.Single(Policies.ErrorsOf($$$"""{"policies":[{{{Always}}},{{{Always}}}]}""")).Field);

    [Fact]
    public void RulesAndPoliciesDoNotMix() => Assert.Equal("rules", Assert.Single(Policies.ErrorsOf($$$"""{"rules":[],"policies":[{{{Always}}}]}""")).Field);

    [Fact]
    public void SoManyOutcomesAreRefused()
    {
        var limits = string.Join(',', Enumerable.Range(0, 11).Select(i => $$$"""{"name":"l{{{i}}}","type":"rate_limiting","rate_limiting":{"spans_per_second":1}}"""));
        var policy = Policies.Parse($$$"""{"policies":[{{{limits}}}]}""");
        Assert.False(SamplingPolicySet.Empty.TryWith("shop", policy, out _, out var error));
        Assert.Contains("2048 outcomes", error.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void SoManyThingsAskedAreRefused()
    {
        var many = string.Join(',', Enumerable.Range(0, 129).Select(i => $$$"""{"name":"s{{{i}}}","type":"span_count","span_count":{"min_spans":{{{i + 1}}}}}"""));
        Assert.False(SamplingPolicySet.Empty.TryWith("shop", Policies.Parse($$$"""{"policies":[{{{many}}}]}"""), out _, out var error));
        Assert.Equal("policies", error.Field);
    }
}
