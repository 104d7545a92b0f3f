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
        if (column.Type != ColumnType.Hex)
        {
            var ofTexts = WithRoomFor(column.Dictionary.Count);
            for (var code = 0; code < column.Dictionary.Count; code++)
            {
                ofTexts.Add(Hash64.Of(column.Dictionary[code]));
            }

            return ofTexts;
        }

        // Rows of one trace lie side by side: each run of an id is one value.
        var ids = column.HexBytes;
        var width = column.HexWidth;
        var runs = 0;
        for (var k = 0; k < column.Count; k++)
        {
            runs += IsNew(ids, width, k) ? 1 : 0;
        }

        var filter = WithRoomFor(runs);
        Span<byte> text = stackalloc byte[2 * 16];
        for (var k = 0; k < column.Count; k++)
        {
            if (IsNew(ids, width, k))
            {
                Hex.EncodeLower(ids.Slice(k * width, width), text);
                filter.Add(Hash64.Of(text[..(width * 2)]));
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

    private static BloomFilter WithRoomFor(int values) => new(new byte[((values * BitsPerValue) + 7) / 8]);

    private static bool IsNew(ReadOnlySpan<byte> ids, int width, int k) => k == 0 || !ids.Slice(k * width, width).SequenceEqual(ids.Slice((k - 1) * width, width));

    private void Add(ulong hash)
    {
        for (var probe = 0; probe < Probes; probe++)
        {
            var bit = Bit(hash, probe);
            Bytes[bit >> 3] |= (byte)(1 << (bit & 7));
        }
    }

    private int Bit(ulong hash, int probe) => (int)(((hash + ((ulong)probe * ((hash >> 32) | 1) * 0x9E3779B97F4A7C15UL)) >> 11) % ((ulong)Bytes.Length * 8));
}
