using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// What a cell adds up of two measures, beside each other in one cache line. A row waits for what the row before it stored in the same cell: here once for both measures and all that is kept of
/// them, where each array of its own made it wait again (a fifth of a fold's time, docs/adr/0017-merged-folds.md).
/// </summary>
internal struct MeasurePair
{
    private Vector128<double> _sums;
    private Vector128<double> _mins;
    private Vector128<double> _maxs;
    private Vector128<long> _counts;

    /// <summary>Of no row.</summary>
    private static MeasurePair None => new() { _mins = Vector128.Create(double.PositiveInfinity), _maxs = Vector128.Create(double.NegativeInfinity) };

    /// <summary>
    /// Adds each row's numbers, where it has one, to its cell's aggregates: fresh ones of unweighted rows, whose counts are only written where they are not the block's rows.
    /// The second measure may be missing.
    /// </summary>
    public static void Add(ReadOnlySpan<int> cells, FoldMeasure first, MeasureCells firstCells, FoldMeasure? second, MeasureCells? secondCells)
    {
        var count = firstCells.Sums.Length;
        var rented = LentArrays.Rent<MeasurePair>(count);
        rented.AsSpan(0, count).Fill(None);
        AddRows(cells, first.Whole.AsSpan(0, cells.Length), (second ?? first).Whole.AsSpan(0, cells.Length), rented.AsSpan(0, count));
        Write(rented, 0, first, firstCells);
        if (second is not null && secondCells is not null)
        {
            Write(rented, 1, second, secondCells);
        }

        LentArrays.Return(rented);
    }

    private static void AddRows(ReadOnlySpan<int> cells, ReadOnlySpan<double> first, ReadOnlySpan<double> second, Span<MeasurePair> pairs)
    {
        ref var pair0 = ref MemoryMarshal.GetReference(pairs);
        var none = None;
        for (var row = 0; row < cells.Length; row++)
        {
            var cell = cells[row];
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)cell, (uint)pairs.Length);
            ref var pair = ref Unsafe.Add(ref pair0, cell);
            var numbers = Vector128.Create(first[row], second[row]);

            // NaN says that the row has no number.
            var has = Vector128.Equals(numbers, numbers);
            pair._sums += numbers & has;
            pair._mins = Vector128.MinNative(Vector128.ConditionalSelect(has, numbers, none._mins), pair._mins);
            pair._maxs = Vector128.MaxNative(Vector128.ConditionalSelect(has, numbers, none._maxs), pair._maxs);
            pair._counts -= has.AsInt64();
        }
    }

    private static void Write(MeasurePair[] pairs, int place, FoldMeasure measure, MeasureCells cells)
    {
        for (var cell = 0; cell < cells.Sums.Length; cell++)
        {
            ref readonly var pair = ref pairs[cell];
            cells.Sums[cell] = pair._sums[place];
            cells.Mins[cell] = pair._mins[place];
            cells.Maxs[cell] = pair._maxs[place];
            if (!measure.IsOfAllRows)
            {
                cells.Counts[cell] = (int)pair._counts[place];
            }
        }
    }
}
