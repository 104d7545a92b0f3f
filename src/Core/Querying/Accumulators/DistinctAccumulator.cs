using System.Runtime.InteropServices;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>
/// The distinct values of a column by their 64-bit hashes: each one kept up to <see cref="ExactMax"/> a cell (a collision among so many has a chance below 1 in
/// 10^8, so that count is called exact), a HyperLogLog beyond or as soon as one is merged in.
/// </summary>
public sealed class DistinctAccumulator(string column) : Accumulator
{
    /// <summary>Hashes kept one by one in a cell; past it the cell becomes a sketch of 16 KB and its number is bounded.</summary>
    public const int ExactMax = 65_536;

    /// <summary>Hashes kept one by one in a cell where memory is short: as many as take the room of a sketch.</summary>
    public const int ShrunkMax = 1_024;

    /// <summary>Precision of the sketches, here and in aggregates: 2^14 registers, 0.81 % standard error.</summary>
    public const int Precision = 14;

    /// <summary>Words of the bitmap of cells and codes that are always worth it; above, one a row at most.</summary>
    private const int SeenWordsMin = 1024;

    /// <summary>Bytes of the bitmaps of cells and numbered texts; past it a segment's own codes tell what was seen.</summary>
    private const int SeenNumbersBytesMax = 2 << 20;

    private readonly List<ColumnVector> _columns = [];
    private Cell?[] _cells = [];

    // Of each cell the texts, by their numbers, that were added already.
    private ulong[]?[] _seenNumbers = [];
    private TextNumbers? _numbering;
    private long _seenNumbersBytes;

    /// <summary>The number of distinct values and its relative bound (0 = exact).</summary>
    public (double Estimate, double Bound) Estimate(int cell)
    {
        if (_cells[cell] is not { } distinct)
        {
            return (0, 0);
        }

        var count = distinct.CountExact();
        return distinct.Sketch is { } sketch ? (Math.Round(sketch.Estimate()), sketch.RelativeErrorBound) : (count, 0);
    }

    /// <summary>Adds coarse entries (<see cref="HyperLogLog.CoarseEntryOf"/>) from an aggregate.</summary>
    public void AddCoarse(int cell, ReadOnlySpan<uint> entries) => Use(cell).BecomeSketch().AddCoarse(entries);

    /// <summary>Adds one value's hash.</summary>
    public void Add(int cell, ulong hash) => Use(cell).Add(hash);

    /// <inheritdoc/>
    public override long MemoryBytes
    {
        get
        {
            var bytes = ((_cells.Length + _seenNumbers.Length) * 8L) + _seenNumbersBytes;
            foreach (var cell in _cells)
            {
                bytes += cell?.MemoryBytes ?? 0;
            }

            return bytes;
        }
    }

    /// <summary>Cells of more values than a sketch has room become sketches: their numbers are bounded then.</summary>
    public override void Shrink()
    {
        ForgetSeen();
        foreach (var cell in _cells)
        {
            if (cell is { Sketch: null } && cell.CountExact() > ShrunkMax)
            {
                cell.BecomeSketch();
            }
        }
    }

    /// <inheritdoc/>
    public override void EnsureCells(int count) => Grow(ref _cells, count, null);

    /// <inheritdoc/>
    public override void Update(in SelectedRows rows)
    {
        _columns.Clear();
        rows.Segment.GetColumns(column, _columns);
        Span<byte> scratch = stackalloc byte[64];
        foreach (var vector in _columns)
        {
            if (vector.Type == ColumnType.Dictionary)
            {
                if (!TryAddNumbered(rows, vector))
                {
                    AddCodes(rows, vector);
                }

                continue;
            }

            Cell? last = null;
            var lastCell = -1;
            for (var i = 0; i < rows.Rows.Length; i++)
            {
                var row = rows.Rows[i];
                if (!vector.Has(row))
                {
                    continue;
                }

                if (rows.Cells[i] != lastCell)
                {
                    lastCell = rows.Cells[i];
                    last = Use(lastCell);
                }

                last!.Add(HashOf(vector, vector.Rank(row), scratch));
            }
        }
    }

