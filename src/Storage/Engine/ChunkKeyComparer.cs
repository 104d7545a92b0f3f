using FASTER.core;

namespace StreamObserve.Storage.Engine;

/// <summary>
/// Equality and hash of keys. The hash decides the index bucket and is in effect part of the format: an index
/// checkpoint written with another hash finds nothing.
/// </summary>
internal sealed class ChunkKeyComparer : IFasterEqualityComparer<ChunkKey>
{
    /// <inheritdoc/>
    public long GetHashCode64(ref ChunkKey key)
    {
        // The finaliser of MurmurHash3 over both halves; keys are often counters, whose bits must spread.
        ulong hash = key.High * 0x9E37_79B9_7F4A_7C15 ^ key.Low;
        hash = (hash ^ (hash >> 33)) * 0xFF51_AFD7_ED55_8CCD;
        hash = (hash ^ (hash >> 33)) * 0xC4CE_B9FE_1A85_EC53;
        return (long)(hash ^ (hash >> 33));
    }

    /// <inheritdoc/>
    public bool Equals(ref ChunkKey k1, ref ChunkKey k2) => k1.High == k2.High && k1.Low == k2.Low;
}
