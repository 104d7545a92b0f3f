using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Columns;

/// <summary>A Bloom filter over UTF-8 texts: about 10 bits a distinct value and 7 probes, one false positive in 120. Double hashing as in Kirsch and Mitzenmacher, 2006.</summary>
internal sealed class BloomFilter
{
    private const int BitsPerValue = 10;
    private const int Probes = 7;

    public BloomFilter(byte[] bytes) => Bytes = bytes;

    public byte[] Bytes { get; }

    /// <summary>A filter over a text column's values; null of other columns.</summary>
    public static BloomFilter? Of(ColumnVector vector)
    {
        if (vector.Type is not (ColumnType.Dictionary or ColumnType.Text or ColumnType.Hex))
        {
            return null;
        }

        Span<byte> scratch = stackalloc byte[64];
        var hashes = new HashSet<ulong>();
        for (var k = 0; k < vector.Count; k++)
        {
            hashes.Add(Hash64.Of(vector.Utf8(k, scratch)));
        }

        var filter = new BloomFilter(new byte[((hashes.Count * BitsPerValue) + 7) / 8]);
        foreach (var hash in hashes)
        {
            for (var probe = 0; probe < Probes; probe++)
            {
                var bit = filter.Bit(hash, probe);
                filter.Bytes[bit >> 3] |= (byte)(1 << (bit & 7));
            }
        }

        return filter;
    }

    /// <summary>False when the text is certainly not among the values.</summary>
    public bool MayContain(ReadOnlySpan<byte> text)
    {
        var hash = Hash64.Of(text);
        for (var probe = 0; probe < Probes; probe++)
        {
            var bit = Bit(hash, probe);
            if ((Bytes[bit >> 3] >> (bit & 7) & 1) == 0)
            {
                return false;
            }
        }

        return true;
    }

    private int Bit(ulong hash, int probe) => (int)(((hash + ((ulong)probe * ((hash >> 32) | 1) * 0x9E3779B97F4A7C15UL)) >> 11) % ((ulong)Bytes.Length * 8));
}
