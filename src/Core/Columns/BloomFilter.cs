using StreamObserve.Core.Events;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Columns;

/// <summary>A Bloom filter over UTF-8 texts: about 10 bits a distinct value and 7 probes, one false positive in 120. Double hashing as in Kirsch and Mitzenmacher, 2006.</summary>
internal sealed class BloomFilter
{
    private const int BitsPerValue = 10;
    private const int Probes = 7;

    public BloomFilter(byte[] bytes) => Bytes = bytes;

    public byte[] Bytes { get; }

    /// <summary>A filter over a text column's values.</summary>
    public static BloomFilter Of(in GatheredColumn column)
    {
        Span<byte> text = stackalloc byte[2 * 16];
        var hashes = new HashSet<ulong>();
        if (column.Type == ColumnType.Hex)
        {
            var width = column.HexWidth;
            for (var k = 0; k < column.Count; k++)
            {
                // Rows of one trace lie side by side: the same id again and again.
                var id = column.HexBytes.Slice(k * width, width);
                if (k == 0 || !id.SequenceEqual(column.HexBytes.Slice((k - 1) * width, width)))
                {
                    Hex.EncodeLower(id, text);
                    hashes.Add(Hash64.Of(text[..(width * 2)]));
                }
            }
        }
        else
        {
            for (var code = 0; code < column.Dictionary.Count; code++)
            {
                hashes.Add(Hash64.Of(column.Dictionary[code]));
            }
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
