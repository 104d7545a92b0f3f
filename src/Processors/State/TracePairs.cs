using StreamObserve.Core.Sampling;

namespace StreamObserve.Processors.State;

/// <summary>The distinct values of key fields that each trace of a batch has, as numbers of <see cref="KeySets.PairOf"/>: a list for each, all of them in one. Single-threaded.</summary>
/// <param name="traces">How many traces.</param>
internal sealed class TracePairs(int traces)
{
    private readonly int[] _firstPlusOne = new int[traces];
    private readonly List<(int Pair, int NextPlusOne)> _entries = new(traces);

    /// <summary>Adds a pair to a trace's, unless it is there or a key has no room for more.</summary>
    public void Add(int trace, int pair)
    {
        var entries = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_entries);
        ref var nextPlusOne = ref _firstPlusOne[trace];
        for (var count = 0; nextPlusOne != 0; nextPlusOne = ref entries[nextPlusOne - 1].NextPlusOne)
        {
            if (entries[nextPlusOne - 1].Pair == pair || ++count == SamplingLimits.KeyValuesMax)
            {
                return;
            }
        }

        nextPlusOne = entries.Length + 1;
        _entries.Add((pair, 0));
    }

    /// <summary>A set with a trace's pairs more.</summary>
    public int AddTo(KeySets sets, int set, int trace)
    {
        for (var next = _firstPlusOne[trace]; next != 0; next = _entries[next - 1].NextPlusOne)
        {
            set = sets.Add(set, _entries[next - 1].Pair);
        }

        return set;
    }
}
