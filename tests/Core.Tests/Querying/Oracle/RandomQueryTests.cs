using System.Globalization;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>
/// Questions at random over events at random, in every form that a leaf holds them in, against the oracle. A failure names its seed:
/// <c>STREAMOBSERVE_QUERY_SEED=n</c> asks that data set's questions again, <c>STREAMOBSERVE_RANDOM_QUERIES=n</c> asks so many of the others.
/// </summary>
public sealed class RandomQueryTests
{
    private const string SeedVariable = "STREAMOBSERVE_QUERY_SEED";
    private const string CountVariable = "STREAMOBSERVE_RANDOM_QUERIES";
    private const int QueriesDefault = 10_000;
    private const int QueriesPerDataSet = 500;

    public static TheoryData<int> Seeds()
    {
        if (Environment.GetEnvironmentVariable(SeedVariable) is { Length: > 0 } seed)
        {
            return [int.Parse(seed, CultureInfo.InvariantCulture)];
        }

        var queries = Environment.GetEnvironmentVariable(CountVariable) is { Length: > 0 } count ? int.Parse(count, CultureInfo.InvariantCulture) : QueriesDefault;
        return [.. Enumerable.Range(1, (queries + QueriesPerDataSet - 1) / QueriesPerDataSet)];
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void EveryFormAnswersAsTheOracleDoes(int seed)
    {
        // Few large data sets, many small ones: in small ones most groups, points and fields are the odd ones out.
        var random = new Random(seed);
        var events = RandomSpans.Of(new EventMaker(seed).Many(seed % 10 == 0 ? 2_000 : random.Next(200, 400)), seed);
        var forms = new LeafForms(events, random.Next(20, 150), random.Next(1, 4), "name", "status", "service.name");
        var specs = new RandomSpecs(seed, events);
        var aggregated = 0;
        for (var i = 0; i < QueriesPerDataSet; i++)
        {
            var plan = specs.Next();
            var oracle = new OracleQuery(plan.Dataset ?? LeafPlan.AllDatasets, plan.Spec, plan.Time, forms.Rows);
            foreach (var (form, answer) in forms.Answer(plan))
            {
                aggregated += form == "aggregates" ? 1 : 0;
                try
                {
                    OracleAssert.Answers(oracle, answer);
                }
                catch (Exception e)
                {
                    throw new Xunit.Sdk.XunitException(
                        $"{SeedVariable}={seed}, question {i}, {form}, dataset {plan.Dataset ?? LeafPlan.AllDatasets}, {plan.Time}:\n{QueryText.Format(plan.Spec)}\n{e.Message}", e);
                }
            }
        }

        Assert.True(aggregated * 20 > QueriesPerDataSet, $"aggregates answered {aggregated} of {QueriesPerDataSet}");
    }
}
