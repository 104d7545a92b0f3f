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
    public const int ExactMax = 262_144;

    /// <summary>Precision of the sketches, here and in aggregates: 2^14 registers, 0.81 % standard error.</summary>
    public const int Precision = 14;

    private readonly List<ColumnVector> _columns = [];
    private Cell?[] _cells = [];

    /// <summary>The number of distinct values and its relative bound (0 = exact).</summary>
    public (double Estimate, double Bound) Estimate(int cell) => _cells[cell] switch
    {
        null => (0, 0),
        { Sketch: { } sketch } => (Math.Round(sketch.Estimate()), sketch.RelativeErrorBound),
        var exact => (exact.Hashes.Count, 0),
    };

    /// <summary>Adds coarse entries (<see cref="HyperLogLog.CoarseEntryOf"/>) from an aggregate.</summary>
    public void AddCoarse(int cell, ReadOnlySpan<uint> entries) => Use(cell).BecomeSketch().AddCoarse(entries);

    /// <summary>Adds one value's hash.</summary>
    public void Add(int cell, ulong hash) => Use(cell).Add(hash);

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
            var hashes = vector.Type == ColumnType.Dictionary ? DictionaryHashes(vector.Strings) : null;
            for (var i = 0; i < rows.Rows.Length; i++)
            {
                var row = rows.Rows[i];
                if (!vector.Has(row))
                {
                    continue;
                }

                var k = vector.Rank(row);
                Use(rows.Cells[i]).Add(hashes is not null ? hashes[vector.Codes[k]] : HashOf(vector, k, scratch));
            }
        }
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
                var mine = Use(cell);
                foreach (var hash in exact.Hashes)
                {
                    mine.Add(hash);
                }

                break;
        }
    }

    /// <inheritdoc/>
    public override void Export(int cell, ByteWriter writer)
    {
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
                writer.Varint((ulong)exact.Hashes.Count);
                foreach (var hash in exact.Hashes)
                {
                    writer.I64((long)hash);
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
                for (var left = reader.Count(); left > 0; left--)
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

    private static ulong[] DictionaryHashes(Utf8Strings dictionary)
    {
        var hashes = new ulong[dictionary.Count];
        for (var code = 0; code < hashes.Length; code++)
        {
            hashes[code] = Hash64.Of(dictionary[code]);
        }

        return hashes;
    }

    private Cell Use(int cell) => _cells[cell] ??= new();

    private sealed class Cell
    {
        public HashSet<ulong> Hashes { get; private set; } = [];

        public HyperLogLog? Sketch { get; private set; }

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

        public HyperLogLog BecomeSketch()
        {
            if (Sketch is null)
            {
                Sketch = new(Precision);
                foreach (var hash in Hashes)
                {
                    Sketch.AddHash(hash);
                }

                Hashes = [];
            }

            return Sketch;
        }
    }
}
