using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace StreamObserve.Broker.Records;

/// <summary>
/// CRC-32C (Castagnoli), Kafka's batch checksum. The processor's instruction has a latency of three cycles, so three blocks run
/// side by side and are joined by tables that advance a checksum over a block of zeros (a checksum is linear in its state).
/// </summary>
internal static class Crc32C
{
    private const int BlockBytes = 4096;
    private static readonly uint[] OneBlock = ZeroBlockTable(BlockBytes);

    /// <summary>The checksum of <paramref name="data"/>.</summary>
    public static uint Compute(ReadOnlySpan<byte> data) => ~Advance(~0u, data);

    // Optimised from its first call: the unoptimised form would take longer over the first gigabyte than all the rest of the broker.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static uint Advance(uint crc, ReadOnlySpan<byte> data)
    {
        while (data.Length >= 3 * BlockBytes)
        {
            ref byte start = ref MemoryMarshal.GetReference(data);
            ref byte second = ref Unsafe.Add(ref start, BlockBytes);
            ref byte third = ref Unsafe.Add(ref start, 2 * BlockBytes);
            uint a = crc, b = 0, c = 0;
            for (nuint i = 0; i < BlockBytes; i += 8)
            {
                a = BitOperations.Crc32C(a, Unsafe.ReadUnaligned<ulong>(ref Unsafe.AddByteOffset(ref start, i)));
                b = BitOperations.Crc32C(b, Unsafe.ReadUnaligned<ulong>(ref Unsafe.AddByteOffset(ref second, i)));
                c = BitOperations.Crc32C(c, Unsafe.ReadUnaligned<ulong>(ref Unsafe.AddByteOffset(ref third, i)));
            }

            crc = OverZeros(OverZeros(a) ^ b) ^ c;
            data = data[(3 * BlockBytes)..];
        }

        while (data.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, MemoryMarshal.Read<ulong>(data));
            data = data[8..];
        }

        foreach (byte value in data)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return crc;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint OverZeros(uint crc) =>
        OneBlock[crc & 0xFF] ^ OneBlock[256 + ((crc >> 8) & 0xFF)] ^ OneBlock[512 + ((crc >> 16) & 0xFF)] ^ OneBlock[768 + (crc >> 24)];

    private static uint[] ZeroBlockTable(int bytes)
    {
        Span<uint> advancedBit = stackalloc uint[32];
        for (int bit = 0; bit < 32; bit++)
        {
            uint crc = 1u << bit;
            for (int i = 0; i < bytes; i += 8)
            {
                crc = BitOperations.Crc32C(crc, 0UL);
            }

            advancedBit[bit] = crc;
        }

        uint[] table = new uint[4 * 256];
        for (int place = 0; place < 4; place++)
        {
            for (int value = 0; value < 256; value++)
            {
                uint crc = 0;
                for (int bit = 0; bit < 8; bit++)
                {
                    if ((value & (1 << bit)) != 0)
                    {
                        crc ^= advancedBit[(8 * place) + bit];
                    }
                }

                table[(256 * place) + value] = crc;
            }
        }

        return table;
    }
}
