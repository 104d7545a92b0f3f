using System.Text;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class SamplingPolicySetTests
{
    private const string KeepAll = """{"rules":[]}""";

    [Fact]
    public void TheEmptySetKeepsEverything()
    {
        Assert.Equal(0, SamplingPolicySet.Empty.Version);
        Assert.Empty(SamplingPolicySet.Empty.Compiled.Bits);
        Assert.Equal(SamplingDecision.NoRuleMatched, SamplingPolicySet.Empty.Compiled.DecideRow(default, 0, "any", 0, 0, 0));
        Assert.False(SamplingPolicySet.Empty.Compiled.UsesSamplerHash);
        Assert.Null(SamplingPolicySet.Empty.Compiled.WindowMs);
    }

    [Fact]
    public void EachChangeMakesTheNextVersionAndLeavesTheOld()
    {
        var first = Policies.Set(("shop", """{"rules":[{"drop":true}]}"""));
        Assert.True(first.TryWith("SHOP", SamplingPolicy.KeepAll, out var second, out _));
        var third = second.Without("Shop");
        Assert.Equal([1, 2, 3], [first.Version, second.Version, third.Version]);
        Assert.Single(first.PolicyOf("shop")!.Rules);
        Assert.Single(second.Policies);
        Assert.Empty(second.PolicyOf("sHop")!.Rules);
        Assert.Null(third.PolicyOf("shop"));
        Assert.Equal(2, second.Compiled.Version);
    }

    [Fact]
    public void ASetWrittenAndReadBackIsTheSame()
    {
        var set = Policies.Set(
            ("shop", """{"rules":[{"name":"é \"q\"","scope":"span","conditions":[{"field":"a","op":"matches","value":"^x\\d+$"}],"rate":3.25}]}"""),
            ("__default__", """{"window":"5s","rules":[{"name":"r","conditions":[{"field":"f","op":"not-in","value":[1,1.5,true,"x"]}],"keep":true}]}"""));
        var json = set.ToJson();
        Assert.True(SamplingPolicySet.TryParse(json, out var back, out var errors), string.Join('\n', errors));
        Assert.Equal(Encoding.UTF8.GetString(json), Encoding.UTF8.GetString(back.ToJson()));
        Assert.Equal(set.Version, back.Version);
        Assert.Equal(5000, back.Compiled.WindowMs);
        Assert.Equal(set.Compiled.Bits.Count, back.Compiled.Bits.Count);
    }

    [Theory]
    [InlineData("1", "", "an object")]
    [InlineData("{}", "version", "an integer")]
    [InlineData("""{"version":-1,"policies":{}}""", "version", "an integer")]
    [InlineData("""{"version":1.5,"policies":{}}""", "version", "an integer")]
    [InlineData("""{"version":1}""", "policies", "an object")]
    [InlineData("""{"version":1,"policies":[]}""", "policies", "an object")]
    [InlineData("""{"version":1,"policies":{"a":3}}""", "policies.a", "an object")]
    [InlineData("""{"version":1,"policies":{"a":{"rules":[{"rate":0}]}}}""", "policies.a.rules[0].rate", "from 1")]
    [InlineData("""{"version":1,"policies":{"a":{"rules":[]},"A":{"rules":[]}}}""", "policies.A", "twice")]
    [InlineData("""{"version":1,"policies":{"":{"rules":[]}}}""", "dataset", "from 1 to")]
    [InlineData("""{"version":1,"policies":{},"window":"1s"}""", "window", "not a known field")]
    public void ABadSetIsRefusedNamingTheField(string json, string field, string reason)
    {
        Assert.False(SamplingPolicySet.TryParse(Encoding.UTF8.GetBytes(json), out var set, out var errors));
        Assert.Null(set);
        Assert.Equal(field, errors[0].Field);
        Assert.Contains(reason, errors[0].Reason);
    }

    [Fact]
    public void AsManyConditionsAsBitsAreTakenAndOneMoreIsRefusedNamingTheRule()
    {
        static string Rules(int from, int count) =>
            $$"""{"rules":[{{string.Join(',', Enumerable.Range(from, count).Select(i => $$"""{"name":"r{{i}}","keep":true,"conditions":[{"field":"f{{i}}","op":"exists"}]}"""))}}]}""";

        var full = Policies.Set(("a", Rules(0, 100)), ("b", Rules(100, 28)), ("c", Rules(50, 60)));
        Assert.Equal(128, full.Compiled.Bits.Count);
        Assert.False(full.TryWith("d", Policies.Parse(Rules(127, 3)), out var next, out var error));
        Assert.Null(next);
        Assert.Equal("r128", error.Rule);
        Assert.Equal("rules[1].conditions", error.Field);
        Assert.Contains("dataset d", error.Reason);
        Assert.False(SamplingPolicySet.TryParse(
            Encoding.UTF8.GetBytes($$$"""{"version":1,"policies":{"x":{{{Rules(0, 129)}}}}}"""), out _, out var errors));
        Assert.Contains("128", errors[0].Reason);
    }

    [Fact]
    public void EqualConditionsShareABitWhateverTheDatasetRuleOrOrder()
    {
        const string A = """{"field":"a","op":"=","value":1}""";
        const string B = """{"field":"b","op":">","value":2}""";
        const string RootA = """{"field":"root.a","op":"=","value":1}""";
        var set = Policies.Set(
            ("x", $$"""{"rules":[{"keep":true,"conditions":[{{A}},{{B}}]},{"keep":true,"scope":"span","conditions":[{{A}}]}]}"""),
            ("y", $$"""{"rules":[{"keep":true,"scope":"span","conditions":[{{A}},{{B}}]},{"keep":true,"scope":"span","conditions":[{{B}},{{A}},{{B}}]}]}"""),
            ("z", $$"""{"rules":[{"keep":true,"conditions":[{{RootA}},{{A}},{"op":"has-root-span"},{"field":"?.NUM_DESCENDANTS","op":">","value":100}]}]}"""));
        Assert.Equal(
            ["a", "b", "a+b", "root.a"],
            set.Compiled.Bits.Select(bit => string.Join('+', bit.AllOnOneRow.Select(c => (c.RootOnly ? "root." : "") + c.Field))));
        Assert.Equal([false, false, false, true], set.Compiled.Bits.Select(bit => bit.RootOnly));
    }

    [Fact]
    public void ADatasetWithoutAPolicyFollowsTheDefault()
    {
        var compiled = Policies.Set(("__default__", """{"rules":[{"name":"d","drop":true}]}"""), ("Shop", KeepAll)).Compiled;
        Assert.False(compiled.DecideRow(default, 0, "other", 0, 0, 0).Keep);
        Assert.True(compiled.DecideRow(default, 0, "sHOP", 0, 0, 0).Keep);
        Assert.Equal("d", compiled.RulesFor("other").RuleNameOf(compiled.DecideRow(default, 0, "other", 0, 0, 0)));
    }
}
