using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// The distinct values of one field in one fold: for each (dataset, time slot) the registers of a HyperLogLog that are not empty, as ascending coarse entries
/// (<see cref="HyperLogLog.CoarseEntryOf"/>). Immutable.
/// </summary>
public sealed class DistinctBlock
{
    /// <summary>Bits of an entry.</summary>
    internal const int EntryBits = DistinctAccumulator.Precision + 6;

    private const byte Version = 2;
    private readonly int[] _starts;
    private readonly uint[] _entries;

    /// <summary>A block of cells in any order, the entries of each ascending and of different registers. The arrays are its own from now on.</summary>
    internal DistinctBlock(string field, int slotSeconds, Utf8Strings datasets, int[] datasetCodes, long[] slots, int[] starts, uint[] entries)
    {
        Field = field;
        SlotSeconds = slotSeconds;
        Datasets = datasets;
        DatasetCodes = datasetCodes;
        Slots = slots;
        _starts = starts;
        _entries = entries;
    }

    /// <summary>The field.</summary>
    public string Field { get; }

    /// <summary>Width of a time slot.</summary>
    public int SlotSeconds { get; }

    /// <summary>Names of the datasets.</summary>
    public Utf8Strings Datasets { get; }

    /// <summary>How many cells.</summary>
    public int Cells => Slots.Length;

    /// <summary>Dataset of each cell.</summary>
    public int[] DatasetCodes { get; }

    /// <summary>Time slot of each cell.</summary>
    public long[] Slots { get; }

    /// <summary>Bytes of memory that the block holds, about.</summary>
    public long MemoryBytes => 256 + (Cells * 16L) + (_entries.Length * 4L) + Datasets.ByteCount;

    /// <summary>The entries of a cell.</summary>
    public ReadOnlySpan<uint> Entries(int cell) => _entries.AsSpan(_starts[cell], _starts[cell + 1] - _starts[cell]);

    /// <summary>The entries of all cells.</summary>
    internal ReadOnlySpan<uint> Entries() => _entries;

    /// <summary>
    /// A block of keys (cell in the bits above <see cref="EntryBits"/>, entry below), in any order, of which any may occur more than once. The keys are put in order; cells without a
    /// key are left out.
    /// </summary>
    internal static DistinctBlock Of(string field, int slotSeconds, Utf8Strings datasets, int[] datasetCodes, long[] slots, Span<ulong> keys)
    {
        // Ranks stay in any order: of equal registers the greatest is kept.
        RadixSort.Sort(keys, HyperLogLog.CoarseRankBits, ((ulong)slots.Length << EntryBits) - 1);
        var entries = LentArrays.Rent<uint>(keys.Length);
        var starts = new List<int>(slots.Length + 1) { 0 };
        var cells = new List<int>(slots.Length);
        for (int from = 0, count = 0; from < keys.Length;)
        {
            var cell = keys[from] >> EntryBits;
            while (from < keys.Length && keys[from] >> EntryBits == cell)
            {
                var greatest = keys[from++];
                for (; from < keys.Length && keys[from] >> HyperLogLog.CoarseRankBits == greatest >> HyperLogLog.CoarseRankBits; from++)
                {
                    greatest = Math.Max(greatest, keys[from]);
                }

                entries[count++] = (uint)greatest & ((1u << EntryBits) - 1);
            }

            cells.Add((int)cell);
            starts.Add(count);
        }

        var block = new DistinctBlock(
            field, slotSeconds, datasets, cells.ConvertAll(cell => datasetCodes[cell]).ToArray(), cells.ConvertAll(cell => slots[cell]).ToArray(), [.. starts],
            entries.AsSpan(0, starts[^1]).ToArray());
        LentArrays.Return(entries);
        return block;
    }

