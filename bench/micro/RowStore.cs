using System.Text;
using StreamObserve.Bench.Generator;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Bench.Micro;

/// <summary>
/// Generated events as a processor holds them once they are decided and nothing was dropped: a partition's sealed blocks, and the batches of its head block. The
/// blocks' chunks are in memory. The events are written to it as to a file.
/// </summary>
internal sealed class RowStore : Stream, IRefusalSink
{
    private const int BlockRows = 65_536;
    private const int RowsPerTransaction = 16_000;

    private readonly EventRouter _router;
    private readonly EventBatchReader[] _readers;
    private readonly List<EventBatch>[] _heads;
    private readonly List<ColumnBlock>[] _blocks;
    private readonly TextNumbering[] _numberings;
    private readonly ColumnBlockWriter _writer = new();
    private readonly long _middle;
    private byte[] _rest = [];
    private long _lines;
    private int _waiting;

    public RowStore(int partitions, long events)
    {
        _router = new(partitions);
        _readers = [.. Enumerable.Range(0, partitions).Select(_ => new EventBatchReader())];
        _heads = [.. Enumerable.Range(0, partitions).Select(_ => new List<EventBatch>())];
        _blocks = [.. Enumerable.Range(0, partitions).Select(_ => new List<ColumnBlock>())];
        _numberings = [.. Enumerable.Range(0, partitions).Select(_ => new TextNumbering(8 << 20))];
        _middle = events / 2;
        new EventGenerator(GeneratorOptions.Default with { Events = events, Length = TimeSpan.FromHours(events / 1e6) }).WriteTo(this);
        Take();
        _writer.Dispose();
    }

    /// <summary>The trace of the event in the middle.</summary>
    public string TraceId { get; private set; } = "";

    /// <summary>Bytes of all blocks.</summary>
    public long BlockBytes { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>A partition's sealed blocks.</summary>
    public IReadOnlyList<ColumnBlock> Blocks(int partition) => _blocks[partition];

    /// <summary>A partition's blocks and the batches behind them.</summary>
    public IEnumerable<IRowSegment> Segments(int partition) => [.. _blocks[partition], .. _heads[partition]];

    /// <summary>Bytes of decoded columns that the blocks hold.</summary>
    public long CachedBytes => _blocks.Sum(blocks => blocks.Sum(block => block.CachedBytes));

    /// <summary>Lets go of all decoded columns.</summary>
    public void DropCaches() => Array.ForEach(_blocks, blocks => blocks.ForEach(block => block.DropCache()));

    public override void Write(byte[] buffer, int offset, int count)
    {
        byte[] all = [.. _rest, .. buffer.AsSpan(offset, count)];
        var from = 0;
        while (all.AsSpan(from).IndexOf((byte)'\n') is var end and >= 0)
        {
            Append(all.AsSpan(from, end));
            from += end + 1;
        }

        _rest = all[from..];
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => throw new InvalidOperationException($"a generated event was refused: {reason}: {detail}");

    private void Append(ReadOnlySpan<byte> line)
    {
        if (_lines++ == _middle)
        {
            var id = "\"trace.trace_id\":\""u8;
            TraceId = Encoding.ASCII.GetString(line.Slice(line.IndexOf(id) + id.Length, 32));
        }

        _router.Append(line, PayloadEncoding.Json, new RecordSource(null, "default", 1), this);
        if (++_waiting == RowsPerTransaction)
        {
            Take();
        }
    }

    private void Take()
    {
        _waiting = 0;
        for (var partition = 0; partition < _heads.Length; partition++)
        {
            while (_router.TryTakeBatch(partition, out var record))
            {
                var head = _heads[partition];
                head.Add(_readers[partition].Read(record));
                if (head.Sum(batch => batch.Rows) >= BlockRows)
                {
                    var columns = _writer.Seal(head);
                    BlockBytes += columns.Bytes;
                    _blocks[partition].Add(ColumnBlock.Open(new Chunks(columns.Chunks), _numberings[partition]));
                    head.Clear();
                }
            }
        }
    }

    private sealed class Chunks(IReadOnlyList<byte[]> chunks) : IChunkSource
    {
        public ReadOnlyMemory<byte> Read(int chunk, LentBuffer scratch) => chunks[chunk];
    }
}
