using System.Runtime.InteropServices;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Whole numbers in as few whole bytes each as their range needs, just as they are stored: a value is <paramref name="Least"/> plus its unsigned entry. Entries of
/// 8 bytes are the values themselves, with a least of 0. The bytes never change.
/// </summary>
internal readonly record struct PackedValues(ReadOnlyMemory<byte> Bytes, int Width, long Least, int Count)
{
    public PackedSpan Span => new(Bytes.Span, Width, Least, Count);
}

/// <summary>Packed values as a scan reads them; also over plain arrays: codes have entries of 4 bytes, integers of 8.</summary>
internal readonly ref struct PackedSpan(ReadOnlySpan<byte> bytes, int width, long least, int count)
{
    /// <summary>The entries' bytes.</summary>
    public ReadOnlySpan<byte> Bytes { get; } = bytes;

    /// <summary>Bytes of an entry: 0 (all values are the least), 1, 2, 4 or 8.</summary>
    public int Width { get; } = width;

    /// <summary>The value of entry 0.</summary>
    public long Least { get; } = least;

    /// <summary>How many values.</summary>
    public int Count { get; } = count;

    public long this[int k] => Width switch
    {
        0 => Least,
        1 => Least + Bytes[k],
        2 => Least + Entries<ushort>()[k],
        4 => Least + Entries<uint>()[k],
        _ => Least + Entries<long>()[k],
    };

    public static PackedSpan Of(ReadOnlySpan<int> codes) => new(MemoryMarshal.AsBytes(codes), 4, 0, codes.Length);

    public static PackedSpan Of(ReadOnlySpan<long> values) => new(MemoryMarshal.AsBytes(values), 8, 0, values.Length);

    public ReadOnlySpan<T> Entries<T>()
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(Bytes);

    /// <summary>The values from <paramref name="from"/> on.</summary>
    public void CopyTo(int from, Span<long> to)
    {
        switch (Width)
        {
            case 0:
                to.Fill(Least);
                break;
            case 1:
                Widen(Bytes.Slice(from, to.Length), to);
                break;
            case 2:
                Widen(Entries<ushort>().Slice(from, to.Length), to);
                break;
            case 4:
                Widen(Entries<uint>().Slice(from, to.Length), to);
                break;
            default:
                Widen(Entries<ulong>().Slice(from, to.Length), to);
                break;
        }
    }

    /// <summary>The given values.</summary>
    public void CopyTo(ReadOnlySpan<int> chosen, Span<long> to)
    {
        switch (Width)
        {
            case 0:
                to.Fill(Least);
                break;
            case 1:
                Widen(Bytes, chosen, to);
                break;
            case 2:
                Widen(Entries<ushort>(), chosen, to);
                break;
            case 4:
                Widen(Entries<uint>(), chosen, to);
                break;
            default:
                Widen(Entries<ulong>(), chosen, to);
                break;
        }
    }

    private void Widen<T>(ReadOnlySpan<T> entries, ReadOnlySpan<int> chosen, Span<long> to)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        for (var i = 0; i < to.Length; i++)
        {
            to[i] = Least + long.CreateTruncating(entries[chosen[i]]);
        }
    }

    private void Widen<T>(ReadOnlySpan<T> entries, Span<long> to)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        for (var i = 0; i < to.Length; i++)
        {
            to[i] = Least + long.CreateTruncating(entries[i]);
        }
    }
}
