using System.Numerics;

namespace StreamObserve.Core.Sketches;

// Format 1:
//
//   byte 1 | byte precision, + 128 when sparse, + 64 when sparse and coarse | sparse or dense content
//   sparse: varint count | varint first entry | varint distance to the next, greater entry x (count - 1)
//   dense:  byte base = the lowest register | 4 bits a register: min(register - base, 15), low half first |
//           varint n | n x (varint distance of indices | byte register): those of base + 15 and more
public sealed partial class HyperLogLog
{
    private const byte ExportFormat = 1;
    private const byte SparseFlag = 128;
    private const byte CoarseFlag = 64;
    private const int NibbleMax = 15;

    /// <summary>The bytes that <see cref="Export"/> will write.</summary>
    public int ExportSize()
    {
        var writer = SketchWriter.Measuring();
        Write(ref writer);
        return writer.Position;
    }

    /// <summary>
    /// Writes the sketch, self-delimiting and in one way only: equal contents give equal bytes. Returns the bytes written.
    /// The destination must hold <see cref="ExportSize"/> bytes, else <see cref="IndexOutOfRangeException"/> or <see cref="ArgumentException"/>.
    /// </summary>
    public int Export(Span<byte> destination)
    {
        var writer = SketchWriter.Into(destination);
        Write(ref writer);
        return writer.Position;
    }

    /// <summary>What a sketch keeps of a hash while it keeps each.</summary>
    private static uint EntryOf(ulong hash)
    {
        var index = (uint)(hash >> (64 - SparseIndexBits));
        var rank = (uint)BitOperations.LeadingZeroCount((hash << SparseIndexBits) | (1UL << (SparseIndexBits - 1))) + 1;
        return (index << SparseRankBits) | rank;
    }

    /// <summary>The register of a hash and the rank that it has there, as one number: the register in the upper bits, 6 bits of rank, which is at least 1.</summary>
    public static uint CoarseEntryOf(ulong hash, int precision)
    {
        var rank = (uint)BitOperations.LeadingZeroCount((hash << precision) | (1UL << (precision - 1))) + 1;
        return ((uint)(hash >> (64 - precision)) << SparseRankBits) | rank;
    }

    /// <summary>The register of a coarse entry.</summary>
    public static uint RegisterOf(uint coarseEntry) => coarseEntry >> SparseRankBits;

    /// <summary>Bits of the rank in a coarse entry, the lowest.</summary>
    internal const int CoarseRankBits = SparseRankBits;

    /// <summary>The rank of a coarse entry.</summary>
    public static byte RankOf(uint coarseEntry) => (byte)(coarseEntry & RankMask);

    /// <summary>The coarse entry of a register and a rank.</summary>
    public static uint CoarseEntry(uint register, byte rank) => (register << SparseRankBits) | rank;

    /// <summary>The sketch that was exported at the start of the source, and how many bytes it took. Damage is an <see cref="InvalidDataException"/>.</summary>
    public static HyperLogLog Import(ReadOnlySpan<byte> source, out int read)
    {
        var reader = new SketchReader(source);
        var format = reader.ReadByte();
        var kind = reader.ReadByte();
        var precision = kind & ~(SparseFlag | CoarseFlag);
        if (format != ExportFormat || precision is < SketchLimits.HyperLogLogPrecisionMin or > SketchLimits.HyperLogLogPrecisionMax)
        {
            throw reader.Damaged($"format {format} with precision {precision} is not known");
        }

        var sketch = new HyperLogLog(precision);
        if ((kind & SparseFlag) != 0)
        {
            sketch._isCoarse = (kind & CoarseFlag) != 0;
            sketch.ReadSparse(ref reader);
        }
        else
        {
            sketch._registers = ReadDense(ref reader, precision);
        }

        read = reader.Position;
        return sketch;
    }

    private void Write(ref SketchWriter writer)
    {
        writer.WriteByte(ExportFormat);
        Span<uint> entries = stackalloc uint[SparseCountMax];
        if (TryListEntries(entries, out var count))
        {
            entries = entries[..count];
            entries.Sort();
            WriteSparse(ref writer, (byte)(Precision | SparseFlag | (_isCoarse ? CoarseFlag : 0)), entries);
        }
        else
        {
            writer.WriteByte((byte)Precision);
            WriteDense(ref writer, _registers!);
        }
    }

