using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace StreamObserve.Core.Sketches;

/// <summary>
/// The one logarithmic binning of positive numbers, used by <see cref="QuantileSketch"/>, by aggregate cells and by heatmaps.
/// Bin i holds the x with gamma^(i-1) &lt; x &lt;= gamma^i, where gamma = 2^(1/35): i = ceil(35 * log2 x), decided exactly, not by a rounded
/// logarithm, so that a value falls into the same bin on every machine. Every 35th edge is a power of two, hence bins nest in powers of two.
/// Pure and thread-safe.
/// </summary>
/// <remarks>
/// Domain: finite numbers from 2^-1022 (the smallest normal double) up. Smaller magnitudes count as zero.
/// The bin comes from the bits of the number: 35 bins an exponent, and within it one comparison with the only edge that the number's 1/64 slice
/// of the mantissa can contain (a bin is at least 1/51 wide, so no slice contains two).
/// Measured 2026-11 on 2 cores over 4,096 lognormal values: 1.7 ns, against 4.9 ns for Math.Ceiling(35 * Math.Log2(x)), which also errs at edges.
/// </remarks>
public static class LogBins
{
    /// <summary>Bins between a number and its double.</summary>
    public const int PerDoubling = 35;

    /// <summary>The largest relative distance of a value from its bin's <see cref="Representative"/>: (gamma - 1) / (gamma + 1).</summary>
    public const double RelativeError = 0.009901778953003046;

    /// <summary>The bin of 2^-1022, the smallest number that has a bin.</summary>
    public const int Lowest = -1022 * PerDoubling;

    /// <summary>The bin of <see cref="double.MaxValue"/>.</summary>
    public const int Highest = 1024 * PerDoubling;

    internal const ulong SmallestNormalBits = 1UL << MantissaBits;
    internal const ulong InfinityBits = 0x7FFUL << MantissaBits;

    private const int MantissaBits = 52;
    private const ulong MantissaMask = (1UL << MantissaBits) - 1;
    private const int ExponentBias = 1023;
    private const int SliceBits = 6;

    // 2 / (gamma + 1): from a bin's upper edge to the point that is equally far, relatively, from both edges.
    private const double RepresentativeOfUpper = 0.9900982210469970;

    private static readonly ulong[] SliceEdges = new ulong[1 << SliceBits];
    private static readonly int[] SliceBins = new int[1 << SliceBits];

    static LogBins()
    {
        for (var slice = 0; slice < SliceEdges.Length; slice++)
        {
            var first = (ulong)slice << (MantissaBits - SliceBits);
            var last = first | (MantissaMask >> SliceBits);
            SliceEdges[slice] = ulong.MaxValue;
            foreach (var edge in EdgeMantissas)
            {
                if (edge < first)
                {
                    SliceBins[slice]++;
                }
                else if (edge <= last)
                {
                    Debug.Assert(SliceEdges[slice] == ulong.MaxValue, "two edges in one slice");
                    SliceEdges[slice] = edge;
                }
            }
        }
    }

    // floor((2^(j/35) - 1) * 2^52): the mantissa of the largest double that is not above the edge 2^(j/35).
    private static ReadOnlySpan<ulong> EdgeMantissas =>
    [
        0x0000000000000, 0x051ED35254D7A, 0x0A57DE9C16BC7, 0x0FABA81D4E5DF, 0x151AB8C56EEA2, 0x1AA59C4115E7D, 0x204CE10811781,
        0x2611186BAE674, 0x2BF2D6A54F7DA, 0x31F2B2E54F85C, 0x381147622F886, 0x3E4F316812C2F, 0x44AD116889E7B, 0x4B2B8B0AAF3C7,
        0x51CB453B9536C, 0x588CEA3F093BD, 0x5F7127C0AC329, 0x6678AEE5629F7, 0x6DA4345D1E0AD, 0x74F470750179F, 0x7C6A1F29E2CE6,
        0x8406003B2AE5C, 0x8BC8D73E1660F, 0x93B36BB158FFE, 0x9BC68911258BF, 0xA402FEEB9C532, 0xAC69A0F5A241C, 0xB4FB472022B1A,
        0xBDB8CDADBE120, 0xC6A31548E794D, 0xCFBB031A741A4, 0xD90180E09C9E3, 0xE2777D0676770, 0xEC1DEABBE3C14, 0xF5F5C20DFE5F2,
    ];

    /// <summary>The bin of a finite number of at least 2^-1022; anything else is refused with <see cref="ArgumentOutOfRangeException"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int BinOf(double value)
    {
        var bits = BitConverter.DoubleToUInt64Bits(value);
        if (bits - SmallestNormalBits >= InfinityBits - SmallestNormalBits)
        {
            ThrowOutsideDomain(value);
        }

        return BinOfNormal(bits);
    }

    /// <summary>The bin of a number above zero that has one; false for all others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryBinOf(double value, out int bin)
    {
        var bits = BitConverter.DoubleToUInt64Bits(value);
        bin = BinOfNormal(bits);
        return bits - SmallestNormalBits < InfinityBits - SmallestNormalBits;
    }

    /// <summary>True for the magnitudes that have no bin because they count as zero: zero itself and everything below 2^-1022.</summary>
    public static bool CountsAsZero(double value) => Math.Abs(value) < BitConverter.UInt64BitsToDouble(SmallestNormalBits);

    /// <summary>The lower edge of a bin, exclusive; 0 for <see cref="Lowest"/>.</summary>
    public static double LowerBound(int bin)
    {
        CheckBin(bin);
        return bin == Lowest ? 0 : Edge(bin - 1);
    }

    /// <summary>The upper edge of a bin, inclusive; <see cref="double.MaxValue"/> for <see cref="Highest"/>.</summary>
    public static double UpperBound(int bin)
    {
        CheckBin(bin);
        return bin == Highest ? double.MaxValue : Edge(bin);
    }

    /// <summary>The number that stands for all of a bin, within <see cref="RelativeError"/> of each.</summary>
    public static double Representative(int bin) => UpperBound(bin) * RepresentativeOfUpper;

    /// <summary>The bin of the positive normal number with these bits. Unchecked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int BinOfNormal(ulong bits)
    {
        var mantissa = bits & MantissaMask;
        var slice = (nint)(mantissa >> (MantissaBits - SliceBits));
        var edge = Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(SliceEdges), slice);
        var within = Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(SliceBins), slice) + (mantissa > edge ? 1 : 0);
        return (((int)(bits >> MantissaBits) - ExponentBias) * PerDoubling) + within;
    }

    private static double Edge(int bin)
    {
        var exponent = (int)Math.Floor(bin / (double)PerDoubling);
        var within = bin - (exponent * PerDoubling);
        return BitConverter.UInt64BitsToDouble(((ulong)(exponent + ExponentBias) << MantissaBits) | EdgeMantissas[within]);
    }

    private static void CheckBin(int bin)
    {
        if (bin is < Lowest or > Highest)
        {
            throw new ArgumentOutOfRangeException(nameof(bin), bin, $"a bin is from {Lowest} to {Highest}");
        }
    }

    private static void ThrowOutsideDomain(double value) =>
        throw new ArgumentOutOfRangeException(nameof(value), value, "only finite numbers of at least 2^-1022 have a bin");
}