    /// <summary>Adds the values behind the codes, each once a cell, whatever number of segments it is in; false when the texts have no numbers or there is no room to note them.</summary>
    private bool TryAddNumbered(in SelectedRows rows, ColumnVector vector)
    {
        if (vector.Numbered is not var (numbering, numbers))
        {
            return false;
        }

        if (numbering != _numbering)
        {
            ForgetSeen();
            _numbering = numbering;
        }

        if (_seenNumbers.Length < _cells.Length)
        {
            Array.Resize(ref _seenNumbers, _cells.Length);
        }

        var words = (_numbering!.Count + 63) >> 6;
        foreach (var cell in rows.Cells)
        {
            if ((_seenNumbers[cell]?.Length ?? 0) < words && !TryGrowSeen(cell, words))
            {
                return false;
            }
        }

        var lentCodes = LentArrays.Rent<int>(rows.Rows.Length);
        var codes = Codes(rows, vector, lentCodes.AsSpan(0, rows.Rows.Length));
        for (var i = 0; i < codes.Length; i++)
        {
            if (codes[i] < 0)
            {
                continue;
            }

            var number = numbers[codes[i]];
            if (number < 0)
            {
                Use(rows.Cells[i]).Add(Hash64.Of(vector.Strings[codes[i]]));
                continue;
            }

            ref var word = ref _seenNumbers[rows.Cells[i]]![number >> 6];
            var bit = 1UL << (number & 63);
            if ((word & bit) == 0)
            {
                word |= bit;
                Use(rows.Cells[i]).AddUnseen(Hash64.Of(vector.Strings[codes[i]]));
            }
        }

        LentArrays.Return(lentCodes);
        return true;
    }

    /// <summary>The code of each row; -1 where it has none.</summary>
    private static Span<int> Codes(in SelectedRows rows, ColumnVector vector, Span<int> codes)
    {
        if (vector.Presence is null)
        {
            PackedScan.CopyCodes(vector.PackedCodes, rows.IsAll ? [] : rows.Rows, 0, 0, codes);
            return codes;
        }

        if (rows.IsAll)
        {
            vector.SpreadCodes(0, -1, codes);
            return codes;
        }

        for (var i = 0; i < codes.Length; i++)
        {
            codes[i] = vector.Has(rows.Rows[i]) ? vector.CodeAt(vector.Rank(rows.Rows[i])) : -1;
        }

        return codes;
    }

    private bool TryGrowSeen(int cell, int words)
    {
        var before = _seenNumbers[cell]?.Length ?? 0;
        words = Math.Max(words, before * 2);
        if (_seenNumbersBytes + ((words - before) * 8L) > SeenNumbersBytesMax)
        {
            return false;
        }

        _seenNumbersBytes += (words - before) * 8L;
        Array.Resize(ref _seenNumbers[cell], words);
        return true;
    }

    private void ForgetSeen()
    {
        if (_numbering is not null)
        {
            foreach (var cell in _cells)
            {
                cell?.Settle();     // what comes next may have been seen before
            }

            (_numbering, _seenNumbers, _seenNumbersBytes) = (null, [], 0);
        }
    }

