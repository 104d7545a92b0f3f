using System.Text;
using CsCheck;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class SamplingPolicyTests
{
    private const string Example = """
        {"window":"1m30s","rules":[
          {"name":"errors","scope":"span","conditions":[{"field":"error","op":"=","value":true},{"field":"service.name","op":"in","value":["cart","pay"]}],"keep":true},
          {"name":"health","conditions":[{"field":"root.http.route","op":"=","value":"/healthz"}],"drop":true},
          {"name":"slow","conditions":[{"field":"duration_ms","op":">=","value":1000.5,"datatype":"float"},{"op":"has-root-span","value":true}],"rate":2.5},
          {"name":"rest","sampler":{"type":"deterministic","rate":10}}]}
        """;

    [Fact]
    public void APolicyIsReadAsWritten()
    {
        var policy = Policies.Parse(Example, "__DEFAULT__");
        Assert.Equal(90_000, policy.WindowMs);
        Assert.Equal(["errors", "health", "slow", "rest"], policy.Rules.Select(r => r.Name));
        Assert.Equal([SamplingScope.Span, SamplingScope.Trace, SamplingScope.Trace, SamplingScope.Trace], policy.Rules.Select(r => r.Scope));
        Assert.Equal([SamplingActionKind.Keep, SamplingActionKind.Drop, SamplingActionKind.Rate, SamplingActionKind.Deterministic], policy.Rules.Select(r => r.Action));
        Assert.Equal([1, 1, 2.5, 10], policy.Rules.Select(r => r.ActionRate));
        Assert.Equal([FieldValue.Of("cart"), FieldValue.Of("pay")], policy.Rules[0].Conditions[1].Values);
        Assert.True(policy.Rules[1].Conditions[0].RootOnly);
        Assert.Equal(SamplingDatatype.Float, policy.Rules[2].Conditions[0].Datatype);
        Assert.Equal(SamplingOperator.HasRootSpan, policy.Rules[2].Conditions[1].Op);
        Assert.Empty(policy.Rules[3].Conditions);
    }

    [Fact]
    public void APolicyWrittenAndReadBackIsTheSame()
    {
        var json = Encoding.UTF8.GetString(Policies.Parse(Example, "__default__").ToJson());
        Assert.Equal(json, Encoding.UTF8.GetString(Policies.Parse(json, "__default__").ToJson()));
        Assert.Equal(
            """{"window":"90s","rules":[{"name":"errors","scope":"span","conditions":[{"field":"error","op":"=","value":true},{"field":"service.name","op":"in","value":["cart","pay"]}],"keep":true},{"name":"health","scope":"trace","conditions":[{"field":"root.http.route","op":"=","value":"/healthz"}],"drop":true},{"name":"slow","scope":"trace","conditions":[{"field":"duration_ms","op":">=","value":1000.5,"datatype":"float"},{"op":"has-root-span","value":true}],"rate":2.5},{"name":"rest","scope":"trace","conditions":[],"sampler":{"type":"deterministic","rate":10}}]}""",
            json);
    }

    [Fact]
    public void EverySamplerIsReadAndWritten()
    {
        const string Samplers = """
            {"rules":[{"name":"a","scope":"trace","conditions":[],"sampler":{"type":"probabilistic","percent":12.5,"salt":"default-hash-seed"}},{"name":"b","scope":"trace","conditions":[],"sampler":{"type":"dynamic","goal_rate":20,"key":["http.status_code","root.service"],"use_trace_length":true}},{"name":"c","scope":"trace","conditions":[],"sampler":{"type":"throughput","goal_per_second":1500.5,"key":[]}}]}
            """;
        var policy = Policies.Parse(Samplers);
        Assert.Equal([SamplingActionKind.Probabilistic, SamplingActionKind.Dynamic, SamplingActionKind.Throughput], policy.Rules.Select(rule => rule.Action));
        Assert.Equal([8, 1, 1], policy.Rules.Select(rule => rule.ActionRate));
        Assert.Equal(Samplers, Encoding.UTF8.GetString(policy.ToJson()));
        Assert.Equal("pepper", Policies.Parse("""{"rules":[{"sampler":{"type":"probabilistic","percent":1,"salt":"pepper"}}]}""").Rules[0].Sampler!.Salt);
        Assert.Equal(["a", "root.b"], Policies.Parse("""{"rules":[{"sampler":{"type":"dynamic","goal_rate":1,"key":["root.b","a"]}}]}""").Rules[0].Sampler!.Key.Fields);
    }

    [Fact]
    public void EveryOperatorIsReadAndWritten()
    {
        foreach (var name in SamplingOperators.Names)
        {
            var value = name is "exists" or "not-exists" ? "" : name == "has-root-span" ? "false" : "\"x\"";
            var condition = Policies.Condition("f", name, value);
            Assert.Equal(name, SamplingOperators.NameOf(condition.Op));
        }

        Assert.Equal(15, SamplingOperators.Names.Count);
    }

    [Theory]
    [InlineData("""{"drop":true,"rate":5,"sampler":{"type":"deterministic","rate":3}}""", SamplingActionKind.Deterministic, 3)]
    [InlineData("""{"drop":true,"rate":5}""", SamplingActionKind.Drop, 1)]
    [InlineData("""{"keep":true,"rate":5}""", SamplingActionKind.Rate, 5)]
    [InlineData("""{"keep":true,"sampler":{"type":"deterministic","rate":3}}""", SamplingActionKind.Deterministic, 3)]
    [InlineData("""{"keep":true,"drop":false}""", SamplingActionKind.Keep, 1)]
    [InlineData("""{"rate":1}""", SamplingActionKind.Rate, 1)]
    public void ANestedSamplerBeatsDropBeatsRate(string rule, SamplingActionKind action, double rate)
    {
        var read = Policies.Parse($$"""{"rules":[{{rule}}]}""").Rules[0];
        Assert.Equal(action, read.Action);
        Assert.Equal(rate, read.ActionRate);
    }

    [Fact]
    public void ARuleWithoutANameIsCalledByItsPlace() =>
        Assert.Equal(["rule 1", "rule 2"], Policies.Parse("""{"rules":[{"keep":true},{"name":"","drop":true}]}""").Rules.Select(r => r.Name));

    // JSON of the policy, then field, rule, value and a part of the reason that the error must have.
    [Theory]
    [InlineData("nonsense", "", null, "", "not valid JSON")]
    [InlineData("", "", null, "", "not valid JSON")]
    [InlineData("[]", "", null, "[]", "an object")]
    [InlineData("""{"rules":[],"rules":[]}""", "", null, "", "not valid JSON")]
    [InlineData("""{"rules":[{"name":"\ud800","keep":true}]}""", "", "rule 1", "", "not valid JSON")]
    [InlineData("{}", "rules", null, "", "an array of rules")]
    [InlineData("""{"rules":{}}""", "rules", null, "{}", "an array of rules")]
    [InlineData("""{"rules":[],"windows":"1s"}""", "windows", null, "\"1s\"", "not a known field")]
    [InlineData("""{"rules":[],"window":"60s"}""", "window", null, "\"60s\"", "only the policy of __default__")]
    [InlineData("""{"rules":[3]}""", "rules[0]", "rule 1", "3", "an object")]
    [InlineData("""{"rules":[{"name":7,"keep":true}]}""", "rules[0].name", "rule 1", "7", "a text")]
    [InlineData("""{"rules":[{"keep":true},{"name":"x"}]}""", "rules[1]", "x", "", "one of \"keep\"")]
    [InlineData("""{"rules":[{"name":"x","keep":false}]}""", "rules[0]", "x", "", "one of \"keep\"")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"drop":true}]}""", "rules[0].drop", "x", "true", "\"keep\": true")]
    [InlineData("""{"rules":[{"name":"x","keep":"yes"}]}""", "rules[0].keep", "x", "\"yes\"", "true or false")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"scope":"root"}]}""", "rules[0].scope", "x", "\"root\"", "trace or span")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"condition":[]}]}""", "rules[0].condition", "x", "[]", "not a known field")]
    [InlineData("""{"rules":[{"name":"x","rate":0}]}""", "rules[0].rate", "x", "0", "from 1")]
    [InlineData("""{"rules":[{"name":"x","rate":0.99}]}""", "rules[0].rate", "x", "0.99", "from 1")]
    [InlineData("""{"rules":[{"name":"x","rate":1e10}]}""", "rules[0].rate", "x", "1e10", "from 1 to 1000000000")]
    [InlineData("""{"rules":[{"name":"x","rate":1e999}]}""", "rules[0].rate", "x", "1e999", "from 1")]
    [InlineData("""{"rules":[{"name":"x","rate":"10"}]}""", "rules[0].rate", "x", "\"10\"", "a number")]
    [InlineData("""{"rules":[{"name":"x","sampler":"dynamic"}]}""", "rules[0].sampler", "x", "\"dynamic\"", "an object")]
    [InlineData("""{"rules":[{"name":"x","sampler":{}}]}""", "rules[0].sampler.type", "x", "", "supported: deterministic")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"emadynamic"}}]}""", "rules[0].sampler.type", "x", "\"emadynamic\"", "supported: deterministic, probabilistic, dynamic, throughput")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"dynamic","key":["a"]}}]}""", "rules[0].sampler.goal_rate", "x", "", "needs a goal")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"dynamic","goal_rate":0.5}}]}""", "rules[0].sampler.goal_rate", "x", "0.5", "from 1")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"dynamic","goal_rate":5,"key":"a"}}]}""", "rules[0].sampler.key", "x", "\"a\"", "an array")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"dynamic","goal_rate":5,"key":["a","a"]}}]}""", "rules[0].sampler.key[1]", "x", "\"a\"", "each once")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"dynamic","goal_rate":5,"key":["root."]}}]}""", "rules[0].sampler.key[0]", "x", "\"root.\"", "the name of a field")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"dynamic","goal_rate":5,"use_trace_length":1}}]}""", "rules[0].sampler.use_trace_length", "x", "1", "true or false")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"dynamic","goal_rate":5,"rate":5}}]}""", "rules[0].sampler.rate", "x", "5", "not a known field")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"throughput"}}]}""", "rules[0].sampler.goal_per_second", "x", "", "needs a goal")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"throughput","goal_per_second":0}}]}""", "rules[0].sampler.goal_per_second", "x", "0", "above 0")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"probabilistic"}}]}""", "rules[0].sampler.percent", "x", "", "needs a percentage")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"probabilistic","percent":0}}]}""", "rules[0].sampler.percent", "x", "0", "above 0")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"probabilistic","percent":101}}]}""", "rules[0].sampler.percent", "x", "101", "up to 100")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"probabilistic","percent":5,"salt":7}}]}""", "rules[0].sampler.salt", "x", "7", "a text")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"deterministic"}}]}""", "rules[0].sampler.rate", "x", "", "needs a rate")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"deterministic","rate":0}}]}""", "rules[0].sampler.rate", "x", "0", "from 1")]
    [InlineData("""{"rules":[{"name":"x","sampler":{"type":"deterministic","rate":2,"salt":"s"}}]}""", "rules[0].sampler.salt", "x", "\"s\"", "not a known field")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":{}}]}""", "rules[0].conditions", "x", "{}", "an array")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":["a = b"]}]}""", "rules[0].conditions[0]", "x", "\"a = b\"", "an object")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"==","value":1}]}]}""", "rules[0].conditions[0].op", "x", "\"==\"", "one of = !=")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","value":1}]}]}""", "rules[0].conditions[0].op", "x", "", "one of = !=")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":3,"value":1}]}]}""", "rules[0].conditions[0].op", "x", "3", "a text")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"op":"=","value":1}]}]}""", "rules[0].conditions[0].field", "x", "", "the name of a field")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"root.","op":"=","value":1}]}]}""", "rules[0].conditions[0].field", "x", "\"root.\"", "the name of a field")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"?.DEPTH","op":"=","value":1}]}]}""", "rules[0].conditions[0].field", "x", "\"?.DEPTH\"", "?.NUM_DESCENDANTS")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"=","value":1,"type":"int"}]}]}""", "rules[0].conditions[0].type", "x", "\"int\"", "not a known field")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"="}]}]}""", "rules[0].conditions[0].value", "x", "", "= needs a value")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"=","value":null}]}]}""", "rules[0].conditions[0].value", "x", "", "= needs a value")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"=","value":[1]}]}]}""", "rules[0].conditions[0].value", "x", "[1]", "a text, a number")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"=","value":1e999}]}]}""", "rules[0].conditions[0].value", "x", "1e999", "a text, a number")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"exists","value":false}]}]}""", "rules[0].conditions[0].value", "x", "false", "takes no value")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"in","value":[]}]}]}""", "rules[0].conditions[0].value", "x", "0 values", "from 1 to")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"in","value":["b",{}]}]}]}""", "rules[0].conditions[0].value[1]", "x", "{}", "a text, a number")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"in","value":["b"],"datatype":"int"}]}]}""", "rules[0].conditions[0].value[0]", "x", "\"b\"", "datatype int")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"=","value":"b","datatype":"float"}]}]}""", "rules[0].conditions[0].value", "x", "\"b\"", "datatype float")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"=","value":"b","datatype":"long"}]}]}""", "rules[0].conditions[0].datatype", "x", "\"long\"", "string, int, float or bool")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":">","value":true,"datatype":"bool"}]}]}""", "rules[0].conditions[0].datatype", "x", "\"bool\"", "only = and != can")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"matches","value":"(a"}]}]}""", "rules[0].conditions[0].value", "x", "(a", "not a regular expression")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"field":"a","op":"matches","value":"(?=a)b"}]}]}""", "rules[0].conditions[0].value", "x", "(?=a)b", "not a regular expression")]
    [InlineData("""{"rules":[{"name":"x","keep":true,"conditions":[{"op":"has-root-span","value":"perhaps"}]}]}""", "rules[0].conditions[0].value", "x", "\"perhaps\"", "true or false")]
    public void BadInputIsRefusedNamingRuleFieldAndValue(string json, string field, string? rule, string value, string reason)
    {
        var error = Policies.ErrorsOf(json)[0];
        Assert.Equal(field, error.Field);
        Assert.Equal(rule, error.Rule);
        Assert.Equal(value, error.Value);
        Assert.Contains(reason, error.Reason);
        Assert.Contains(reason, error.ToString());
    }

    [Theory]
    [InlineData("\"100ms\"", 100)]
    [InlineData("\"5s\"", 5000)]
    [InlineData("\"0.5s\"", 500)]
    [InlineData("\"1m30s\"", 90_000)]
    [InlineData("\"1h\"", 3_600_000)]
    public void AWindowIsADuration(string window, long milliseconds) =>
        Assert.Equal(milliseconds, Policies.Parse($$"""{"window":{{window}},"rules":[]}""", "__default__").WindowMs);

    [Theory]
    [InlineData("60")]
    [InlineData("\"60\"")]
    [InlineData("\"\"")]
    [InlineData("\"s\"")]
    [InlineData("\"-5s\"")]
    [InlineData("\"5 s\"")]
    [InlineData("\"1d\"")]
    [InlineData("\"1.2.3s\"")]
    [InlineData("\"0.5ms\"")]
    [InlineData("\"99ms\"")]
    [InlineData("\"3601s\"")]
    [InlineData("\"99999999999999999999999999999999999h\"")]
    public void WhatIsNoWindowIsRefused(string window)
    {
        var error = Policies.ErrorsOf($$"""{"window":{{window}},"rules":[]}""", "__default__")[0];
        Assert.Equal("window", error.Field);
        Assert.Equal(window, error.Value);
    }

    [Fact]
    public void EverythingThatIsWrongIsToldAtOnce()
    {
        var errors = Policies.ErrorsOf("""{"rules":[{"name":"a","rate":0},{"name":"b","keep":true,"conditions":[{"field":"x","op":"~"},{"op":"exists"}]}]}""");
        Assert.Equal(["a", "b", "b"], errors.Select(e => e.Rule));
    }

    [Fact]
    public void LimitsAreEnforced()
    {
        Assert.Contains("at most 200 rules", Policies.ErrorsOf($$"""{"rules":[{{string.Join(',', Enumerable.Repeat("""{"keep":true}""", 201))}}]}""")[0].Reason);
        var condition = """{"field":"a","op":"exists"}""";
        Assert.Contains("at most 32 conditions", Policies.ErrorsOf($$"""{"rules":[{"keep":true,"conditions":[{{string.Join(',', Enumerable.Repeat(condition, 33))}}]}]}""")[0].Reason);
        Assert.Contains("from 1 to 1000 values", Policies.ErrorsOf($$"""{"rules":[{"keep":true,"conditions":[{"field":"a","op":"in","value":[{{string.Join(',', Enumerable.Range(0, 1001))}}]}]}]}""")[0].Reason);
        var longText = new string('n', 1001);
        var tooLong = Policies.ErrorsOf($$"""{"rules":[{"keep":true,"name":"{{longText}}"}]}""")[0];
        Assert.Contains("at most 1000 characters", tooLong.Reason);
        Assert.Equal(SamplingLimits.ErrorValueLengthMax + 1, tooLong.Value.Length);
        Assert.Contains("at most 1048576 bytes", Policies.ErrorsOf(new string(' ', SamplingLimits.JsonBytesMax + 1))[0].Reason);
    }

    [Fact]
    public void NoBytesMakeTheReaderThrow() =>
        Gen.Byte.Array[0, 60].Sample(bytes => SamplingPolicy.TryParse(bytes, "shop", out var policy, out var errors) == (errors.Count == 0) && (policy is null) == (errors.Count > 0));

    [Fact]
    public void NoDamageToAPolicyMakesTheReaderThrow() =>
        Gen.Select(Gen.Int[0, Example.Length - 1], Gen.OneOf(Gen.Byte, Gen.Char["\"{}[],:0truefalsn\\"].Select(c => (byte)c)), Gen.Int[0, 20]).Sample(
            (position, value, cut) =>
            {
                var bytes = Encoding.UTF8.GetBytes(Example);
                bytes[position] = value;
                byte[] damaged = [.. bytes[..position], .. bytes[Math.Min(bytes.Length, position + cut)..]];
                foreach (var json in (byte[][])[bytes, damaged])
                {
                    Assert.Equal(SamplingPolicy.TryParse(json, "__default__", out var policy, out var errors), errors.Count == 0);
                    if (policy is not null)
                    {
                        Assert.True(SamplingPolicy.TryParse(policy.ToJson(), "__default__", out var again, out _));
                        Assert.Equal(policy.ToJson(), again.ToJson());
                    }
                }
            },
            iter: 5000);
}
