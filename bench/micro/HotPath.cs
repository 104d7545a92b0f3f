using StreamObserve.Bench.Generator;
using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Bench.Micro;

/// <summary>
/// The way of an event through the pipeline without Kafka and without stores, step by step, on one thread: what ingest does with a record, what a partition does with
/// a batch, a fold and a block.
/// </summary>
internal sealed class HotPath : IRefusalSink, IDisposable
{
    private const int Partitions = 4;
    private const int RowsPerTransaction = 16_000;
    private const int FoldRows = 32_768;
    private const int FoldsPerMerge = 8;
    private static readonly string[] SketchDimensions = ["name", "service.name"];

    private readonly byte[][] _records;
    private readonly EventRouter _router = new(Partitions);
    private readonly EventBatchReader[] _readers = [.. Enumerable.Range(0, Partitions).Select(_ => new EventBatchReader())];
    private readonly AggregateFolder[] _folders = [.. Enumerable.Range(0, Partitions).Select(_ => new AggregateFolder(SketchDimensions))];
    private readonly ColumnBlockWriter[] _writers = [.. Enumerable.Range(0, Partitions).Select(_ => new ColumnBlockWriter())];

    public HotPath(long events)
    {
        using var text = new MemoryStream();
        new EventGenerator(GeneratorOptions.Default with { Events = events, Length = TimeSpan.FromHours(events / 1e6) }).WriteTo(text);
        var lines = new List<byte[]>();
        var rest = text.GetBuffer().AsSpan(0, (int)text.Length);
        while (rest.IndexOf((byte)'\n') is var end and >= 0)
        {
            lines.Add(rest[..end].ToArray());
            rest = rest[(end + 1)..];
        }

        _records = [.. lines];
    }

    public void Dispose() => Array.ForEach(_writers, writer => writer.Dispose());

    /// <summary>Goes all the way once. What a process keeps between batches is kept between passes.</summary>
    public void Run(Steps steps)
    {
        var records = Enumerable.Range(0, Partitions).Select(_ => new List<byte[]>()).ToArray();
        for (var from = 0; from < _records.Length; from += RowsPerTransaction)
        {
            var part = _records.AsSpan(from, Math.Min(RowsPerTransaction, _records.Length - from));
            using (steps.Measure("decode"))
            {
                foreach (var record in part)
                {
                    _router.Append(record, PayloadEncoding.Json, new RecordSource(null, "default", 1), this);
                }
            }

            using (steps.Measure("encode a batch"))
            {
                for (var partition = 0; partition < Partitions; partition++)
                {
                    while (_router.TryTakeBatch(partition, out var batch))
                    {
                        records[partition].Add(batch);
                    }
                }
            }
        }

        for (var partition = 0; partition < Partitions; partition++)
        {
            var log = records[partition];
            var batches = new List<EventBatch>();
            using (steps.Measure("read a batch"))
            {
                foreach (var record in log)
                {
                    batches.Add(_readers[partition].Read(record));
                }
            }

            List<Fold> folds;
            using (steps.Measure("fold"))
            {
                folds = Fold(_folders[partition], batches, steps);
            }

            using (steps.Measure("merge folds"))
            {
                Merge(folds, steps);
            }

            using (steps.Measure("seal"))
            {
                steps.AddBytes("seal", _writers[partition].Seal(batches).Bytes);
            }

            steps.AddBytes("encode a batch", log.Sum(record => (long)record.Length));
        }
    }

    public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => throw new InvalidOperationException($"a generated event was refused: {reason}: {detail}");

    private static List<Fold> Fold(AggregateFolder folder, List<EventBatch> batches, Steps steps)
    {
        var folds = new List<Fold>();
        var waiting = new List<EventBatch>();
        var rows = 0;
        for (var i = 0; i < batches.Count; i++)
        {
            waiting.Add(batches[i]);
            rows += batches[i].Rows;
            if (rows >= FoldRows || i + 1 == batches.Count)
            {
                folds.Add(folder.Fold(folds.Count, waiting));
                steps.AddBytes("fold", folds[^1].Blocks.Sum(block => (long)block.Length));
                waiting.Clear();
                rows = 0;
            }
        }

        return folds;
    }

    /// <summary>As many at a time as a partition merges, if there are so many.</summary>
    private static void Merge(List<Fold> folds, Steps steps)
    {
        for (var from = 0; from < folds.Count; from += FoldsPerMerge)
        {
            var part = folds.GetRange(from, Math.Min(FoldsPerMerge, folds.Count - from));
            using var merger = new FoldMerger();
            steps.AddBytes("merge folds", merger.Merge(folds.Count + from, [.. part.Select(fold => fold.Directory)], new FoldBlocks(folds)).Blocks.Sum(block => (long)block.Length));
        }
    }

    /// <summary>Blocks of folds in memory, numbered as they are listed; decoded anew at each call.</summary>
    private sealed class FoldBlocks(List<Fold> folds) : IAggregateSource
    {
        public AggregateBlock Aggregates(FoldDirectory fold, int block) => AggregateBlockFormat.Decode(folds[(int)fold.Id].Blocks[block]);

        public DistinctBlock Distinct(FoldDirectory fold, int block) => DistinctBlock.Decode(folds[(int)fold.Id].Blocks[block]);

        public HeavyHitterBlock HeavyHitters(FoldDirectory fold, int block) => HeavyHitterBlock.Decode(folds[(int)fold.Id].Blocks[block]);
    }
}
