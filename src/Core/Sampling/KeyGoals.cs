namespace StreamObserve.Core.Sampling;

/// <summary>Which part of each key's events a dynamic or throughput sampler keeps: by the logarithm of the counts, so that rare keys keep a larger part than frequent ones.</summary>
public static class KeyGoals
{
    // Halvings of the interval in which the factor lies: more than a double has digits.
    private const int Steps = 200;

    /// <summary>
    /// The dynamic sampler: one in how many of each key, whole numbers from 1 up. One after the other in ascending order, a key has its share of the goal by its logarithm, at least 1, and a
    /// part of what those before it left over.
    /// </summary>
    /// <param name="counts">Events of each key, from 1 up, in ascending order of the keys.</param>
    /// <param name="goal">One in how many of all events is to be kept.</param>
    /// <remarks>The same rates as those of Honeycomb's dynsampler-go (AvgSampleRate): what the last keys leave over is lost, so less than the goal may be kept.</remarks>
    public static double[] Rates(ReadOnlySpan<long> counts, double goal)
    {
        double logs = 0, left = 0;
        foreach (var count in counts)
        {
            logs += Math.Log10(count);
        }

        var perLog = logs > 0 ? Total(counts) / goal / logs : 0;
        var rates = new double[counts.Length];
        for (var key = 0; key < rates.Length; key++)
        {
            var share = left / (rates.Length - key);
            left -= share;
            var kept = Math.Max(1, Math.Log10(counts[key]) * perLog) + share;
            rates[key] = Math.Max(1, Math.Ceiling(counts[key] / kept));
            left += kept - (counts[key] / rates[key]);
        }

        return rates;
    }

    /// <summary>
    /// The throughput sampler: which part of each key is kept, above 0, at most 1, so that all of it comes to the goal: the same factor of each key's logarithm, at least one event of a key, and at
    /// most all of it. Where there are more keys than the goal, each has the same part of it.
    /// </summary>
    /// <param name="counts">Events of each key, from 1 up.</param>
    /// <param name="goal">Events to be kept of all keys together.</param>
    public static double[] Shares(ReadOnlySpan<long> counts, double goal)
    {
        var shares = new double[counts.Length];
        if (goal <= counts.Length)
        {
            for (var key = 0; key < shares.Length; key++)
            {
                shares[key] = goal / counts.Length / counts[key];
            }

            return shares;
        }

        if (counts.Length > 0 && goal >= Total(counts))
        {
            Array.Fill(shares, 1);
            return shares;
        }

        double low = 0, high = 1;
        foreach (var count in counts)
        {
            high = Math.Max(high, count < 2 ? 0 : count / Math.Log10(count));
        }

        for (var step = 0; step < Steps; step++)
        {
            var factor = (low + high) / 2;
            var kept = 0d;
            for (var key = 0; key < shares.Length; key++)
            {
                var ofKey = Math.Min(counts[key], Math.Max(1, factor * Math.Log10(counts[key])));
                shares[key] = ofKey / counts[key];
                kept += ofKey;
            }

            (low, high) = kept < goal ? (factor, high) : (low, factor);
        }

        return shares;
    }

    private static double Total(ReadOnlySpan<long> counts)
    {
        var total = 0d;
        foreach (var count in counts)
        {
            total += count;
        }

        return total;
    }
}