    /// <summary>Adds the values behind the codes, each once a cell where a bitmap of cells and codes is small enough to tell.</summary>
    private void AddCodes(in SelectedRows rows, ColumnVector vector)
    {
        var lentHashes = LentArrays.Rent<ulong>(vector.Strings.Count);
        var hashes = HashAll(vector.Strings, lentHashes);
        int least = int.MaxValue, greatest = -1;
        foreach (var cell in rows.Cells)
        {
            least = Math.Min(least, cell);
            greatest = Math.Max(greatest, cell);
        }

        var lentCodes = LentArrays.Rent<int>(rows.Rows.Length);
        var codes = Codes(rows, vector, lentCodes.AsSpan(0, rows.Rows.Length));
        var words = (vector.Strings.Count + 63) >> 6;
        var seenWords = (long)(greatest - least + 1) * words;
        var lentSeen = LentArrays.Rent<ulong>(seenWords <= Math.Max(SeenWordsMin, rows.Rows.Length) ? (int)seenWords : 0);
        var seen = lentSeen.AsSpan(0, lentSeen.Length == 0 ? 0 : (int)seenWords);
        seen.Clear();
        for (var i = 0; i < codes.Length; i++)
        {
            var code = codes[i];
            if (code < 0)
            {
                continue;
            }

            var cell = rows.Cells[i];
            if (!seen.IsEmpty)
            {
                ref var word = ref seen[((cell - least) * words) + (code >> 6)];
                var bit = 1UL << (code & 63);
                if ((word & bit) != 0)
                {
                    continue;
                }

                word |= bit;
            }

            Use(cell).Add(hashes[code]);
        }

        LentArrays.Return(lentCodes);
        LentArrays.Return(lentHashes);
        LentArrays.Return(lentSeen);
    }

    /// <inheritdoc/>
    public override void Merge(int cell, Accumulator other, int otherCell)
    {
        switch (((DistinctAccumulator)other)._cells[otherCell])
        {
            case null:
                break;
            case { Sketch: { } sketch }:
                Use(cell).BecomeSketch().Merge(sketch);
                break;
            case var exact:
                Use(cell).AddAll(exact);
                break;
        }
    }

    /// <inheritdoc/>
    public override void TakeOver(int cell, Accumulator other, int otherCell)
    {
        ((DistinctAccumulator)other).ForgetSeen();
        ref var theirs = ref ((DistinctAccumulator)other)._cells[otherCell];
        if (_cells[cell] is null)
        {
            (_cells[cell], theirs) = (theirs, null);
        }
        else if (theirs is not null)
        {
            Merge(cell, other, otherCell);
            theirs.Release();
            theirs = null;
        }
    }

    /// <inheritdoc/>
    public override void Release()
    {
        foreach (var cell in _cells)
        {
            cell?.Release();
        }

        _cells = [];
        ForgetSeen();
    }

    /// <inheritdoc/>
    public override void Export(int cell, ByteWriter writer)
    {
        _ = _cells[cell]?.CountExact();
        switch (_cells[cell])
        {
            case null:
                writer.U8(0);
                break;
            case { Sketch: { } sketch }:
                writer.U8(2);
                var size = sketch.ExportSize();
                writer.Varint((ulong)size);
                sketch.Export(writer.Take(size));
                break;
            case var exact:
                writer.U8(1);
                writer.Varint((ulong)exact.CountExact());
                writer.Raw(MemoryMarshal.AsBytes(exact.Unseen));
                var slots = exact.Hashes.Slots(out var hasZero);
                foreach (var hash in slots)
                {
                    if (hash != 0)
                    {
                        writer.I64((long)hash);
                    }
                }

                if (hasZero)
                {
                    writer.I64(0);
                }

                break;
        }
    }

    /// <inheritdoc/>
    public override void Import(int cell, ref ByteReader reader)
    {
        switch (reader.U8())
        {
            case 0:
                break;
            case 1:
                var mine = Use(cell);
                var count = reader.Count();
                mine.Hashes.EnsureCapacity(mine.Hashes.Count + Math.Min(count, reader.Remaining / 8));
                for (var left = count; left > 0; left--)
                {
                    mine.Add((ulong)reader.I64());
                }

                break;
            default:
                Use(cell).BecomeSketch().Merge(HyperLogLog.Import(reader.Blob(), out _));
                break;
        }
    }

