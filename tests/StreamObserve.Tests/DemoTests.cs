using System.Text;
using System.Text.Json;
using StreamObserve.Demo;

namespace StreamObserve.Tests;

public class DemoTests
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly ShopStory Story = new(Start);

    [Fact]
    public void SameSeedMakesTheSameSecondInAnyOrder()
    {
        var forwards = new ShopTraffic(7, 20, Story);
        var backwards = new ShopTraffic(7, 20, Story);
        List<string> a = Second(forwards, 0), b = Second(forwards, 1);
        List<string> d = Second(backwards, 1), c = Second(backwards, 0);
        Assert.Equal(a, c);
        Assert.Equal(b, d);
        Assert.NotEqual(a, b);
        Assert.NotEqual(a, Second(new ShopTraffic(8, 20, Story), 0));
    }

    [Fact]
    public void EventsAreWideAndTracesAreWhole()
    {
        var events = new List<DemoEvent>();
        new ShopTraffic(1, 50, Story).AddSecond(Start.ToUnixTimeSeconds(), events);
        var rows = events.Select(e => JsonDocument.Parse(e.Value).RootElement).ToList();
        Assert.All(rows, r => Assert.InRange(r.EnumerateObject().Count(), 25, 60));
        var traces = rows.GroupBy(r => r.GetProperty("trace.trace_id").GetString()).ToList();
        Assert.Equal(50, traces.Count);
        foreach (var trace in traces)
        {
            var ids = trace.Select(r => r.GetProperty("trace.span_id").GetString()).ToHashSet();
            Assert.Equal(trace.Count(), ids.Count);
            Assert.Single(trace, r => !r.TryGetProperty("trace.parent_id", out _));
            Assert.All(trace, r => Assert.True(!r.TryGetProperty("trace.parent_id", out JsonElement p) || ids.Contains(p.GetString())));
        }

        Assert.All(events, e => Assert.Equal(JsonDocument.Parse(e.Value).RootElement.GetProperty("trace.trace_id").GetString(), Encoding.ASCII.GetString(e.Key)));
        Assert.True(Shop.Builds.Keys.ToHashSet().SetEquals(rows.Select(r => r.GetProperty("service.name").GetString()!)));
    }

    [Fact]
    public void StoryCanBeFoundByBuildRegionFlagAndCustomer()
    {
        var traffic = new ShopTraffic(1, 50, Story);
        var payments = Enumerable.Range(-120, 240).SelectMany(s => Second(traffic, s)).Select(j => JsonDocument.Parse(j).RootElement)
            .Where(r => r.GetProperty("name").GetString() == "Authorize").ToList();
        bool Hit(JsonElement r) => r.GetProperty("build_id").GetString() == "b2418" && r.GetProperty("feature.new_tax_engine").GetBoolean();
        bool Nordwind(JsonElement r) => r.GetProperty("customer.id").GetString() == ShopCustomer.Nordwind.Id;
        double Median(IEnumerable<JsonElement> rows) => rows.Select(r => r.GetProperty("duration_ms").GetDouble()).Order().ToList() is { Count: > 0 } l ? l[l.Count / 2] : 0;

        Assert.True(Median(payments.Where(r => Hit(r) && Nordwind(r))) > 20 * Median(payments.Where(r => !Hit(r))));
        Assert.True(Median(payments.Where(r => !Hit(r) && Nordwind(r))) < 200);
        Assert.Contains(payments, r => Hit(r) && Nordwind(r) && r.TryGetProperty("exception.type", out JsonElement e) && e.GetString() == "TaxLookupTimeout");
        Assert.All(payments.Where(r => r.GetProperty("build_id").GetString() == "b2418"), r => Assert.Equal("eu-west", r.GetProperty("region").GetString()));
        Assert.DoesNotContain(payments, r => r.GetProperty("build_id").GetString() == "b2418" && r.GetProperty("timestamp").GetDateTimeOffset() < Start);
    }

    [Fact]
    public void HistoryComesNewestFirstAndLiveSpansOnceTheyHaveEnded()
    {
        var schedule = new DemoSchedule(new ShopTraffic(1, 10, Story), Start, TimeSpan.FromSeconds(5));
        var due = new List<DemoEvent>();
        schedule.TakeHistory(3, due);
        Assert.Equal(3, due.Count);
        Assert.All(due, e => Assert.InRange(Timestamp(e), Start.AddSeconds(-1), Start.AddSeconds(1)));
        while (!schedule.HistoryDone)
        {
            schedule.TakeHistory(1000, due);
        }

        int total = Enumerable.Range(-5, 5).Sum(s => Second(new ShopTraffic(1, 10, Story), s).Count);
        Assert.Equal(total, due.Count);

        due.Clear();
        DateTimeOffset now = Start.AddSeconds(2.5);
        schedule.TakeLive(now, due);
        Assert.NotEmpty(due);
        Assert.All(due, e => Assert.True(e.EndedAt <= now));
        int before = due.Count;
        schedule.TakeLive(now, due);
        Assert.Equal(before, due.Count);
        schedule.TakeLive(now.AddSeconds(10), due);
        Assert.Equal(due.Count, due.Select(e => Encoding.UTF8.GetString(e.Value)).Distinct().Count());
    }

    private static List<string> Second(ShopTraffic traffic, int offset)
    {
        var events = new List<DemoEvent>();
        traffic.AddSecond(Start.ToUnixTimeSeconds() + offset, events);
        return [.. events.Select(e => Encoding.UTF8.GetString(e.Value))];
    }

    private static DateTimeOffset Timestamp(DemoEvent e) => JsonDocument.Parse(e.Value).RootElement.GetProperty("timestamp").GetDateTimeOffset();
}
