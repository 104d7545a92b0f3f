using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Contracts.Messages;

/// <summary>
/// A leaf's partial result on its way to the asker: the object itself within a process, its exported bytes between processes. The sender has let go of it.
/// </summary>
public sealed class LeafResult
{
    private readonly PartialResult? _local;
    private readonly ReadOnlyMemory<byte> _exported;

    /// <summary>A result of this process.</summary>
    public LeafResult(PartialResult local) => _local = local;

    private LeafResult(ReadOnlyMemory<byte> exported) => _exported = exported;

    /// <summary>Adds the result to one of the same plan. Damaged bytes are a <see cref="FormatException"/>.</summary>
    public void AddTo(PartialResult result)
    {
        if (_local is not null)
        {
            result.Merge(_local);
        }
        else
        {
            result.Import(_exported.Span);
        }
    }

    internal void Write(ByteWriter w)
    {
        if (_local is null)
        {
            w.Blob(_exported.Span);
            return;
        }

        var writer = new ByteWriter(4096);
        _local.Export(writer);
        w.Blob(writer.Written);
    }

    internal static LeafResult Read(ref ByteReader r) => new(r.Blob().ToArray());
}
