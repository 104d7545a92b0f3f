using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Writes many variable-length numbers (<see cref="ByteWriter.Varint"/>) one after the other. How long each one is can't be guessed where lengths mix, so no branch depends on it
/// up to 56 bits where the processor can spread bits over bytes. Got from and counted by a <see cref="ByteWriter"/>.
/// </summary>
internal ref struct VarintRun(ByteWriter writer, ref byte start)
{
    /// <summary>Most bytes that a number takes.</summary>
    public const int BytesMax = 10;

    /// <summary>Most bytes that a number of 32 bits takes, or the difference of two.</summary>
    public const int BytesMax32 = 5;

    private const ulong Payload = 0x7F7F7F7F7F7F7F7F;
    private const ulong Continued = 0x8080808080808080;
    private const int FastBits = 56;

    private readonly ref byte _start = ref start;
    private int _length;

    /// <summary>The number whose varint is the signed number's zigzag.</summary>
    public static ulong Zigzagged(long value) => (ulong)((value << 1) ^ (value >> 63));

    /// <summary>The number in the first bytes of eight, and how many they are; no bytes where it goes on beyond, or where the processor can't gather bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong TryRead(ulong eight, out int bytes)
    {
        var ends = ~eight & Continued;
        if (!Bmi2.X64.IsSupported || ends == 0)
        {
            bytes = 0;
            return 0;
        }

        bytes = (BitOperations.TrailingZeroCount(ends) >> 3) + 1;
        return Bmi2.X64.ParallelBitExtract(eight & (ends ^ (ends - 1)), Payload);
    }

    /// <summary>Writes one number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(ulong value)
    {
        if (!Bmi2.X64.IsSupported || value >> FastBits != 0)
        {
            AddBytewise(value);
            return;
        }

        // Seven bits a byte; all bytes but the last say that it goes on.
        var more = (int)((uint)(63 - BitOperations.LeadingZeroCount(value | 1)) / 7);
        var bytes = Bmi2.X64.ParallelBitDeposit(value, Payload) | (Continued & ((1UL << (8 * more)) - 1));
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref _start, _length), bytes);
        _length += more + 1;
    }

    /// <summary>Writes a signed number, zigzag.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddZigzag(long value) => Add(Zigzagged(value));

    /// <summary>Writes numbers that are no less than 0.</summary>
    public void AddAll(ReadOnlySpan<int> values)
    {
        var i = 0;
        while (i < values.Length)
        {
            // Fast path: eight that take a byte each. As eight bytes they also fit where the run's last number does.
            if (values.Length - i >= Vector256<int>.Count && Vector256.Create(values.Slice(i, Vector256<int>.Count)).AsUInt32() is var eight && (eight & Vector256.Create(~0x7Fu)) == Vector256<uint>.Zero)
            {
                AddBytes(Vector128.Narrow(eight.GetLower(), eight.GetUpper()));
                i += Vector256<int>.Count;
                continue;
            }

            Add((uint)values[i++]);
        }
    }

    /// <summary>Writes numbers.</summary>
    public void AddAll(ReadOnlySpan<ushort> values)
    {
        var i = 0;
        while (i < values.Length)
        {
            if (values.Length - i >= Vector128<ushort>.Count && Vector128.Create(values.Slice(i, Vector128<ushort>.Count)) is var eight && (eight & Vector128.Create<ushort>(0xFF80)) == Vector128<ushort>.Zero)
            {
                AddBytes(eight);
                i += Vector128<ushort>.Count;
                continue;
            }

            Add(values[i++]);
        }
    }

    /// <summary>Counts what was written.</summary>
    public readonly void End() => writer.EndVarints(_length);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddBytes(Vector128<ushort> eight)
    {
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref _start, _length), Vector128.Narrow(eight, eight).AsUInt64().ToScalar());
        _length += Vector128<ushort>.Count;
    }

    private void AddBytewise(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            Unsafe.Add(ref _start, _length++) = (byte)(value | 0x80);
        }

        Unsafe.Add(ref _start, _length++) = (byte)value;
    }
}
