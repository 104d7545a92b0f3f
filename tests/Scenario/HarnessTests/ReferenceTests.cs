using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario.HarnessTests;

/// <summary>The plain computations that the system is held against, held against numbers worked out by hand.</summary>
public sealed class ReferenceTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    [Fact]
    public void AnswersAreThoseOfAFewEventsCountedByHand()
    {
        File.WriteAllLines(_file,
        [
            """{"timestamp":"2022-08-22T03:52:19.213560192Z","service.name":"a","name":"x","trace.trace_id":"t1","duration_ms":1.5}""",
            """{"timestamp":"2022-08-22T03:52:20.000Z","service.name":"b","name":"x","trace.trace_id":"t2","duration_ms":2,"error":true}""",
            """{"timestamp":"2022-08-22T03:52:20.999Z","service.name":"a","name":"y","trace.trace_id":"t1","duration_ms":4,"error":true}""",
            """{"timestamp":"2022-08-22T03:52:21Z","service.name":"a","trace.trace_id":"t1","duration_ms":8,"error":false}""",
        ]);
        EventTable table = EventTable.Read(_file, ["service.name", "name", "error"]);

        Assert.Equal((4, 15.5, 8.0), (table.Count, table.DurationMsSum, table.DurationMsMax));
        Assert.Equal((1_661_140_339, 1_661_140_341), (table.FirstSecond, table.LastSecond));
        Assert.Equal(new Dictionary<string, double> { ["a"] = 3, ["b"] = 1 }, table.CountBy("service.name"));
        Assert.Equal(new Dictionary<string, double> { ["x"] = 2, ["y"] = 1 }, table.CountBy("name"));
        Assert.Equal(new Dictionary<string, double> { ["true"] = 2, ["false"] = 1 }, table.CountBy("error"));
        Assert.Equal(new Dictionary<string, double> { ["a"] = 13.5, ["b"] = 2 }, table.DurationMsSumBy("service.name"));
        var second = new TimeRange(1_661_140_340, 1_661_140_341);
        Assert.Equal((2, 4.0, 2), (table.CountIn(second), table.DurationMsMaxIn(second), table.TracesIn(second)));
        Assert.Equal((4.0, 4.0), table.DurationMsQuantileBy("service.name", 0.5)["a"]);
        TraceFacts trace = table.Traces[0];
        Assert.Equal(("t1", 3, 13.5, 0, 2), (trace.Id, trace.Rows, trace.DurationMsSum, trace.FirstLine, trace.FirstErrorLine));
    }

    [Theory]
    [InlineData(0.0, 1, 1)]
    [InlineData(0.5, 2, 3)]
    [InlineData(0.99, 3, 4)]
    [InlineData(1.0, 4, 4)]
    public void AQuantileLiesBetweenTheNeighboursOfItsRank(double quantile, double low, double high) =>
        Assert.Equal((low, high), EventTable.Neighbours([3, 1, 4, 2], quantile));

    [Fact]
    public void TheDeterministicSamplerKeepsWhatItsDefinitionSays() =>
        Assert.Equal(["def456"], new[] { "abc123", "def456", "ghi789", "zyx987", "wvu654", "tsr321" }.Where(id => DeterministicSampling.Keeps(id, 10)));

    [Fact]
    public void OneInTenKeepsAboutATenthOfGeneratedTraces()
    {
        Events.Generate(_file, 50_000);
        EventTable table = EventTable.Read(_file, []);
        Assert.InRange(table.Traces.Count(t => DeterministicSampling.Keeps(t.Id, 10)) / (double)table.Traces.Count, 0.08, 0.12);
    }

    public void Dispose() => File.Delete(_file);
}
