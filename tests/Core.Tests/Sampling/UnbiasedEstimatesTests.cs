using System.Text;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;
using StreamObserve.Core.Sampling.SamplingPolicies;
using StreamObserve.Core.Tests.Sampling.SamplingPolicies;

namespace StreamObserve.Core.Tests.Sampling;

/// <summary>Over 200 sets of trace ids the mean estimate of each of ten questions is within half a percent of the truth, whatever sampler decides.</summary>
public class UnbiasedEstimatesTests
{
    private const int Seeds = 200;

    private static readonly (string Name, Func<Trace, double> Of)[] Questions =
    [
        ("COUNT", trace => trace.Rows),
        ("COUNT of traces", _ => 1),
        ("SUM(duration_ms)", trace => trace.DurationMs),
        ("COUNT WHERE route = /", trace => trace.Route == "/" ? trace.Rows : 0),
        ("COUNT WHERE route = /cart", trace => trace.Route == "/cart" ? trace.Rows : 0),
        ("SUM(duration_ms) WHERE route = /pay", trace => trace.Route == "/pay" ? trace.DurationMs : 0),
        ("COUNT WHERE build = 7", trace => trace.Build == 7 ? trace.Rows : 0),
        ("COUNT WHERE duration_ms > 50", trace => trace.DurationMs > 50 ? trace.Rows : 0),
        ("COUNT WHERE rows > 5", trace => trace.Rows > 5 ? trace.Rows : 0),
        ("SUM(duration_ms) WHERE build < 3", trace => trace.Build < 3 ? trace.DurationMs : 0),
    ];

    public static TheoryData<string> Samplers =>
    [
        """{"rules":[{"name":"r","rate":4}]}""",
        """{"rules":[{"name":"r","sampler":{"type":"probabilistic","percent":25}}]}""",
        """{"rules":[{"name":"r","sampler":{"type":"dynamic","goal_rate":4,"key":["route"]}}]}""",
        """{"rules":[{"name":"r","sampler":{"type":"throughput","goal_per_second":GOAL,"key":["route"]}}]}""",
        """{"policies":[{"name":"l","type":"rate_limiting","rate_limiting":{"spans_per_second":GOAL}},{"name":"p","type":"probabilistic","probabilistic":{"sampling_percentage":10}}]}""",
    ];

    /// <summary>Of few traces the mean of 200 samples varies by more than that: it is held to four of its standard errors.</summary>
    [Theory]
    [MemberData(nameof(Samplers))]
    public void TheMeanOfManySamplesIsTheTruth(string policy) => Check(policy, MakePopulation(4_000), (_, standardError) => 4 * standardError);

    [Theory]
    [Trait("category", "full")]
    [MemberData(nameof(Samplers))]
    public void TheMeanOfManySamplesIsWithinHalfAPercent(string policy) => Check(policy, MakePopulation(200_000), (truth, _) => 0.005 * truth);

    private static void Check(string policy, Trace[] population, Func<double, double, double> allowed)
    {
        var goal = population.Length * 45 / 400;        // a quarter of the rows in ten seconds
        var compiled = Policies.Set(("__default__", policy.Replace("GOAL", $"{goal}", StringComparison.Ordinal))).Compiled;
        var sums = new double[Questions.Length];
        var squares = new double[Questions.Length];
        for (var seed = 0; seed < Seeds; seed++)
        {
            var estimates = new double[Questions.Length];
            foreach (var (trace, decision) in Decide(compiled, population, seed))
            {
                for (var question = 0; decision.Keep && question < Questions.Length; question++)
                {
                    estimates[question] += decision.Rate * Questions[question].Of(trace);
                }
            }

            for (var question = 0; question < Questions.Length; question++)
            {
                sums[question] += estimates[question];
                squares[question] += estimates[question] * estimates[question];
            }
        }

        var wrong = new List<string>();
        for (var question = 0; question < Questions.Length; question++)
        {
            var (truth, mean) = (population.Sum(Questions[question].Of), sums[question] / Seeds);
            var standardError = Math.Sqrt(Math.Max(0, (squares[question] / Seeds) - (mean * mean)) / Seeds);
            if (Math.Abs(mean - truth) > allowed(truth, standardError) + (1e-9 * truth))
            {
                wrong.Add(FormattableString.Invariant($"{Questions[question].Name}: {(mean / truth) - 1:P2}, a standard error is {standardError / truth:P2}"));
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static IEnumerable<(Trace Trace, SamplingDecision Decision)> Decide(CompiledSamplingPolicy compiled, Trace[] population, int seed)
    {
        var random = new Random(seed);
        var rules = compiled.RulesFor("any");
        var nested = rules.Policies is null ? rules.EpochSamplerOf(0) : null;
        var sampler = new EpochSampler();
        var limits = new EpochLimits();
        var traceOf = new Dictionary<TraceKey, Trace>();
        var decided = new List<(Trace, SamplingDecision)>();
        var raw = new byte[16];
        foreach (var trace in population)
        {
            random.NextBytes(raw);
            var id = Convert.ToHexStringLower(raw);
            var key = TraceKey.FromBytes(raw);
            traceOf.Add(key, trace);
            var utf8 = Encoding.UTF8.GetBytes(id);
            var bits = default(ConditionBits);
            for (var i = 0; i < compiled.Probabilistic.Count; i++)
            {
                bits = compiled.Probabilistic[i].Keeps(utf8) ? bits.With(CompiledSamplingPolicy.ProbabilisticBit(i)) : bits;
            }

            var summary = default(TraceSummary);
            summary.Fold(new() { RowCount = trace.Rows, Bits = bits, SamplerHash = DeterministicSampler.HashOf(utf8), RootDataset = 0, PolicyVersion = compiled.Version }, 1_000);
            if (nested is not null)
            {
                sampler.Of(new(1, rules.Policy, 0, trace.Route), nested).AddTrace(key, trace.Rows);
            }
            else if (rules.Policies is { HasLimits: true } policies)
            {
                limits.AddTrace(policies, key, summary);
            }
            else
            {
                decided.Add((trace, rules.Decide(summary)));
            }
        }

        sampler.Decide(_ => 10, 1, (key, decision) => decided.Add((traceOf[key], decision)));
        limits.Decide(_ => 10, 1, (key, decision) => decided.Add((traceOf[key], decision)), (_, _) => { });
        return decided;
    }

    private static Trace[] MakePopulation(int traces)
    {
        var random = new Random(3);
        string[] routes = ["/", "/", "/", "/cart", "/cart", "/pay"];
        return [.. Enumerable.Range(0, traces).Select(_ => new Trace(
            routes[random.Next(routes.Length)], random.Next(10), random.Next(1, 9), Math.Exp(2 + (1.2 * (random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * 2))))];
    }

    private sealed record Trace(string Route, int Build, int Rows, double DurationMs);
}