    /// <summary>The hash of the k-th value of a column: of its text, number or truth value.</summary>
    public static ulong HashOf(ColumnVector vector, int k, Span<byte> scratch) => vector.Type switch
    {
        ColumnType.Integer => Hash64.Of(vector.Integers[k]),
        ColumnType.Float => Hash64.Of(vector.Floats[k]),
        ColumnType.Bool => Hash64.Of(vector.Integers[k] != 0),
        _ => Hash64.Of(vector.Utf8(k, scratch)),
    };

    private static ReadOnlySpan<ulong> HashAll(Utf8Strings dictionary, ulong[] into)
    {
        for (var code = 0; code < dictionary.Count; code++)
        {
            into[code] = Hash64.Of(dictionary[code]);
        }

        return into.AsSpan(0, dictionary.Count);
    }

    private Cell Use(int cell) => _cells[cell] ??= new();

    private sealed class Cell
    {
        private ulong[] _unseen = [];
        private int _unseenCount;

        public HashSet64 Hashes { get; private set; } = new();

        /// <summary>Hashes of which each was new among these; with any in <see cref="Hashes"/> too they are <see cref="Settle"/>d before they count.</summary>
        public ReadOnlySpan<ulong> Unseen => _unseen.AsSpan(0, _unseenCount);

        public HyperLogLog? Sketch { get; private set; }

        public long MemoryBytes => 80 + (_unseen.Length * 8L) + (Sketch?.MemoryBytes ?? Hashes.MemoryBytes);

        /// <summary>How many distinct hashes there are, all of them in <see cref="Hashes"/> or all in <see cref="Unseen"/>; 0 when they are, or now become, a sketch.</summary>
        public int CountExact()
        {
            if (Hashes.Count > 0)
            {
                Settle();
            }

            return Sketch is null ? Hashes.Count + _unseenCount : 0;
        }

        /// <summary>Adds a hash that is known to be none of those added so.</summary>
        public void AddUnseen(ulong hash)
        {
            if (Sketch is not null)
            {
                Sketch.AddHash(hash);
                return;
            }

            if (_unseenCount == _unseen.Length)
            {
                LentArray.Grow(ref _unseen, Math.Max(64, _unseenCount * 2));
            }

            _unseen[_unseenCount++] = hash;
            if (_unseenCount > ExactMax)
            {
                BecomeSketch();
            }
        }

        /// <summary>Moves what was added unseen to the other hashes.</summary>
        public void Settle()
        {
            if (_unseenCount > 0)
            {
                Hashes.EnsureCapacity(Hashes.Count + _unseenCount);
                var (unseen, count) = (_unseen, _unseenCount);
                (_unseen, _unseenCount) = ([], 0);
                for (var i = 0; i < count; i++)
                {
                    Add(unseen[i]);
                }

                LentArrays.Return(unseen);
            }
        }

        public void Add(ulong hash)
        {
            if (Sketch is not null)
            {
                Sketch.AddHash(hash);
            }
            else if (Hashes.Add(hash) && Hashes.Count > ExactMax)
            {
                BecomeSketch();
            }
        }

        public void AddAll(Cell exact)
        {
            if (Sketch is null)
            {
                // Hashes come in the order of their places: without room for all, the first ones would crowd a small table's beginning.
                Hashes.EnsureCapacity(Hashes.Count + exact.Hashes.Count + exact._unseenCount);
            }

            foreach (var hash in exact.Unseen)
            {
                Add(hash);
            }

            var slots = exact.Hashes.Slots(out var hasZero);
            foreach (var hash in slots)
            {
                if (hash != 0)
                {
                    Add(hash);
                }
            }

            if (hasZero)
            {
                Add(0);
            }
        }

        public void Release()
        {
            Hashes.Release();
            LentArray.Return(ref _unseen);
            _unseenCount = 0;
        }

        public HyperLogLog BecomeSketch()
        {
            if (Sketch is null)
            {
                Sketch = new(Precision);
                AddAll(this);
                Release();
                Hashes = new();
            }

            return Sketch;
        }
    }
}
