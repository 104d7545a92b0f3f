using System.IO.Hashing;
using System.Runtime.InteropServices;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Sampling;

/// <summary>
/// Systematic sampling with unequal probabilities (Madow, 1949): the chances of all are laid one after another on a line, and whoever lies on u, u + 1, u + 2 … is kept. So each is kept with
/// just its chance, and of any stretch of the line as many as its length says, but for one. Single-threaded.
/// </summary>
internal struct SystematicLine
{
    private double _at;

    /// <summary>A line whose u comes from the sum of the hashes of all who are laid on it, whatever their order, and of a number that tells lines apart.</summary>
    public SystematicLine(ulong hash, int number = 0)
    {
        var start = number == 0 ? hash : XxHash3.HashToUInt64(MemoryMarshal.AsBytes((ReadOnlySpan<ulong>)[hash]), number);
        _at = (start >> 11) * (1d / (1UL << 53));
    }

    /// <summary>A trace's hash.</summary>
    public static ulong HashOf(TraceKey trace) => XxHash3.HashToUInt64(MemoryMarshal.AsBytes((ReadOnlySpan<ulong>)[trace.High, trace.Low]));

    /// <summary>Lays the next one and says whether it is kept. One of chance 1 takes no room.</summary>
    public bool Keeps(double chance)
    {
        if (chance >= 1)
        {
            return true;
        }

        var next = _at + chance;
        var keeps = Math.Floor(next) > Math.Floor(_at);
        _at = next;
        return keeps;
    }
}

/// <summary>Where a trace comes on a line: by its size, then by its hash, whatever the order in which they came.</summary>
internal readonly struct PlaceOnLine(TraceKey trace, long rows) : IComparable<PlaceOnLine>
{
    public TraceKey Trace { get; } = trace;

    public long Rows { get; } = rows;

    /// <summary>The trace's <see cref="SystematicLine.HashOf"/>.</summary>
    public ulong Hash { get; } = SystematicLine.HashOf(trace);

    public int CompareTo(PlaceOnLine other) =>
        Rows != other.Rows ? Rows.CompareTo(other.Rows)
        : Hash != other.Hash ? Hash.CompareTo(other.Hash)
        : Trace.High != other.Trace.High ? Trace.High.CompareTo(other.Trace.High) : Trace.Low.CompareTo(other.Trace.Low);
}
