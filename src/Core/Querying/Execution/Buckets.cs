using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>Time buckets of many rows at once. Pure.</summary>
internal static class Buckets
{
    /// <summary>The bucket of each row, counted from <paramref name="firstBucket"/>, which none lies before.</summary>
    public static void Assign(TimeColumn times, ReadOnlySpan<int> rows, bool isAll, LeafPlan plan, int firstBucket, Span<int> to)
    {
        var originNs = plan.BucketStartNs(firstBucket);
        var distance = times.FirstNs - originNs;
        if (times.IsNarrow && plan.StepNs % times.UnitNs == 0 && distance % times.UnitNs == 0 && plan.StepNs / times.UnitNs is > 1 and <= 1 << 30)
        {
            // What is taken away where the segment begins before the origin wraps around, and back for the rows asked about.
            Divide(times.Offsets, rows, isAll, (ulong)(distance / times.UnitNs), (ulong)(plan.StepNs / times.UnitNs), to);
            return;
        }

        if (times.IsNarrow)
        {
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = (int)((times[rows[i]] - originNs) / plan.StepNs);
            }

            return;
        }

        var nanoseconds = times.Nanoseconds;
        var step = (ulong)plan.StepNs;
        var (bucket, start) = (0, (ulong)originNs);
        for (var i = 0; i < to.Length; i++)
        {
            // Rows come roughly in order of time: most lie in the bucket of the one before.
            var time = (ulong)nanoseconds[rows[i]];
            if (time - start >= step)
            {
                bucket = (int)((time - (ulong)originNs) / step);
                start = (ulong)originNs + ((ulong)bucket * step);
            }

            to[i] = bucket;
        }
    }

    /// <summary>
    /// (offset + first) / step by multiplication: with m = floor(2^64 / d) + 1, the upper half of n * m is n / d as long as n * d is below 2^64 (Granlund and Montgomery,
    /// 1994); here d is at most 2^30 and n, since the first row's bucket is that of the origin, below 2^33.
    /// </summary>
    private static void Divide(ReadOnlySpan<uint> offsets, ReadOnlySpan<int> rows, bool isAll, ulong first, ulong step, Span<int> to)
    {
        var factor = (ulong.MaxValue / step) + 1;
        if (isAll)
        {
            offsets = offsets[..to.Length];
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = (int)Math.BigMul(offsets[i] + first, factor, out _);
            }

            return;
        }

        for (var i = 0; i < to.Length; i++)
        {
            to[i] = (int)Math.BigMul(offsets[rows[i]] + first, factor, out _);
        }
    }
}
