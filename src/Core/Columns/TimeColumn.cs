namespace StreamObserve.Core.Columns;

/// <summary>
/// Event times of a segment: unix nanoseconds one by one, or 32-bit offsets from the earliest in a unit of their own, which is what a block of times in
/// milliseconds needs. The arrays never change.
/// </summary>
internal readonly struct TimeColumn
{
    private readonly long[]? _timesNs;
    private readonly uint[]? _offsets;

    private TimeColumn(long[]? timesNs, uint[]? offsets, long firstNs, long unitNs)
    {
        _timesNs = timesNs;
        _offsets = offsets;
        FirstNs = firstNs;
        UnitNs = unitNs;
    }

    /// <summary>The time that offset 0 stands for.</summary>
    public long FirstNs { get; }

    /// <summary>Nanoseconds of an offset of 1.</summary>
    public long UnitNs { get; }

    /// <summary>True when <see cref="Offsets"/> has the times, false when <see cref="Nanoseconds"/> has.</summary>
    public bool IsNarrow => _offsets is not null;

    /// <summary>The offsets.</summary>
    public ReadOnlySpan<uint> Offsets => _offsets;

    /// <summary>The times.</summary>
    public ReadOnlySpan<long> Nanoseconds => _timesNs;

    /// <summary>Bytes of memory held.</summary>
    public long MemoryBytes => ((_offsets?.Length ?? 0) * 4L) + ((_timesNs?.Length ?? 0) * 8L);

    public long this[int row] => _offsets is null ? _timesNs![row] : FirstNs + (_offsets[row] * UnitNs);

    public static TimeColumn Of(long[] timesNs) => new(timesNs, null, 0, 1);

    public static TimeColumn Of(uint[] offsets, long firstNs, long unitNs) => new(null, offsets, firstNs, unitNs);

    /// <summary>Sets the bits of the rows whose time lies in [startNs, endNs); clears the others.</summary>
    public void Mark(long startNs, long endNs, Span<ulong> bits)
    {
        if (_offsets is null)
        {
            PackedScan.MarkBetween(PackedSpan.Of(_timesNs!), startNs, endNs - 1, bits);
            return;
        }

        // The offsets from the first at or after the start to the last before the end.
        var low = startNs <= FirstNs ? 0 : CeilDiv((ulong)startNs - (ulong)FirstNs);
        var high = endNs <= FirstNs ? -1 : CeilDiv((ulong)endNs - (ulong)FirstNs) - 1;
        PackedScan.MarkBetween(new(System.Runtime.InteropServices.MemoryMarshal.AsBytes(Offsets), 4, 0, _offsets.Length), low, high, bits);
    }

    /// <summary>The times one by one.</summary>
    public long[] ToNanoseconds()
    {
        if (_timesNs is not null)
        {
            return _timesNs;
        }

        var times = new long[_offsets!.Length];
        for (var row = 0; row < times.Length; row++)
        {
            times[row] = FirstNs + (_offsets[row] * UnitNs);
        }

        return times;
    }

    private long CeilDiv(ulong distanceNs) => (long)((distanceNs / (ulong)UnitNs) + (distanceNs % (ulong)UnitNs != 0 ? 1UL : 0));
}
