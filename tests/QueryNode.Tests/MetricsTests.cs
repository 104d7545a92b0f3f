using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using StreamObserve.QueryNode.Tail;

namespace StreamObserve.QueryNode.Tests;

public class MetricsTests
{
    [Fact]
    public async Task RequestsAndTailsAreCounted()
    {
        await using var server = await QueryNodeServer.StartAsync();
        var sums = new ConcurrentDictionary<string, double>();
        using var closed = new SemaphoreSlim(0);
        using var listener = new MeterListener();
        var meters = server.Services.GetRequiredService<IMeterFactory>();
        listener.InstrumentPublished = (instrument, listener) =>
        {
            // Other tests' servers have meters of the same name.
            if (instrument.Meter.Name == QueryMetrics.MeterName && ReferenceEquals(instrument.Meter.Scope, meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Record(instrument, 1, tags));
        listener.Start();

        using var answered = await server.QueryAsync("""{"dataset":"d","query":{}}""");
        server.Queries.Answer = (_, _) => Task.FromResult<Services.QueryOutcome>(new Services.QueryOutcome.UnknownDataset());
        using var unknown = await server.QueryAsync("""{"dataset":"d","query":{}}""");
        using var trace = await server.GetAsync("/api/v1/traces/abc");
        await using (var tail = await SseReader.OpenAsync(server, "/api/v1/tail?rate=2"))
        {
            var producer = await server.Tails.StartedAsync();
            for (var i = 0; i < 5; i++)
            {
                producer.Offer(new TailRow("{}"u8.ToArray(), "t"));
            }

            producer.Complete("enough");
            while (await tail.NextOrEndAsync() is not null)
            {
            }
        }

        await closed.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, sums["streamobserve.query.requests kind=query status=200"]);
        Assert.Equal(1, sums["streamobserve.query.requests kind=query status=404"]);
        Assert.Equal(1, sums["streamobserve.query.requests kind=trace status=404"]);
        Assert.Equal(2, sums["streamobserve.query.duration kind=query"]);
        Assert.Equal(0, sums["streamobserve.query.running"]);
        Assert.Equal(2, sums["streamobserve.query.tail.rows_sent"]);
        Assert.Equal(3, sums["streamobserve.query.tail.rows_skipped"]);
        Assert.Equal(0, sums["streamobserve.query.tail.subscribers"]);

        void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var key = instrument.Name;
            foreach (var tag in tags)
            {
                key += $" {tag.Key}={tag.Value}";
            }

            sums.AddOrUpdate(key, value, (_, sum) => sum + value);
            if (instrument.Name == "streamobserve.query.tail.subscribers" && value < 0)
            {
                closed.Release();
            }
        }
    }
}
