using System.Globalization;
using System.Text;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Tests.Events;

public sealed class EventRouterAllocationTests
{
    [Fact]
    public void NothingIsAllocatedPerEventOnceWarm()
    {
        const int records = 4_000;
        var payloads = Enumerable.Range(0, records).Select(i => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{{\"time\":\"2026-01-01T00:00:{i % 60:d2}Z\",\"service.name\":\"Svc{i % 5}\",\"trace.trace_id\":\"{i / 3:x32}\",\"name\":\"GET \\u00e9/{i % 50}\",\"duration_ms\":{(i / 7d) + 0.25:R},\"status\":{200 + (i % 3)},\"error\":{(i % 9 == 0 ? "true" : "false")},\"http\":{{\"host\":\"h{i % 10}\",\"sizes\":[1,2]}},\"user\":\"user-{i}\",\"samplerate\":{1 + (i % 2)}}}"))).ToArray();
        var router = new EventRouter(2);
        var refusals = new Refusals();
        for (var round = 0; round < 4; round++)
        {
            Append(router, payloads, refusals);
            Encode(router);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        Append(router, payloads, refusals);
        var appended = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(records, router.Rows);
        Assert.Equal(0, appended);

        // At encode: the record itself and little more.
        before = GC.GetAllocatedBytesForCurrentThread();
        var bytes = Encode(router);
        var encoded = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(encoded, bytes, bytes + 4_096);
        Assert.Empty(refusals.All);
    }

    private static void Append(EventRouter router, byte[][] payloads, Refusals refusals)
    {
        foreach (var payload in payloads)
        {
            router.Append(payload, PayloadEncoding.Json, Batches.Source, refusals);
        }
    }

    private static long Encode(EventRouter router)
    {
        long bytes = 0;
        for (var partition = 0; partition < router.Partitions; partition++)
        {
            while (router.TryTakeBatch(partition, out var record))
            {
                bytes += record.Length;
            }
        }

        return bytes;
    }
}
