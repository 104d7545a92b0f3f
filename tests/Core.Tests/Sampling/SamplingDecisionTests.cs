using CsCheck;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class SamplingDecisionTests
{
    private static readonly string[] Datasets = ["shop", "cart", "pay"];

    private static readonly Gen<FieldValue> Value =
        Gen.OneOf(Gen.Const(FieldValue.Absent), Gen.Int[0, 2].Select(i => FieldValue.Of((long)i)), Gen.Bool.Select(FieldValue.Of), AnyOf("x", "xy", "1").Select(FieldValue.Of));

    private static readonly Gen<(TestRow Row, int Dataset)> Row =
        Gen.Select(Gen.Frequency((1, Gen.Const(true)), (5, Gen.Const(false))), Value, Value, Gen.Int[0, 2]).Select((root, a, b, dataset) =>
            (new TestRow(root, new Dictionary<string, FieldValue> { ["a"] = a, ["b"] = b }), dataset));

    private static readonly Gen<string> ConditionJson =
        Gen.Select(AnyOf("a", "b", "root.a", "root.b"), AnyOf("=", "!=", ">", "<=", "starts-with", "contains", "does-not-contain", "exists", "not-exists", "has-root-span", "matches", "in", "not-in", "count"), AnyOf("1", "\"x\"", "true"))
            .Select((field, op, value) => op switch
            {
                "exists" or "not-exists" => Policies.ConditionJson(field, op, ""),
                "has-root-span" => Policies.ConditionJson("", op, value == "true" ? "true" : "false"),
                "in" or "not-in" => Policies.ConditionJson(field, op, $"[{value},2]"),
                "count" => Policies.ConditionJson("?.NUM_DESCENDANTS", ">", "3"),
                _ => Policies.ConditionJson(field, op, value),
            });

    private static readonly Gen<string> RuleJson =
        Gen.Select(AnyOf("trace", "span"), ConditionJson.Array[0, 3], AnyOf("\"keep\":true", "\"drop\":true", "\"rate\":2", "\"sampler\":{\"type\":\"deterministic\",\"rate\":3.5}"))
            .Select((scope, conditions, action) => $$"""{"scope":"{{scope}}","conditions":[{{string.Join(',', conditions)}}],{{action}}}""");

    private static readonly Gen<string> PolicyJson = RuleJson.Array[0, 4].Select(rules => $$"""{"rules":[{{string.Join(',', rules)}}]}""");

    [Fact]
    public void DecidingFromTheSummaryIsDecidingFromAllRows() =>
        Gen.Select(PolicyJson, PolicyJson, Row.Array[1, 8], Gen.UInt, Gen.Int[1, 3]).Sample(
            (shop, others, rows, hash, batchSize) =>
            {
                var compiled = Policies.Set(("shop", shop), ("__default__", others)).Compiled;
                var summary = default(TraceSummary);
                foreach (var batch in rows.Chunk(batchSize))
                {
                    summary.Fold(Contribution(compiled, batch, hash), windowMs: 1000);
                }

                var deciding = rows.Where(r => r.Row.IsRoot).Append(rows[0]).First().Dataset;
                Assert.Equal(deciding, summary.DecidingDataset);
                var policy = Policies.Parse(deciding == 0 ? shop : others);
                var expected = Reference(policy, [.. rows.Select(r => r.Row)], hash);
                Assert.Equal(expected, compiled.Decide(in summary, Datasets[summary.DecidingDataset]));
            },
            iter: 5000);

    [Fact]
    public void ARowWithoutATraceIsDecidedAsATraceOfItsOwn() =>
        Gen.Select(PolicyJson, Row, Gen.Int[0, 63], Gen.Long[0, 1_000_000_000], Gen.Int[0, 5000]).Sample((json, row, partition, offset, index) =>
        {
            var compiled = Policies.Set(("__default__", json)).Compiled;
            var alone = row.Row with { IsRoot = true };
            var expected = Reference(Policies.Parse(json), [alone], CompiledRules.HashOfPlace(partition, offset, index));
            Assert.Equal(expected, compiled.DecideRow(compiled.BitsOf(in alone), 0, "any", partition, offset, index));
        });

    [Fact]
    public void OneInNOfTheRowsWithoutATraceIsKeptAlsoWithinOneRecord()
    {
        var compiled = Policies.Set(("__default__", """{"rules":[{"rate":10}]}""")).Compiled;
        const int Rows = 100_000;
        foreach (var rowsPerRecord in (int[])[1, 1000])
        {
            var kept = Enumerable.Range(0, Rows).Count(i => compiled.DecideRow(default, 0, "any", 3, i / rowsPerRecord, i % rowsPerRecord).Keep);
            Assert.InRange(kept, (Rows / 10) - 400, (Rows / 10) + 400);
        }

        // A restart decides alike.
        Assert.Equal(compiled.DecideRow(default, 0, "any", 1, 2, 3), compiled.DecideRow(default, 0, "any", 1, 2, 3));
        Assert.Equal(2_087_236_752u, CompiledRules.HashOfPlace(1, 2, 3));
    }

    [Fact]
    public void ErrorsAreKeptAndTheRestOneInTen()
    {
        var compiled = Policies.Set(("__default__", """{"rules":[{"name":"errors","conditions":[{"field":"error","op":"=","value":true}],"keep":true},{"name":"rest","rate":10}]}""")).Compiled;
        Assert.True(compiled.UsesSamplerHash);
        var error = new TestRow(IsRoot: false, new Dictionary<string, FieldValue> { ["error"] = FieldValue.Of(true) });
        var fine = new TestRow(IsRoot: true, new Dictionary<string, FieldValue> { ["error"] = FieldValue.Of(false) });

        var withError = SummaryOf(compiled, "abc123", fine, error);
        var kept = compiled.Decide(in withError, "shop");
        Assert.Equal(new SamplingDecision(true, 1, SamplingReason.KeepRule, 0), kept);
        Assert.Equal("errors", compiled.RulesFor("shop").RuleNameOf(kept));
        Assert.Equal("rules/trace/errors", compiled.RulesFor("shop").ReasonTextOf(kept));

        foreach (var (traceId, keep) in ((string, bool)[])[("abc123", false), ("def456", true)])
        {
            var without = SummaryOf(compiled, traceId, fine);
            var decision = compiled.Decide(in without, "shop");
            Assert.Equal(new SamplingDecision(keep, 10, SamplingReason.RateRule, 1), decision);
            Assert.Equal("rules/trace/rest", compiled.RulesFor("shop").ReasonTextOf(decision));
        }
    }

    [Fact]
    public void EveryReasonHasANameOfItsOwn()
    {
        var names = Enum.GetValues<SamplingReason>().Select(SamplingReasons.NameOf).ToArray();
        Assert.Equal(names.Length, names.Distinct().Count());
        var compiled = Policies.Set(("a", """{"rules":[{"name":"n","scope":"span","sampler":{"type":"deterministic","rate":1}}]}""")).Compiled;
        Assert.Equal("rules/span/n:deterministic", compiled.RulesFor("a").ReasonTextOf(compiled.DecideRow(default, 0, "a", 0, 0, 0)));
        Assert.Equal("no rule matched", compiled.RulesFor("b").ReasonTextOf(compiled.DecideRow(default, 0, "b", 0, 0, 0)));
        Assert.Equal("", compiled.RulesFor("b").RuleNameOf(compiled.DecideRow(default, 0, "b", 0, 0, 0)));
    }

    // Rules of a known meaning over traces of given rows: "R" marks the root, then fields as JSON-ish pairs.
    [Theory]
    [InlineData("trace", "a = 1, b = 1", "a=1 | b=1", true)]
    [InlineData("span", "a = 1, b = 1", "a=1 | b=1", false)]
    [InlineData("span", "a = 1, b = 1", "a=1 | a=1 b=1", true)]
    [InlineData("trace", "root.a = 1", "a=1 | R a=2", false)]
    [InlineData("trace", "root.a = 1", "a=2 | R a=1", true)]
    [InlineData("trace", "root.a = 1", "a=1 | a=1", false)]
    [InlineData("trace", "root.a != 1", "a=2", false)]
    [InlineData("trace", "root.a not-exists", "a=1", true)]
    [InlineData("trace", "root.a not-exists", "R a=1 | b=1", false)]
    [InlineData("trace", "root.a not-exists", "R b=1 | a=1", true)]
    [InlineData("span", "root.a = 1, b = 2", "R a=1 | b=2", true)]
    [InlineData("span", "root.a = 1, b = 2", "R a=2 b=2 | a=1 b=2", false)]
    [InlineData("trace", "a != 1", "a=1 | a=2", true)]
    [InlineData("trace", "a != 1", "a=1 | b=2", false)]
    [InlineData("trace", "a not-exists", "a=1 | b=2", true)]
    [InlineData("trace", "a not-exists", "a=1 | a=2", false)]
    [InlineData("trace", "a exists, a not-exists", "a=1 | b=2", true)]
    [InlineData("span", "a exists, a not-exists", "a=1 | b=2", false)]
    [InlineData("trace", "has-root-span true", "a=1", false)]
    [InlineData("trace", "has-root-span true", "a=1 | R", true)]
    [InlineData("trace", "has-root-span false", "a=1", true)]
    [InlineData("span", "has-root-span false, a = 1", "a=1", true)]
    [InlineData("trace", "?.NUM_DESCENDANTS > 2", "a=1 | a=1", false)]
    [InlineData("trace", "?.NUM_DESCENDANTS > 2", "a=1 | a=1 | R", true)]
    [InlineData("trace", "", "a=1", true)]
    public void ScopesAndRootFieldsMatchAsInRefinery(string scope, string conditions, string trace, bool matches)
    {
        var conditionsJson = string.Join(',', conditions.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(c => c.Split(' ')).Select(p => p[0] == "has-root-span"
            ? Policies.ConditionJson("", p[0], p[1])
            : Policies.ConditionJson(p[0], p[1], p.Length > 2 ? p[2] : "")));
        var compiled = Policies.Set(("__default__", $$"""{"rules":[{"scope":"{{scope}}","conditions":[{{conditionsJson}}],"drop":true}]}""")).Compiled;
        var rows = trace.Split(" | ").Select(text => text.Split(' ')).Select(parts => new TestRow(
            parts[0] == "R",
            parts.Where(p => p.Contains('=')).ToDictionary(p => p.Split('=')[0], p => Policies.Value(p.Split('=')[1])))).ToArray();
        var summary = SummaryOf(compiled, "id", rows);
        Assert.Equal(!matches, compiled.Decide(in summary, "any").Keep);
    }

    [Fact]
    public void DecidingAllocatesNothing()
    {
        var compiled = Policies.Set(("__default__", """{"rules":[{"conditions":[{"field":"a","op":"=","value":1},{"field":"root.b","op":"exists"}],"drop":true},{"rate":10}]}""")).Compiled;
        var summary = SummaryOf(compiled, "abc123", new TestRow(true, new Dictionary<string, FieldValue>()));
        var rules = compiled.RulesFor("shop");
        rules.Decide(in summary);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var decision = rules.Decide(in summary);
        var row = rules.DecideRow(default, 0, 1, 2, 3);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(10, decision.Rate * row.Rate / 10);
    }

    private static Gen<string> AnyOf(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(i => texts[i]);

    private static TraceSummary SummaryOf(CompiledSamplingPolicy compiled, string traceId, params TestRow[] rows)
    {
        var summary = default(TraceSummary);
        foreach (var row in rows)
        {
            summary.Fold(Contribution(compiled, [(row, 0)], DeterministicSampler.HashOf(traceId)), windowMs: 1000);
        }

        return summary;
    }

    private static TraceContribution Contribution(CompiledSamplingPolicy compiled, (TestRow Row, int Dataset)[] rows, uint hash) => new()
    {
        PolicyVersion = compiled.Version,
        RowCount = rows.Length,
        Bits = rows.Aggregate(default(ConditionBits), (bits, r) => bits | compiled.BitsOf(r.Row)),
        SamplerHash = hash,
        FirstDataset = rows[0].Dataset,
        RootDataset = rows.Where(r => r.Row.IsRoot).Select(r => r.Dataset).FirstOrDefault(TraceSummary.NoDataset),
    };

    /// <summary>The rules read off the whole trace, span by span, as their definition says.</summary>
    private static SamplingDecision Reference(SamplingPolicy policy, TestRow[] rows, uint hash)
    {
        var roots = rows.Where(r => r.IsRoot).ToArray();

        bool OfTrace(SamplingCondition c) => c.Op == SamplingOperator.HasRootSpan ? c.Value.AsBool == roots.Length > 0 : c.Matches(FieldValue.Of((long)rows.Length));
        bool OnRoot(IEnumerable<SamplingCondition> all) => roots.Length > 0
            ? roots.Any(root => all.All(c => c.Matches(root.ValueOf(c.Field))))
            : all.All(c => c.Matches(FieldValue.Absent));
        bool OnARow(IEnumerable<SamplingCondition> all) => rows.Any(row => all.All(c => c.Matches(row.ValueOf(c.Field))));

        for (var i = 0; i < policy.Rules.Count; i++)
        {
            var rule = policy.Rules[i];
            var (ofTrace, onRoot, onRow) = (rule.Conditions.Where(c => c.OfWholeTrace), rule.Conditions.Where(c => !c.OfWholeTrace && c.RootOnly), rule.Conditions.Where(c => !c.OfWholeTrace && !c.RootOnly));
            var matches = ofTrace.All(OfTrace) && (rule.Scope == SamplingScope.Span
                ? OnRoot(onRoot) && OnARow(onRow)
                : onRoot.All(c => OnRoot([c])) && onRow.All(c => OnARow([c])));
            if (matches)
            {
                var keep = rule.Action switch { SamplingActionKind.Keep => true, SamplingActionKind.Drop => false, _ => hash <= uint.MaxValue / rule.ActionRate };
                var reason = rule.Action switch
                {
                    SamplingActionKind.Keep => SamplingReason.KeepRule,
                    SamplingActionKind.Drop => SamplingReason.DropRule,
                    SamplingActionKind.Rate => SamplingReason.RateRule,
                    _ => SamplingReason.DeterministicSampler,
                };
                return new SamplingDecision(keep, rule.ActionRate, reason, (short)i);
            }
        }

        return SamplingDecision.NoRuleMatched;
    }
}
