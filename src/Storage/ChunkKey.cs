namespace StreamObserve.Storage;

/// <summary>
/// The 16-byte key of a stored value, compared as a whole. The owner packs its identifiers into it
/// (dataset, dimension, resolution, bucket; block and column; trace id); the store only hashes it.
/// </summary>
/// <param name="High">The first eight bytes.</param>
/// <param name="Low">The last eight bytes.</param>
public readonly record struct ChunkKey(ulong High, ulong Low);
