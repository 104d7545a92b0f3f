using System.Globalization;

namespace StreamObserve.Storage;

/// <summary>Names a cut. The highest is the newest: first by epoch, then by sequence within it.</summary>
/// <param name="Epoch">The epoch of the owner that made it, from 1.</param>
/// <param name="Sequence">Its number within the epoch, from 1.</param>
public readonly record struct CutId(long Epoch, long Sequence) : IComparable<CutId>
{
    /// <inheritdoc/>
    public int CompareTo(CutId other)
    {
        int byEpoch = Epoch.CompareTo(other.Epoch);
        return byEpoch != 0 ? byEpoch : Sequence.CompareTo(other.Sequence);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Epoch}/{Sequence}");

    /// <summary>Whether <paramref name="left"/> is older.</summary>
    public static bool operator <(CutId left, CutId right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> is newer.</summary>
    public static bool operator >(CutId left, CutId right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="left"/> is older or the same.</summary>
    public static bool operator <=(CutId left, CutId right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="left"/> is newer or the same.</summary>
    public static bool operator >=(CutId left, CutId right) => left.CompareTo(right) >= 0;
}
