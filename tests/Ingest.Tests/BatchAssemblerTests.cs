using System.Text;
using StreamObserve.Core.Events;
using StreamObserve.Ingest.Decoding;

namespace StreamObserve.Ingest.Tests;

public sealed class BatchAssemblerTests : IRefusalSink
{
    private const int Lines = 40;

    [Fact]
    public void APartitionThatIsFullIsRelievedAlsoWhenAnotherWasBefore()
    {
        string[] traces = [.. Enumerable.Range(0, 100).Select(i => $"trace-{i}")];
        var first = traces.First(trace => TraceKey.Of(trace).PartitionOf(2) == 0);
        var second = traces.First(trace => TraceKey.Of(trace).PartitionOf(2) == 1);
        var assembler = new BatchAssembler(2);
        Append(assembler, first, lines: 1);

        // The second partition is full: the first one's row is encoded along with it, and waits. Then the first one is.
        Append(assembler, second, Lines);
        Assert.Equal([1], assembler.Full.Select(batch => batch.Partition).Distinct());
        var before = assembler.Full.Count;
        Append(assembler, first, Lines, inOneArray: true);
        var relieved = assembler.Full.Skip(before).Where(batch => batch.Partition == 0).ToList();
        Assert.InRange(relieved.Sum(batch => batch.Record.Length), 1_500_000, Lines * 64_000);
    }

    void IRefusalSink.Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => Assert.Fail($"refused: {reason} {detail}");

    private void Append(BatchAssembler assembler, string trace, int lines, bool inOneArray = false)
    {
        var events = Enumerable.Range(0, lines).Select(_ =>
            $"{{\"trace.trace_id\":\"{trace}\",\"noise\":\"{Convert.ToBase64String(System.Security.Cryptography.RandomNumberGenerator.GetBytes(45_000))}\"}}");
        foreach (var payload in inOneArray ? [$"[{string.Join(',', events)}]"] : events)
        {
            assembler.Append(Encoding.UTF8.GetBytes(payload), PayloadEncoding.Json, new RecordSource(null, "d", 1), this);
        }
    }
}
