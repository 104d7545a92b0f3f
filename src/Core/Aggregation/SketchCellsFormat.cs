using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// The bytes of <see cref="SketchCells"/> within an aggregate block: by cell the number of its bins, how far the first lies from the first of the cell before, and the
/// distance from bin to bin; then all weights. Drawn in docs/formats/aggregate-block.md.
/// </summary>
internal static class SketchCellsFormat
{
    private const byte WholeWeights = 0;
    private const byte FloatWeights = 1;

    /// <summary>Writes the sketches.</summary>
    public static void Write(ByteWriter w, SketchCells sketches)
    {
        var run = w.BeginVarints(sketches.Cells + sketches.Bins, VarintRun.BytesMax32);
        if (sketches.IsCompact)
        {
            WriteCodes(ref run, sketches);
            run.End();
            w.U8(WholeWeights);
            run = w.BeginVarints(sketches.Bins, VarintRun.BytesMax32);
            run.AddAll(sketches.Counts);
            run.End();
            return;
        }

        // Slow path: codes far apart, or weights that are no small whole numbers.
        WriteWideCodes(ref run, sketches);
        run.End();
        WriteWideWeights(w, sketches);
    }

    /// <summary>Reads sketches of so many cells; damage is a <see cref="FormatException"/>.</summary>
    public static SketchCells Read(ref ByteReader r, int cells)
    {
        var starts = new int[cells + 1];
        var codes = LentArrays.Rent<int>(1 << 16);
        int lastFirst = 0, count = 0;
        for (var cell = 0; cell < cells; cell++)
        {
            var bins = r.Count();
            if (bins > r.Remaining)
            {
                throw new FormatException($"a sketch of {bins} bins in {r.Remaining} bytes");
            }

            if (count + (long)bins > codes.Length)
            {
                codes = Grown(codes, count + (long)bins);
            }

            if (bins > 0)
            {
                var ofCell = codes.AsSpan(count, bins);
                ofCell[0] = lastFirst += (int)r.Zigzag();
                if (!r.TryCounts(ofCell[1..]))
                {
                    throw new FormatException("bins of a sketch too far apart");
                }

                for (var i = 1; i < ofCell.Length; i++)
                {
                    ofCell[i] += ofCell[i - 1];
                }
            }

            starts[cell + 1] = count += bins;
        }

        var sketches = ReadWeights(ref r, starts, codes.AsSpan(0, count));
        LentArrays.Return(codes);
        return sketches;
    }

    private static void WriteCodes(ref VarintRun run, SketchCells sketches)
    {
        var offsets = sketches.Offsets;
        var distances = LentArrays.Rent<ushort>(offsets.Length);
        for (var i = 1; i < offsets.Length; i++)
        {
            // From cell to cell it means nothing and is not written.
            distances[i] = (ushort)(offsets[i] - offsets[i - 1]);
        }

        var lastFirst = -sketches.FirstCode;
        for (var cell = 0; cell < sketches.Cells; cell++)
        {
            int from = sketches.Starts[cell], to = sketches.Starts[cell + 1];
            run.Add((uint)(to - from));
            if (from < to)
            {
                run.AddZigzag(offsets[from] - lastFirst);
                lastFirst = offsets[from];
                run.AddAll(distances.AsSpan(from + 1, to - from - 1));
            }
        }

        LentArrays.Return(distances);
    }

    private static void WriteWideCodes(ref VarintRun run, SketchCells sketches)
    {
        var lastFirst = 0;
        for (var cell = 0; cell < sketches.Cells; cell++)
        {
            int from = sketches.Starts[cell], to = sketches.Starts[cell + 1];
            run.Add((uint)(to - from));
            if (from < to)
            {
                run.AddZigzag(sketches.Code(from) - lastFirst);
                lastFirst = sketches.Code(from);
                for (var i = from + 1; i < to; i++)
                {
                    run.Add((uint)(sketches.Code(i) - sketches.Code(i - 1)));
                }
            }
        }
    }

    private static void WriteWideWeights(ByteWriter w, SketchCells sketches)
    {
        var isWhole = true;
        for (var i = 0; i < sketches.Bins; i++)
        {
            var weight = sketches.Weight(i);
            isWhole &= weight == Math.Floor(weight) && weight <= MeasureCells.WholeMax;
        }

        w.U8(isWhole ? WholeWeights : FloatWeights);
        if (!isWhole)
        {
            for (var i = 0; i < sketches.Bins; i++)
            {
                w.F64(sketches.Weight(i));
            }

            return;
        }

        var run = w.BeginVarints(sketches.Bins, VarintRun.BytesMax);
        for (var i = 0; i < sketches.Bins; i++)
        {
            run.Add((ulong)sketches.Weight(i));
        }

        run.End();
    }

    private static SketchCells ReadWeights(ref ByteReader r, int[] starts, ReadOnlySpan<int> codes)
    {
        var isWhole = r.U8() == WholeWeights;
        var counts = LentArrays.Rent<int>(codes.Length);
        if (isWhole && r.TryCounts(counts.AsSpan(0, codes.Length)))
        {
            var compact = SketchCells.Of(starts, codes, counts.AsSpan(0, codes.Length));
            LentArrays.Return(counts);
            return compact;
        }

        LentArrays.Return(counts);
        var weights = LentArrays.Rent<double>(codes.Length);
        for (var i = 0; i < codes.Length; i++)
        {
            weights[i] = isWhole ? r.Varint() : r.F64();
        }

        var sketches = SketchCells.Of(starts, codes, weights.AsSpan(0, codes.Length));
        LentArrays.Return(weights);
        return sketches;
    }

    private static int[] Grown(int[] codes, long wanted)
    {
        var grown = LentArrays.Rent<int>(checked((int)Math.Max(wanted, codes.Length * 2L)));
        codes.CopyTo(grown, 0);
        LentArrays.Return(codes);
        return grown;
    }
}
