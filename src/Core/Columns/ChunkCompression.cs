namespace StreamObserve.Core.Columns;

/// <summary>Whether a kind of chunk is worth compressing, learnt: one that was not is left as it is for the next ones, and tried again a while later. Not thread-safe.</summary>
internal sealed class ChunkCompression
{
    private const int LeftAlone = 31;

    private int _left;

    /// <summary>For what never compresses. Not changed by anybody.</summary>
    public static ChunkCompression Never { get; } = new();

    /// <summary>Asked before each chunk.</summary>
    public bool IsWorthATry() => this != Never && --_left < 0;

    /// <summary>Told after each try; the same truth.</summary>
    public bool Tried(bool isSmaller)
    {
        _left = isSmaller ? 0 : LeftAlone;
        return isSmaller;
    }
}
