using System.Text;
using System.Text.Json;
using CsCheck;
using StreamObserve.Bench.Generator;

namespace StreamObserve.Scenario.HarnessTests;

public sealed class EventGeneratorTests
{
    [Fact]
    public void TheSameOptionsGiveTheSameBytesAndAnotherSeedOthers()
    {
        Assert.Equal(Generate(3_000, 1).Text, Generate(3_000, 1).Text);
        Assert.NotEqual(Generate(3_000, 1).Text, Generate(3_000, 2).Text);
    }

    [Fact]
    public void AnyNumberOfEventsComesOutInTracesOfFourToTwelve() =>
        Gen.Select(Gen.Long[4, 3_000], Gen.ULong).Sample(
            (events, seed) =>
            {
                (string text, GroundTruth truth) = Generate(events, seed);
                JsonElement[] rows = Parse(text);
                var traces = rows.GroupBy(r => r.GetProperty("trace.trace_id").GetString()).ToArray();
                return rows.Length == events && truth.Events == events && truth.Traces == traces.Length && truth.Bytes == Encoding.UTF8.GetByteCount(text)
                    && traces.All(t => t.Count() is >= 4 and <= 12 && t.Count(r => !r.TryGetProperty("trace.parent_id", out _)) == 1);
            },
            iter: 30);

    [Fact]
    public void EveryEventHasTheTwentyThreeFieldsAndParentsAreInItsTrace()
    {
        JsonElement[] rows = Parse(Generate(5_000, 3).Text);
        string[] fields = [.. rows.SelectMany(r => r.EnumerateObject().Select(p => p.Name)).Distinct()];
        Assert.Equal(23, fields.Length);
        HashSet<(string?, string?)> spans = [.. rows.Select(r => (r.GetProperty("trace.trace_id").GetString(), r.GetProperty("trace.span_id").GetString()))];
        Assert.Equal(rows.Length, spans.Count);
        Assert.All(rows.Where(r => r.TryGetProperty("trace.parent_id", out _)), r =>
            Assert.Contains((r.GetProperty("trace.trace_id").GetString(), r.GetProperty("trace.parent_id").GetString()), spans));
        Assert.All(rows, r => Assert.InRange(r.EnumerateObject().Count(), 21, 23));
        Assert.All(rows, r => Assert.Equal(r.GetProperty("http.status_code").GetInt32() >= 500, r.GetProperty("error").GetBoolean()));
    }

    [Fact]
    public void TheTruthSaysWhatIsInTheEvents()
    {
        (string text, GroundTruth truth) = Generate(100_000, 42);
        JsonElement[] rows = Parse(text);
        Assert.Equal(truth.ErrorEvents, rows.Count(r => r.GetProperty("error").GetBoolean()));
        JsonElement[] matching = [.. rows.Where(r => IsIn(truth.Incident, r)).GroupBy(r => r.GetProperty("trace.trace_id").GetString()).SelectMany(t => t)];
        JsonElement[] roots = [.. matching.Where(r => !r.TryGetProperty("trace.parent_id", out _) && TimeOf(r) >= truth.Incident.From && TimeOf(r) < truth.Incident.To)];
        Assert.Equal(truth.Incident.Traces, roots.Length);
        Assert.InRange(truth.Incident.Traces, 3, 40);
        Assert.InRange(roots.Count(r => r.GetProperty("http.status_code").GetInt32() == truth.Incident.FailureStatus), truth.Incident.FailedTraces, truth.Incident.Traces);
        double slow = roots.Average(r => r.GetProperty("duration_ms").GetDouble());
        double usual = rows.Where(r => !r.TryGetProperty("trace.parent_id", out _)).Average(r => r.GetProperty("duration_ms").GetDouble());
        Assert.True(slow > 5 * usual, $"{slow} ms against {usual} ms");
    }

    [Fact]
    public void DimensionsAreAsManyAsTheyShouldBe()
    {
        JsonElement[] rows = Parse(Generate(100_000, 42).Text);
        (string Field, int Values)[] expected =
        [
            ("service.name", 12), ("name", 40), ("http.method", 4), ("http.route", 60), ("build_id", 20), ("region", 4), ("availability_zone", 12),
            ("hostname", 200), ("kafka.partition", 24), ("db.statement_hash", 500), ("client.os", 6), ("error", 2), ("feature_flag.new_checkout", 2),
        ];
        Assert.Equal(expected, expected.Select(e => (e.Field, Distinct(rows, e.Field))));
        Assert.InRange(rows.Count(r => r.GetProperty("error").GetBoolean()), 300, 1_200);
        Assert.InRange(Distinct(rows, "customer_id"), 3_000, 9_000);
        Assert.InRange(Distinct(rows, "user_id"), 9_000, 13_000);
    }

    private static int Distinct(JsonElement[] rows, string field) =>
        rows.Select(r => r.TryGetProperty(field, out JsonElement value) ? value.ToString() : null).OfType<string>().Distinct().Count();

    private static bool IsIn(Incident incident, JsonElement row) =>
        row.GetProperty("build_id").GetString() == incident.BuildId && row.GetProperty("http.route").GetString() == incident.Route
        && row.GetProperty("availability_zone").GetString() == incident.Zone;

    private static DateTimeOffset TimeOf(JsonElement row) => row.GetProperty("Timestamp").GetDateTimeOffset();

    private static (string Text, GroundTruth Truth) Generate(long events, ulong seed)
    {
        using var stream = new MemoryStream();
        var generator = new EventGenerator(GeneratorOptions.Default with { Events = events, Seed = seed });
        generator.WriteTo(stream);
        return (Encoding.UTF8.GetString(stream.ToArray()), generator.Truth);
    }

    private static JsonElement[] Parse(string text) =>
        [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)];
}
