using StreamObserve.Core.Aggregation;

namespace StreamObserve.Processors.State;

/// <summary>
/// A merge of a partition's folds, which takes some 0.3 s of CPU: made beside the single writer, which goes on meanwhile. <see cref="PartitionState.TakeMerge"/> begins it, <see cref="Run"/> is
/// to be called once, on any thread, and <see cref="PartitionState.Complete"/> puts its result in the folds' place. The stores it reads must stay open until it ended.
/// </summary>
public sealed class FoldMerge
{
    private readonly IAggregateSource _source;
    private readonly SealGate? _gate;

    internal FoldMerge(long id, IReadOnlyList<FoldDirectory> parts, IAggregateSource source, long storeMark, SealGate? gate)
    {
        Id = id;
        Parts = parts;
        StoreMark = storeMark;
        _source = source;
        _gate = gate;
    }

    /// <summary>The number of the merged fold.</summary>
    public long Id { get; }

    /// <summary>What is merged: neighbours in the directory.</summary>
    public IReadOnlyList<FoldDirectory> Parts { get; }

    /// <summary>Up to where the store of fresh folds holds nothing but these.</summary>
    public long StoreMark { get; }

    /// <summary>What it came to; null before <see cref="Run"/> ended.</summary>
    public Fold? Result { get; private set; }

    /// <summary>Gives its place back: it will not be run.</summary>
    public void Abandon() => _gate?.Leave();

    /// <summary>Merges. Throws <see cref="OperationCanceledException"/> between two fields when cancelled, <see cref="IOException"/> when stored bytes are damaged.</summary>
    public void Run(CancellationToken cancellation)
    {
        try
        {
            using var merger = new FoldMerger();
            Result = merger.Merge(Id, Parts, _source, cancellation);
        }
        finally
        {
            _gate?.Leave();
        }
    }
}
