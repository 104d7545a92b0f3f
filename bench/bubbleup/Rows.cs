using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Bench.BubbleUp;

/// <summary>Lines of JSON written to it become decoded batches, as ingest and a partition make them.</summary>
internal sealed class Rows : Stream, IRefusalSink
{
    private readonly EventRouter _router = new(1);
    private readonly EventBatchReader _reader = new();
    private readonly ColumnBlockWriter? _blocks;
    private readonly List<EventBatch> _waiting = [];
    private readonly List<IRowSegment> _segments = [];
    private byte[] _rest = [];

    /// <summary>Batches as they are, or sealed into blocks of 65,536 rows.</summary>
    public Rows(bool sealBlocks) => _blocks = sealBlocks ? new() : null;

    /// <summary>What was written, after <see cref="Finish"/>.</summary>
    public IReadOnlyList<IRowSegment> Segments => _segments;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public void Finish()
    {
        TakeBatches();
        Seal();
        _blocks?.Dispose();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        byte[] text = [.. _rest, .. buffer];
        var end = text.AsSpan().LastIndexOf((byte)'\n') + 1;
        _rest = text[end..];
        foreach (var range in text.AsSpan(0, Math.Max(0, end - 1)).Split((byte)'\n'))
        {
            _router.Append(text.AsSpan(range), PayloadEncoding.Json, new RecordSource(null, "default", 1), this);
            if (_router.IsFull(0))
            {
                TakeBatches();
            }
        }
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => throw new InvalidOperationException($"an event was refused: {reason}: {detail}");

    private void TakeBatches()
    {
        while (_router.TryTakeBatch(0, out var record))
        {
            _waiting.Add(_reader.Read(record));
        }

        if (_blocks is null || _waiting.Sum(batch => batch.Rows) >= 65_536)
        {
            Seal();
        }
    }

    private void Seal()
    {
        if (_blocks is null)
        {
            _segments.AddRange(_waiting);
        }
        else if (_waiting.Count > 0)
        {
            _segments.Add(ColumnBlock.Open(new Chunks(_blocks.Seal(_waiting).Chunks)));
        }

        _waiting.Clear();
    }

    private sealed class Chunks(IReadOnlyList<byte[]> chunks) : IChunkSource
    {
        public ReadOnlyMemory<byte> Read(int chunk, LentBuffer scratch) => chunks[chunk];
    }
}
