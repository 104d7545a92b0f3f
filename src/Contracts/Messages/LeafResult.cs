using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Contracts.Messages;

/// <summary>
/// A leaf's result on its way to the asker: the object itself within a process, its exported bytes between processes. Which kind it is follows from the question. The sender
/// has let go of it.
/// </summary>
public sealed class LeafResult
{
    private const int BytesTypical = 4096;

    private readonly BubbleUpResult? _localBubbleUp;
    private PartialResult? _local;
    private ReadOnlyMemory<byte> _exported;

    /// <summary>A query's result, of this process.</summary>
    public LeafResult(PartialResult local) => _local = local;

    /// <summary>A comparison's result, of this process.</summary>
    public LeafResult(BubbleUpResult local) => _localBubbleUp = local;

    private LeafResult(ReadOnlyMemory<byte> exported) => _exported = exported;

    /// <summary>Adds the result to one of the same plan, once: its parts may become the other's. Damaged bytes are a <see cref="FormatException"/>.</summary>
    public void AddTo(PartialResult result)
    {
        if (_local is not null)
        {
            _local.Memory?.Dispose();       // what it held is the other's from here on
            result.Merge(_local, takeOver: true);
        }
        else
        {
            result.Import(_exported.Span);
        }
    }

    /// <summary>Adds the result to one of the same comparison. Damaged bytes are a <see cref="FormatException"/>.</summary>
    public void AddTo(BubbleUpResult result) => result.Merge(_localBubbleUp ?? BubbleUpResult.Read(_exported.Span));

    internal void Write(ByteWriter w)
    {
        if (_local is null && _localBubbleUp is null)
        {
            w.Blob(_exported.Span);
            return;
        }

        var writer = new ByteWriter(BytesTypical);
        _localBubbleUp?.Export(writer);
        if (_local is not null)
        {
            // The bytes are the result from here on: what it held goes to the next queries.
            _local.Export(writer);
            _local.Memory?.Dispose();
            _local.Release();
            (_local, _exported) = (null, writer.WrittenMemory);
        }

        w.Blob(writer.Written);
    }

    internal static LeafResult Read(ref ByteReader r) => new(r.Blob().ToArray());
}
