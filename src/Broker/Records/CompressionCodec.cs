namespace StreamObserve.Broker.Records;

/// <summary>How a batch's records are compressed; the low three bits of its attributes.</summary>
internal enum CompressionCodec
{
    None = 0,
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    Zstd = 4,
}
