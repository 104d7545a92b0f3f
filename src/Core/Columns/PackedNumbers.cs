using System.Runtime.InteropServices;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Arrays of numbers in as few whole bytes a value as their range needs: [base i64][width u8: 0 1 2 4 8][values - base]. Decimal floats become integers first.
/// Simple on purpose: the general-purpose compressor behind it finds the rest.
/// </summary>
internal static class PackedNumbers
{
    private static readonly double[] Scales = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

    public static void WriteIntegers(ByteWriter w, ReadOnlySpan<long> values)
    {
        if (values.IsEmpty)
        {
            w.I64(0);
            w.U8(0);
            return;
        }

        long min = long.MaxValue, max = long.MinValue;
        foreach (var value in values)
        {
            min = Math.Min(min, value);
            max = Math.Max(max, value);
        }

        var range = (ulong)max - (ulong)min;
        w.I64(min);
        switch (range)
        {
            case 0:
                w.U8(0);
                break;
            case <= byte.MaxValue:
            {
                w.U8(1);
                var to = w.Take(values.Length);
                for (var i = 0; i < to.Length; i++)
                {
                    to[i] = (byte)(values[i] - min);
                }

                break;
            }

            case <= ushort.MaxValue:
            {
                w.U8(2);
                var to = MemoryMarshal.Cast<byte, ushort>(w.Take(values.Length * 2));
                for (var i = 0; i < to.Length; i++)
                {
                    to[i] = (ushort)(values[i] - min);
                }

                break;
            }

            case <= uint.MaxValue:
            {
                w.U8(4);
                var to = MemoryMarshal.Cast<byte, uint>(w.Take(values.Length * 4));
                for (var i = 0; i < to.Length; i++)
                {
                    to[i] = (uint)(values[i] - min);
                }

                break;
            }

            default:
                w.U8(8);
                MemoryMarshal.AsBytes(values).CopyTo(w.Take(values.Length * 8));
                break;
        }
    }

    public static long[] ReadIntegers(ref ByteReader r, int count)
    {
        var min = r.I64();
        var values = new long[count];
        switch (r.U8())
        {
            case 0:
                Array.Fill(values, min);
                break;
            case 1:
            {
                var from = r.Take(count);
                for (var i = 0; i < values.Length; i++)
                {
                    values[i] = min + from[i];
                }

                break;
            }

            case 2:
            {
                var from = MemoryMarshal.Cast<byte, ushort>(r.Take(count * 2));
                for (var i = 0; i < values.Length; i++)
                {
                    values[i] = min + from[i];
                }

                break;
            }

            case 4:
            {
                var from = MemoryMarshal.Cast<byte, uint>(r.Take(count * 4));
                for (var i = 0; i < values.Length; i++)
                {
                    values[i] = min + from[i];
                }

                break;
            }

            case 8:
                r.Take(count * 8).CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
                break;
            case var width:
                throw new FormatException($"a number width of {width}");
        }

        return values;
    }

    /// <summary>The integers as they are stored, over the bytes that <paramref name="r"/> reads from.</summary>
    public static PackedValues ReadPacked(ref ByteReader r, ReadOnlyMemory<byte> bytes, int count)
    {
        var least = r.I64();
        int width = r.U8();
        if (width is not (0 or 1 or 2 or 4 or 8))
        {
            throw new FormatException($"a number width of {width}");
        }

        return Slice(ref r, bytes, count, width, width == 8 ? 0 : least);
    }

    /// <summary>The codes as they are stored.</summary>
    public static PackedValues ReadPackedCodes(ref ByteReader r, ReadOnlyMemory<byte> bytes, int count, int dictionaryCount) =>
        Slice(ref r, bytes, count, dictionaryCount <= 1 ? 0 : dictionaryCount <= 256 ? 1 : dictionaryCount <= 65536 ? 2 : 4, 0);

    /// <summary>Reads the decimals of floats: what their integers are to be divided by, 0 when they are stored plain, 8 bytes each.</summary>
    public static double ReadScale(ref ByteReader r) => r.U8() switch
    {
        255 => 0,
        var decimals when decimals < Scales.Length => Scales[decimals],
        var decimals => throw new FormatException($"{decimals} decimals"),
    };

