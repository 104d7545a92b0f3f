using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.State;
using StreamObserve.Storage;

namespace StreamObserve.Processors.Tests.State;

public sealed class PendingEpochsTests : IDisposable
{
    private static readonly Epoch First = new(1_000, 2_000, 1_000);
    private readonly string _folder = Directory.CreateTempSubdirectory("pending-epochs-").FullName;
    private readonly CutScheduler _scheduler = new();
    private readonly PartitionStore<TraceSummary> _store;

    public PendingEpochsTests() => _store = PartitionStore<TraceSummary>.Open(_folder, TestState.StoreOptions, "test=1", _scheduler, TimeProvider.System, NullLogger.Instance);

    public void Dispose()
    {
        _store.Dispose();
        _scheduler.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(100)]       // held
    [InlineData(2)]         // lists of them in the store
    public void ATraceWhoseSummaryWasDamagedIsInItsEpochOnce(int held)
    {
        var epochs = New(held);
        for (var trace = 0UL; trace < 5; trace++)
        {
            epochs.AddTrace(First, new(7, trace), mayBeKnown: false);
        }

        epochs.AddTrace(First, new(7, 3), mayBeKnown: true);
        Assert.Equal([0, 1, 2, 3, 4], TracesOf(epochs));
    }

    [Fact]
    public void SoItIsWhenACutLiesBetween()
    {
        var before = New(100);
        before.AddTrace(First, new(7, 1), mayBeKnown: false);
        before.AddTrace(First, new(7, 1), mayBeKnown: true);
        var cut = new ByteWriter();
        before.Write(cut);
        var after = New(100);
        var reader = new ByteReader(cut.WrittenMemory.Span);
        after.Read(ref reader);
        after.AddTrace(First, new(7, 2), mayBeKnown: false);
        Assert.Equal([1, 2], TracesOf(after));
    }

    private PendingEpochs New(int held) => new(_store.Blocks, held, NullLogger.Instance);

    private static IEnumerable<ulong> TracesOf(PendingEpochs epochs)
    {
        var epoch = epochs.TakeBefore(First.End);
        Assert.NotNull(epoch);
        return epochs.TracesOf(epoch).Select(trace => trace.Low).Order();
    }
}