    /// <summary>The entries of the sparse form, in no order; false when there are too many. A coarse sketch has one form, whether it was sparse all along or not.</summary>
    private bool TryListEntries(Span<uint> entries, out int count)
    {
        count = 0;
        if (_registers is null)
        {
            foreach (var entry in _sparse)
            {
                if (entry != 0)
                {
                    entries[count++] = entry;
                }
            }

            return true;
        }

        for (var i = 0; _isCoarse && i < _registers.Length; i++)
        {
            if (_registers[i] == 0)
            {
                continue;
            }

            if (count == entries.Length)
            {
                return false;
            }

            entries[count++] = CoarseEntry((uint)i, _registers[i]);
        }

        return _isCoarse;
    }

    private static void WriteSparse(ref SketchWriter writer, byte kind, scoped ReadOnlySpan<uint> entries)
    {
        writer.WriteByte(kind);
        writer.WriteVarint((ulong)entries.Length);
        var previous = 0u;
        foreach (var entry in entries)
        {
            writer.WriteVarint(entry - previous);
            previous = entry;
        }
    }

    private void ReadSparse(ref SketchReader reader)
    {
        var count = reader.ReadCount(SparseCountMax);
        var entry = 0ul;
        for (var i = 0; i < count; i++)
        {
            entry += reader.ReadVarint();
            var rank = entry & RankMask;
            var (indexBits, rankMax) = _isCoarse ? (Precision, 64 - Precision + 1) : (SparseIndexBits, 64 - SparseIndexBits + 1);
            if (entry >> (indexBits + SparseRankBits) != 0 || rank < 1 || rank > (ulong)rankMax)
            {
                throw reader.Damaged($"a sparse entry is {entry}");
            }

            AddEntry((uint)entry);
        }
    }

    private static void WriteDense(ref SketchWriter writer, byte[] registers)
    {
        var lowest = registers.AsSpan().IndexOf((byte)0) >= 0 ? (byte)0 : Min(registers);
        writer.WriteByte(lowest);
        var exceptions = 0;
        for (var i = 0; i < registers.Length; i += 2)
        {
            var (even, odd) = (Math.Min(registers[i] - lowest, NibbleMax), Math.Min(registers[i + 1] - lowest, NibbleMax));
            exceptions += (even == NibbleMax ? 1 : 0) + (odd == NibbleMax ? 1 : 0);
            writer.WriteByte((byte)(even | (odd << 4)));
        }

        writer.WriteVarint((ulong)exceptions);
        var previous = 0;
        for (var i = 0; exceptions > 0 && i < registers.Length; i++)
        {
            if (registers[i] - lowest >= NibbleMax)
            {
                writer.WriteVarint((ulong)(i - previous));
                writer.WriteByte(registers[i]);
                previous = i;
            }
        }
    }

    private static byte[] ReadDense(ref SketchReader reader, int precision)
    {
        var registers = new byte[1 << precision];
        var rankMax = 64 - precision + 1;
        var lowest = reader.ReadByte();
        var nibbles = reader.ReadBytes(registers.Length / 2);
        for (var i = 0; i < nibbles.Length; i++)
        {
            var (even, odd) = (lowest + (nibbles[i] & NibbleMax), lowest + (nibbles[i] >> 4));
            if (Math.Max(even, odd) > rankMax)
            {
                throw reader.Damaged($"a register is {Math.Max(even, odd)}, the most is {rankMax}");
            }

            (registers[2 * i], registers[(2 * i) + 1]) = ((byte)even, (byte)odd);
        }

        var exceptions = reader.ReadCount(registers.Length);
        var index = 0;
        for (var i = 0; i < exceptions; i++)
        {
            index += reader.ReadCount(registers.Length - 1 - index);
            var register = reader.ReadByte();
            registers[index] = register <= rankMax ? register : throw reader.Damaged($"a register is {register}, the most is {rankMax}");
        }

        return registers;
    }

    private static byte Min(byte[] registers)
    {
        var min = byte.MaxValue;
        foreach (var register in registers)
        {
            min = Math.Min(min, register);
        }

        return min;
    }
}
