using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Storage;

namespace StreamObserve.Processors.State;

/// <summary>A sealed block as the directory knows it.</summary>
public sealed record BlockInfo(long Id, int Rows, long MinTimeNs, long MaxTimeNs, bool IsSampled, int Chunks, long Bytes);

/// <summary>Sealed blocks: opened when a query first needs them, their decoded columns kept within a budget. Any thread.</summary>
public sealed class BlockReader(ChunkStore store, long cacheBudgetBytes)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<(long Id, ColumnBlock Block)> _byUse = new();
    private readonly Dictionary<long, LinkedListNode<(long Id, ColumnBlock Block)>> _open = [];

    /// <summary>Opens a block. Throws <see cref="IOException"/> when its header is damaged.</summary>
    public ColumnBlock Open(BlockInfo info)
    {
        lock (_lock)
        {
            if (_open.TryGetValue(info.Id, out var node))
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
                return node.Value.Block;
            }
        }

        var block = ColumnBlock.Open(new Chunks(store, info.Id));
        lock (_lock)
        {
            if (!_open.TryGetValue(info.Id, out var node))
            {
                _open[info.Id] = node = _byUse.AddFirst((info.Id, block));
            }

            return node.Value.Block;
        }
    }

    /// <summary>Lets go of the columns of the blocks used longest ago until the rest is within the budget. After each query.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            long held = 0;
            foreach (var (_, block) in _byUse)
            {
                held += block.CachedBytes;
                if (held > cacheBudgetBytes)
                {
                    block.DropCache();
                }
            }

            // A header with its bloom filter is some KB: more than a few thousand open ones are not worth it.
            while (_byUse.Count > 4096)
            {
                _open.Remove(_byUse.Last!.Value.Id);
                _byUse.RemoveLast();
            }
        }
    }

    /// <summary>The key of a block's chunk.</summary>
    public static ChunkKey Key(long block, int chunk) => new((ulong)block, (ulong)chunk);

    private sealed class Chunks(ChunkStore store, long block) : IChunkSource
    {
        public byte[] Read(int chunk) => LargeValues.Read(store, Key(block, chunk), $"chunk {chunk} of block {block}");
    }
}

/// <summary>Stored folds' blocks, decoded, the latest used kept within a budget. Merged folds are stored with the sealed blocks. Any thread.</summary>
public sealed class AggregateReader(ChunkStore folds, ChunkStore merged, long cacheBudgetBytes) : IAggregateSource
{
    // Sealed blocks are numbered from 0 in the same store.
    private const ulong MergedKey = 1UL << 63;

    private readonly Lock _lock = new();
    private readonly LinkedList<(ChunkKey Key, object Block, long Bytes)> _byUse = new();
    private readonly Dictionary<ChunkKey, LinkedListNode<(ChunkKey Key, object Block, long Bytes)>> _held = [];
    private long _bytes;

    /// <summary>The key of a fold's block.</summary>
    public static ChunkKey Key(FoldDirectory fold, int block) => new((ulong)fold.Id | (fold.IsMerged ? MergedKey : 0), (ulong)block);

    /// <inheritdoc/>
    public AggregateBlock Aggregates(FoldDirectory fold, int block) => (AggregateBlock)Get(fold, block, static bytes => AggregateBlockFormat.Decode(bytes));

    /// <inheritdoc/>
    public DistinctBlock Distinct(FoldDirectory fold, int block) => (DistinctBlock)Get(fold, block, static bytes => DistinctBlock.Decode(bytes));

    /// <inheritdoc/>
    public HeavyHitterBlock HeavyHitters(FoldDirectory fold, int block) => (HeavyHitterBlock)Get(fold, block, static bytes => HeavyHitterBlock.Decode(bytes));

    private object Get(FoldDirectory fold, int block, Func<byte[], object> decode)
    {
        var key = Key(fold, block);
        lock (_lock)
        {
            if (_held.TryGetValue(key, out var node))
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
                return node.Value.Block;
            }
        }

        var bytes = LargeValues.Read(fold.IsMerged ? merged : folds, key, $"aggregate block {block} of fold {fold.Id}");
        var decoded = decode(bytes);
        var held = decoded switch
        {
            AggregateBlock aggregates => aggregates.MemoryBytes,
            DistinctBlock distinct => distinct.MemoryBytes,
            _ => ((HeavyHitterBlock)decoded).MemoryBytes,
        };
        lock (_lock)
        {
            if (_held.TryAdd(key, null!))
            {
                _held[key] = _byUse.AddFirst((key, decoded, held));
                _bytes += held;
            }

            while (_bytes > cacheBudgetBytes && _byUse.Last is { } last && last != _byUse.First)
            {
                _bytes -= last.Value.Bytes;
                _held.Remove(last.Value.Key);
                _byUse.RemoveLast();
            }
        }

        return decoded;
    }
}
