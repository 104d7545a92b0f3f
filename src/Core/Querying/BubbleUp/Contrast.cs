using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>How far two sides differ, beyond chance. Pure.</summary>
internal static class Contrast
{
    private const double KolmogorovAt95 = 1.358;

    /// <summary>
    /// How many standard deviations are taken off a difference where the greatest of so many is picked: one for a single value, and about what the greatest of many
    /// differences of pure chance reaches. More would be safer and would put a rare value before one that all of a small selection has.
    /// </summary>
    public static double Deviations(int candidates) => Math.Sqrt(1 + Math.Log(Math.Max(1, candidates)));

    /// <summary>
    /// The lower bound of share <paramref name="a"/> of <paramref name="rowsA"/> minus share <paramref name="b"/> of <paramref name="rowsB"/>: the two shares' own score
    /// intervals (Wilson) joined (Newcombe 1998, method 10), which holds for few rows and shares near 0 and 1 too. -1 where a side has no rows.
    /// </summary>
    public static double LowerBound(double a, double rowsA, double b, double rowsB, double deviations)
    {
        if (rowsA <= 0 || rowsB <= 0)
        {
            return -1;
        }

        var below = a - Wilson(a, rowsA, -deviations);
        var above = Wilson(b, rowsB, deviations) - b;
        return a - b - Math.Sqrt((below * below) + (above * above));
    }

    /// <summary>
    /// The greatest distance of the two distribution functions, less what it reaches with a probability of 5 % between samples of this size from one
    /// distribution; at least 0.
    /// </summary>
    public static double Distance(QuantileSketch a, double rowsA, QuantileSketch b, double rowsB)
    {
        double totalA = a.Count, totalB = b.Count;
        if (totalA <= 0 || totalB <= 0 || rowsA <= 0 || rowsB <= 0)
        {
            return 0;
        }

        double belowA = 0, belowB = 0, distance = 0;
        var (ofA, ofB) = (a.GetEnumerator(), b.GetEnumerator());
        bool hasA = ofA.MoveNext(), hasB = ofB.MoveNext();
        while (hasA || hasB)
        {
            // Both count in the same bins, so equal ones have equal representatives.
            var at = Math.Min(hasA ? ofA.Current.Representative : double.MaxValue, hasB ? ofB.Current.Representative : double.MaxValue);
            if (hasA && ofA.Current.Representative <= at)
            {
                belowA += ofA.Current.Weight;
                hasA = ofA.MoveNext();
            }

            if (hasB && ofB.Current.Representative <= at)
            {
                belowB += ofB.Current.Weight;
                hasB = ofB.MoveNext();
            }

            distance = Math.Max(distance, Math.Abs((belowA / totalA) - (belowB / totalB)));
        }

        var chance = KolmogorovAt95 * Math.Sqrt((1 / rowsA) + (1 / rowsB));
        return Math.Max(0, distance - chance);
    }

    private static double Wilson(double share, double rows, double deviations)
    {
        var squared = deviations * deviations;
        var middle = share + (squared / (2 * rows));
        var half = deviations * Math.Sqrt(((share * (1 - share)) / rows) + (squared / (4 * rows * rows)));
        return (middle + half) / (1 + (squared / rows));
    }
}
