using System.Text;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Sampling;

/// <summary>
/// The probabilistic policy of the Collector's tail sampling processor: a trace is kept when the 64-bit FNV-1a hash of a salt and its id is at most so much of the greatest hash, so that
/// collectors with the same salt keep the same traces. Immutable, thread-safe.
/// </summary>
public sealed class ProbabilisticSampler
{
    private const ulong OffsetBasis = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    private readonly double _share;
    private readonly ulong _salted;
    private readonly ulong _threshold;

    /// <summary>Keeps so many of a hundred: above 0, at most 100.</summary>
    public ProbabilisticSampler(double percent, string salt)
    {
        _share = percent / 100;
        _salted = Hash(OffsetBasis, Encoding.UTF8.GetBytes(salt));
        _threshold = _share >= 1 ? ulong.MaxValue : (ulong)(_share * ulong.MaxValue);
    }

    /// <summary>Whether the trace of this id is kept. An id of 32 lower-case hexadecimal digits is hashed as its 16 bytes, any other as its text.</summary>
    public bool Keeps(ReadOnlySpan<byte> traceIdUtf8)
    {
        Span<byte> raw = stackalloc byte[16];
        return Hash(_salted, Hex.TryDecodeLower(traceIdUtf8, raw) ? raw : traceIdUtf8) <= _threshold;
    }

    /// <summary>Whether a row without a trace is kept, by the hash of its place in the log.</summary>
    public bool KeepsPlace(uint hash) => hash <= _share * uint.MaxValue;

    private static ulong Hash(ulong hash, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            hash = (hash ^ b) * Prime;
        }

        return hash;
    }
}
