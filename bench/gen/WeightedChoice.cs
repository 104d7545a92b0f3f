namespace StreamObserve.Bench.Generator;

/// <summary>Draws an index with a probability proportional to its weight, in constant time (alias table). Immutable.</summary>
public sealed class WeightedChoice
{
    private readonly double[] _threshold;
    private readonly int[] _alias;

    /// <summary>Builds the table from non-negative weights of which at least one is positive.</summary>
    public WeightedChoice(ReadOnlySpan<double> weights)
    {
        int count = weights.Length;
        double total = 0;
        foreach (double weight in weights)
        {
            total += weight;
        }

        _threshold = new double[count];
        _alias = new int[count];
        var scaled = new double[count];
        var small = new Stack<int>();
        var large = new Stack<int>();
        for (int i = 0; i < count; i++)
        {
            scaled[i] = weights[i] * count / total;
            (scaled[i] < 1 ? small : large).Push(i);
        }

        while (small.Count > 0 && large.Count > 0)
        {
            int lesser = small.Pop();
            int greater = large.Pop();
            _threshold[lesser] = scaled[lesser];
            _alias[lesser] = greater;
            scaled[greater] -= 1 - scaled[lesser];
            (scaled[greater] < 1 ? small : large).Push(greater);
        }

        foreach (int rest in small.Concat(large))
        {
            _threshold[rest] = 1;
            _alias[rest] = rest;
        }
    }

    /// <summary>Weights 1/(rank + shift)^exponent, the shape of popularity.</summary>
    public static double[] PowerLaw(int count, double exponent, double shift = 1)
    {
        var weights = new double[count];
        for (int i = 0; i < count; i++)
        {
            weights[i] = Math.Pow(i + shift, -exponent);
        }

        return weights;
    }

    /// <summary>The index drawn.</summary>
    public int Draw(ref SeededRandom random)
    {
        int column = random.Below(_threshold.Length);
        return random.NextUnit() < _threshold[column] ? column : _alias[column];
    }
}
