namespace StreamObserve.Bench.Generator;

/// <summary>
/// SplitMix64: the same seed gives the same numbers on every machine and runtime, which
/// <see cref="System.Random"/> does not promise. A mutable struct: pass it by reference. Not thread-safe.
/// </summary>
public struct SeededRandom(ulong seed)
{
    private const ulong Increment = 0x9E37_79B9_7F4A_7C15;
    private ulong _state = seed;

    /// <summary>Scatters the bits of a number; a hash with no state.</summary>
    public static ulong Scatter(ulong x)
    {
        x += Increment;
        x = (x ^ (x >> 30)) * 0xBF58_476D_1CE4_E5B9;
        x = (x ^ (x >> 27)) * 0x94D0_49BB_1331_11EB;
        return x ^ (x >> 31);
    }

    /// <summary>64 uniform bits.</summary>
    public ulong NextBits()
    {
        ulong bits = Scatter(_state);
        _state += Increment;
        return bits;
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextUnit() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [0, <paramref name="bound"/>).</summary>
    public int Below(int bound) => (int)Math.BigMul(NextBits(), (ulong)bound, out _);

    /// <summary>True with the given probability.</summary>
    public bool Chance(double probability) => NextUnit() < probability;

    /// <summary>Standard normal, by Box and Muller; only one of the pair is used, so that there is no hidden state.</summary>
    public double NextNormal()
    {
        double radius = Math.Sqrt(-2 * Math.Log(1 - NextUnit()));
        return radius * Math.Cos(2 * Math.PI * NextUnit());
    }

    /// <summary>Log-normal with the given median and sigma of the logarithm.</summary>
    public double NextLogNormal(double median, double sigma) => median * Math.Exp(sigma * NextNormal());
}