    private static PackedValues Slice(ref ByteReader r, ReadOnlyMemory<byte> bytes, int count, int width, long least)
    {
        var at = r.Position;
        r.Take(checked(count * width));
        return new(bytes.Slice(at, count * width), width, least, count);
    }

    /// <summary>[decimals u8, 255 = plain] then integers of value * 10^decimals, or 8 bytes a value.</summary>
    public static void WriteFloats(ByteWriter w, ReadOnlySpan<double> values, ref long[] scratch)
    {
        if (scratch.Length < values.Length)
        {
            scratch = new long[Math.Max(values.Length, scratch.Length * 2)];
        }

        var decimals = Scale(values, scratch);
        if (decimals < 0)
        {
            w.U8(255);
            MemoryMarshal.AsBytes(values).CopyTo(w.Take(values.Length * 8));
            return;
        }

        w.U8((byte)decimals);
        WriteIntegers(w, scratch.AsSpan(0, values.Length));
    }

    public static double[] ReadFloats(ref ByteReader r, int count)
    {
        var values = new double[count];
        var decimals = r.U8();
        if (decimals == 255)
        {
            r.Take(count * 8).CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
            return values;
        }

        var scale = decimals < Scales.Length ? Scales[decimals] : throw new FormatException($"{decimals} decimals");
        var integers = ReadIntegers(ref r, count);
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = integers[i] / scale;
        }

        return values;
    }

    public static void WriteCodes(ByteWriter w, ReadOnlySpan<int> codes, int dictionaryCount)
    {
        if (dictionaryCount <= 1)
        {
            return;
        }

        if (dictionaryCount <= 256)
        {
            var to = w.Take(codes.Length);
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = (byte)codes[i];
            }
        }
        else if (dictionaryCount <= 65536)
        {
            var to = MemoryMarshal.Cast<byte, ushort>(w.Take(codes.Length * 2));
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = (ushort)codes[i];
            }
        }
        else
        {
            MemoryMarshal.AsBytes(codes).CopyTo(w.Take(codes.Length * 4));
        }
    }

    public static int[] ReadCodes(ref ByteReader r, int count, int dictionaryCount)
    {
        var codes = new int[count];
        if (dictionaryCount <= 1)
        {
            return codes;
        }

        if (dictionaryCount <= 256)
        {
            var from = r.Take(count);
            for (var i = 0; i < codes.Length; i++)
            {
                codes[i] = from[i];
            }
        }
        else if (dictionaryCount <= 65536)
        {
            var from = MemoryMarshal.Cast<byte, ushort>(r.Take(count * 2));
            for (var i = 0; i < codes.Length; i++)
            {
                codes[i] = from[i];
            }
        }
        else
        {
            r.Take(count * 4).CopyTo(MemoryMarshal.AsBytes(codes.AsSpan()));
        }

        return codes;
    }

    /// <summary>The fewest decimals (0..6) with which every value comes back to the bit, its integers in <paramref name="scaled"/>; -1 = none.</summary>
    private static int Scale(ReadOnlySpan<double> values, Span<long> scaled)
    {
        var decimals = 0;
        for (var i = 0; i < values.Length; i++)
        {
            while (true)
            {
                var product = values[i] * Scales[decimals];
                var integer = Math.Round(product);
                if (Math.Abs(integer) <= 9007199254740992 && BitConverter.DoubleToInt64Bits(integer / Scales[decimals]) == BitConverter.DoubleToInt64Bits(values[i]))
                {
                    scaled[i] = (long)integer;
                    break;
                }

                if (++decimals == Scales.Length)
                {
                    return -1;
                }

                // The ones before in the finer scale; a value that fitted the coarser one fits this one unless it grows past 2^53.
                for (var j = 0; j < i; j++)
                {
                    scaled[j] = (long)Math.Round(values[j] * Scales[decimals]);
                    if (BitConverter.DoubleToInt64Bits(scaled[j] / Scales[decimals]) != BitConverter.DoubleToInt64Bits(values[j]))
                    {
                        return -1;
                    }
                }
            }
        }

        return decimals;
    }
}
