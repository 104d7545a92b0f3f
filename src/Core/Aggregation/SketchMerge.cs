using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>The sketches of several blocks' cells as those of the merged cells. Folds follow each other in time, so that most merged cells have one part and are copied.</summary>
internal static class SketchMerge
{
    /// <summary>Merges sketches, null where a part has none; <paramref name="cellOf"/> says, by part and cell, the merged cell.</summary>
    public static SketchCells Merge(IReadOnlyList<SketchCells?> parts, int[][] cellOf, int cells)
    {
        int first = int.MaxValue, last = int.MinValue;
        var isCompact = true;
        foreach (var part in parts)
        {
            if (part is { Bins: > 0 })
            {
                isCompact &= part.IsCompact;
                (first, last) = (Math.Min(first, part.FirstCode), Math.Max(last, part.LastCode));
            }
        }

        // Slow path: codes far apart, or weights that are no small whole numbers.
        return isCompact && (long)last - first <= ushort.MaxValue && TryCompact(parts, cellOf, cells, first, last) is { } merged ? merged : General(parts, cellOf, cells);
    }

    /// <summary>Null when a bin's count is more than a compact one holds.</summary>
    private static SketchCells? TryCompact(IReadOnlyList<SketchCells?> parts, int[][] cellOf, int cells, int first, int last)
    {
        var (sourceStarts, sources) = Sources(parts, cellOf, cells);
        var bins = parts.Sum(part => part?.Bins ?? 0);
        var offsets = LentArrays.Rent<ushort>(bins);
        var counts = LentArrays.Rent<ushort>(bins);
        var starts = new int[cells + 1];
        var (bufferOffsets, bufferCounts) = (LentArrays.Rent<ushort>(ushort.MaxValue + 1), LentArrays.Rent<ushort>(ushort.MaxValue + 1));
        var isWithin = true;
        for (var cell = 0; cell < cells && isWithin; cell++)
        {
            var kept = 0;
            Span<ushort> toOffsets = offsets.AsSpan(starts[cell]), toCounts = counts.AsSpan(starts[cell]);
            for (var s = sourceStarts[cell]; s < sourceStarts[cell + 1]; s++)
            {
                var part = parts[sources[s].Part]!;
                int from = part.Starts[sources[s].Cell], count = part.Starts[sources[s].Cell + 1] - from;
                ReadOnlySpan<ushort> partOffsets = part.Offsets.Slice(from, count), partCounts = part.Counts.Slice(from, count);
                var shift = part.FirstCode - first;
                if (kept == 0)
                {
                    for (var i = 0; i < partOffsets.Length; i++)
                    {
                        toOffsets[i] = (ushort)(partOffsets[i] + shift);
                    }

                    partCounts.CopyTo(toCounts);
                    kept = count;
                    continue;
                }

                toOffsets[..kept].CopyTo(bufferOffsets);
                toCounts[..kept].CopyTo(bufferCounts);
                kept = Join(bufferOffsets.AsSpan(0, kept), bufferCounts.AsSpan(0, kept), partOffsets, partCounts, shift, toOffsets, toCounts, ref isWithin);
            }

            starts[cell + 1] = starts[cell] + kept;
        }

        var merged = isWithin ? new SketchCells(starts, first, last, offsets.AsSpan(0, starts[^1]).ToArray(), counts.AsSpan(0, starts[^1]).ToArray()) : null;
        LentArrays.Return(offsets);
        LentArrays.Return(counts);
        LentArrays.Return(bufferOffsets);
        LentArrays.Return(bufferCounts);
        return merged;
    }

    /// <summary>Two ascending runs as one, equal bins added up; returns how many bins it has.</summary>
    private static int Join(
        ReadOnlySpan<ushort> leftOffsets, ReadOnlySpan<ushort> leftCounts, ReadOnlySpan<ushort> rightOffsets, ReadOnlySpan<ushort> rightCounts, int rightShift,
        Span<ushort> offsets, Span<ushort> counts, ref bool isWithin)
    {
        int left = 0, right = 0, kept = 0;
        while (left < leftOffsets.Length || right < rightOffsets.Length)
        {
            var leftOffset = left < leftOffsets.Length ? leftOffsets[left] : int.MaxValue;
            var rightOffset = right < rightOffsets.Length ? rightOffsets[right] + rightShift : int.MaxValue;
            var count = (leftOffset <= rightOffset ? leftCounts[left] : 0) + (rightOffset <= leftOffset ? rightCounts[right] : 0);
            isWithin &= count <= ushort.MaxValue;
            (offsets[kept], counts[kept]) = ((ushort)Math.Min(leftOffset, rightOffset), (ushort)count);
            kept++;
            left += leftOffset <= rightOffset ? 1 : 0;
            right += rightOffset <= leftOffset ? 1 : 0;
        }

        return kept;
    }

    /// <summary>By merged cell, the parts' cells that it is made of, in the order of the parts.</summary>
    private static (int[] Starts, (int Part, int Cell)[] Sources) Sources(IReadOnlyList<SketchCells?> parts, int[][] cellOf, int cells)
    {
        var starts = new int[cells + 1];
        for (var p = 0; p < parts.Count; p++)
        {
            for (var cell = 0; cell < (parts[p]?.Cells ?? 0); cell++)
            {
                starts[cellOf[p][cell] + 1]++;
            }
        }

        for (var cell = 0; cell < cells; cell++)
        {
            starts[cell + 1] += starts[cell];
        }

        var sources = new (int Part, int Cell)[starts[^1]];
        var next = starts.AsSpan(0, cells).ToArray();
        for (var p = 0; p < parts.Count; p++)
        {
            for (var cell = 0; cell < (parts[p]?.Cells ?? 0); cell++)
            {
                sources[next[cellOf[p][cell]]++] = (p, cell);
            }
        }

        return (starts, sources);
    }

    private static SketchCells General(IReadOnlyList<SketchCells?> parts, int[][] cellOf, int cells)
    {
        var (sourceStarts, sources) = Sources(parts, cellOf, cells);
        var total = parts.Sum(part => part?.Bins ?? 0);
        var (codes, weights) = (new int[total], new double[total]);
        var starts = new int[cells + 1];
        var kept = 0;
        for (var cell = 0; cell < cells; cell++)
        {
            // The parts' bins beside each other, in order, equal ones joined.
            var from = kept;
            var to = from;
            for (var s = sourceStarts[cell]; s < sourceStarts[cell + 1]; s++)
            {
                var part = parts[sources[s].Part]!;
                for (var i = part.Starts[sources[s].Cell]; i < part.Starts[sources[s].Cell + 1]; i++, to++)
                {
                    (codes[to], weights[to]) = (part.Code(i), part.Weight(i));
                }
            }

            codes.AsSpan(from, to - from).Sort(weights.AsSpan(from, to - from));
            for (var i = from; i < to; i++)
            {
                if (kept > from && codes[i] == codes[kept - 1])
                {
                    weights[kept - 1] += weights[i];
                }
                else
                {
                    (codes[kept], weights[kept]) = (codes[i], weights[i]);
                    kept++;
                }
            }

            starts[cell + 1] = kept;
        }

        return SketchCells.Of(starts, codes.AsSpan(0, kept), weights.AsSpan(0, kept));
    }
}
