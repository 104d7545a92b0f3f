using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Storage;

namespace StreamObserve.Processors.State;

/// <summary>A sealed block as the directory knows it.</summary>
public sealed record BlockInfo(long Id, int Rows, long MinTimeNs, long MaxTimeNs, bool IsSampled, int Chunks, long Bytes);

/// <summary>Sealed blocks: opened when a query first needs them, their decoded columns kept within a budget (<see cref="ColumnCache"/>). Any thread.</summary>
public sealed class BlockReader(ChunkStore store, long cacheBudgetBytes, long numberingBudgetBytes = 0)
{
    /// <summary>Headers kept: with its bloom filter one is some KB, and more than a few thousand are not worth it.</summary>
    private const int OpenMax = 4096;

    private readonly Lock _lock = new();
    private readonly Dictionary<long, Entry> _open = [];
    private readonly LinkedList<Entry> _byUse = new();
    private readonly ColumnCache _columns = new(cacheBudgetBytes);

    /// <summary>Numbers the texts of all blocks, and of batches that are none yet.</summary>
    public TextNumbering Numbering { get; } = new(numberingBudgetBytes);

    /// <summary>Bytes of decoded columns held, as of the last <see cref="Release"/> of each block.</summary>
    public long HeldBytes
    {
        get
        {
            lock (_lock)
            {
                return _columns.Bytes;
            }
        }
    }

    /// <summary>Opens a block, to be given back with <see cref="Release"/>. Throws <see cref="IOException"/> when its header is damaged.</summary>
    public ColumnBlock Open(BlockInfo info)
    {
        lock (_lock)
        {
            if (_open.TryGetValue(info.Id, out var entry))
            {
                _byUse.Remove(entry.ByUse);
                _byUse.AddFirst(entry.ByUse);
                return entry.Block;
            }
        }

        var block = ColumnBlock.Open(new Chunks(store, info.Id), Numbering);
        lock (_lock)
        {
            if (!_open.TryGetValue(info.Id, out var entry))
            {
                _open[info.Id] = entry = new(info.Id, block);
                _byUse.AddFirst(entry.ByUse);
            }

            return entry.Block;
        }
    }

    /// <summary>
    /// Counts what a block holds after it was used, and lets go of columns, its own or those of others, until the rest is within the budget. After each block, since one
    /// question may name large columns of every one.
    /// </summary>
    public void Release(BlockInfo info)
    {
        lock (_lock)
        {
            if (_open.TryGetValue(info.Id, out var entry))
            {
                Count(entry);
            }

            CloseOldest();
        }
    }

    /// <summary>As <see cref="Release"/>, of all open blocks.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            foreach (var entry in _byUse)
            {
                Count(entry);
            }

            CloseOldest();
        }
    }

    private void CloseOldest()
    {
        while (_open.Count > OpenMax)
        {
            var oldest = _byUse.Last!.Value;
            foreach (var part in oldest.Parts)
            {
                if (part is not null)
                {
                    _columns.LetGo(part);
                }
            }

            _open.Remove(oldest.Id);
            _byUse.RemoveLast();
        }
    }

    private void Count(Entry entry)
    {
        for (var number = 0; number < entry.Parts.Length; number++)
        {
            // Those that grew or were decoded unnoticed as well, by a question that goes on while another one ends.
            if (entry.Block.TakeUse(number) || entry.Block.PartBytes(number) != (entry.Parts[number]?.Bytes ?? 0))
            {
                _columns.Use(entry.Parts[number] ??= new(entry.Block, number));
            }
        }
    }

    /// <summary>The key of a block's chunk.</summary>
    public static ChunkKey Key(long block, int chunk) => new((ulong)block, (ulong)chunk);

    private sealed class Chunks(ChunkStore store, long block) : IChunkSource
    {
        public ReadOnlyMemory<byte> Read(int chunk, LentBuffer scratch) => LargeValues.Read(store, Key(block, chunk), scratch, $"chunk {chunk} of block {block}");
    }

    private sealed class Entry
    {
        public Entry(long id, ColumnBlock block)
        {
            Id = id;
            Block = block;
            Parts = new CachedPart?[block.Parts];
            ByUse = new(this);
        }

        public long Id { get; }

        public ColumnBlock Block { get; }

        /// <summary>The parts that were ever used.</summary>
        public CachedPart?[] Parts { get; }

        public LinkedListNode<Entry> ByUse { get; }
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

    private delegate object DecodeBlock(ReadOnlySpan<byte> bytes);

    private object Get(FoldDirectory fold, int block, DecodeBlock decode)
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

        using var scratch = new LentBuffer();
        var decoded = decode(LargeValues.Read(fold.IsMerged ? merged : folds, key, scratch, $"aggregate block {block} of fold {fold.Id}").Span);
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
