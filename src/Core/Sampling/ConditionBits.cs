using System.Runtime.InteropServices;

namespace StreamObserve.Core.Sampling;

/// <summary>A set of at most 128 condition bits. Immutable, 16 bytes.</summary>
/// <param name="Low">Bits 0 to 63.</param>
/// <param name="High">Bits 64 to 127.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct ConditionBits(ulong Low, ulong High)
{
    /// <summary>The number of bits there are.</summary>
    public const int Count = 128;

    /// <summary>True when no bit is set.</summary>
    public bool IsEmpty => (Low | High) == 0;

    /// <summary>This set and one more bit, from 0 to 127 (unchecked beyond the low seven bits).</summary>
    public ConditionBits With(int bit) => bit < 64 ? new(Low | (1UL << bit), High) : new(Low, High | (1UL << (bit - 64)));

    /// <summary>Whether the bit is in the set.</summary>
    public bool Has(int bit) => ((bit < 64 ? Low >> bit : High >> (bit - 64)) & 1) != 0;

    /// <summary>Whether all bits of the other set are in this one.</summary>
    public bool HasAll(ConditionBits other) => (Low & other.Low) == other.Low && (High & other.High) == other.High;

    /// <summary>What both sets have.</summary>
    public static ConditionBits operator &(ConditionBits left, ConditionBits right) => new(left.Low & right.Low, left.High & right.High);

    /// <summary>All bits that the set lacks.</summary>
    public static ConditionBits operator ~(ConditionBits bits) => new(~bits.Low, ~bits.High);

    /// <summary>The union.</summary>
    public static ConditionBits operator |(ConditionBits left, ConditionBits right) => new(left.Low | right.Low, left.High | right.High);
}