    /// <summary>Writes the block by way of a buffer, whose content is overwritten; compressed when a packer is given.</summary>
    internal byte[] Encode(ByteWriter w, ChunkPacker? packer)
    {
        w.Clear();
        w.U8(Version);
        w.Text(Field);
        w.Varint((ulong)SlotSeconds);
        AggregateBlockFormat.WriteStrings(w, Datasets);
        w.Varint((ulong)Cells);
        var lastSlot = 0L;
        for (var cell = 0; cell < Cells; cell++)
        {
            w.Varint((ulong)DatasetCodes[cell]);
            w.Zigzag(Slots[cell] - lastSlot);
            w.Varint((ulong)(_starts[cell + 1] - _starts[cell]));
            lastSlot = Slots[cell];
        }

        var run = w.BeginVarints(_entries.Length, VarintRun.BytesMax32);
        for (var cell = 0; cell < Cells; cell++)
        {
            var last = 0u;
            foreach (var entry in Entries(cell))
            {
                var register = HyperLogLog.RegisterOf(entry);
                run.Add(register - last);
                last = register;
            }
        }

        run.End();
        WriteRanks(w);
        return packer is null ? PackedChunk.Plain(w.Written) : packer.Pack(w.Written);
    }

    /// <summary>Reads a block; damage is a <see cref="FormatException"/>.</summary>
    public static DistinctBlock Decode(ReadOnlySpan<byte> bytes)
    {
        using var unpacked = PackedChunk.UnpackLent(bytes);
        var r = new ByteReader(unpacked.WrittenSpan);
        if (r.U8() is var version && version != Version)
        {
            throw new FormatException($"a distinct block of version {version}");
        }

        var field = r.Text();
        var slotSeconds = r.Count();
        var datasets = AggregateBlockFormat.ReadStrings(ref r);
        var cells = r.Count();
        var (codes, slots, starts) = (new int[cells], new long[cells], new int[cells + 1]);
        var slot = 0L;
        for (var cell = 0; cell < cells; cell++)
        {
            codes[cell] = r.Count();
            slots[cell] = slot += r.Zigzag();
            starts[cell + 1] = checked(starts[cell] + r.Count());
        }

        var entries = new uint[starts[cells]];
        ReadRegisters(ref r, starts, entries);
        ReadRanks(ref r, entries);
        return new(field, slotSeconds, datasets, codes, slots, starts, entries);
    }

    /// <summary>Ranks are small: two a byte, those past 14 behind as a byte each.</summary>
    private void WriteRanks(ByteWriter w)
    {
        var packed = w.Take((_entries.Length + 1) / 2);
        packed.Clear();
        for (var i = 0; i < _entries.Length; i++)
        {
            packed[i >> 1] |= (byte)(Math.Min(HyperLogLog.RankOf(_entries[i]), (byte)15) << ((i & 1) * 4));
        }

        foreach (var entry in _entries)
        {
            if (HyperLogLog.RankOf(entry) >= 15)
            {
                w.U8(HyperLogLog.RankOf(entry));
            }
        }
    }

    private static void ReadRegisters(ref ByteReader r, int[] starts, uint[] entries)
    {
        var distances = LentArrays.Rent<int>(entries.Length);
        if (!r.TryCounts(distances.AsSpan(0, entries.Length)))
        {
            throw new FormatException("a register of more than an int holds");
        }

        for (var cell = 0; cell + 1 < starts.Length; cell++)
        {
            var register = 0L;
            for (var i = starts[cell]; i < starts[cell + 1]; i++)
            {
                register += distances[i];
                entries[i] = register < 1 << DistinctAccumulator.Precision ? HyperLogLog.CoarseEntry((uint)register, 0) : throw new FormatException($"register {register}");
            }
        }

        LentArrays.Return(distances);
    }

    private static void ReadRanks(ref ByteReader r, uint[] entries)
    {
        var packed = r.Take((entries.Length + 1) / 2);
        for (var i = 0; i < entries.Length; i++)
        {
            var rank = (byte)((packed[i >> 1] >> ((i & 1) * 4)) & 15);
            rank = rank == 15 ? r.U8() : rank;
            entries[i] = rank is >= 1 and <= 64 - DistinctAccumulator.Precision + 1 ? entries[i] | rank : throw new FormatException($"a rank of {rank}");
        }
    }
}
