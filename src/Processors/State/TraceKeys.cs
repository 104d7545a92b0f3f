using System.Text;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Processors.State;

/// <summary>Finds in batches what samplers' keys are made of, and puts keys together. Single-threaded.</summary>
internal sealed class TraceKeys(KeySets sets)
{
    private readonly Dictionary<(SampleKey Key, int Set, long Rows), string> _texts = [];
    private readonly List<ColumnVector> _columns = [];

    /// <summary>The sets of values that traces have.</summary>
    public KeySets Sets => sets;

    /// <summary>The distinct values of key fields of each trace of a batch, as numbers of <see cref="KeySets.PairOf"/>; null where a trace has none. At most as many as a key has room for.</summary>
    /// <param name="batch">The rows.</param>
    /// <param name="fields">The fields.</param>
    /// <param name="roots">Which rows are roots.</param>
    /// <param name="traceOf">The trace of each row, below <paramref name="traces"/>; negative for rows that are left out.</param>
    /// <param name="traces">How many traces.</param>
    public List<int>?[] PairsOf(EventBatch batch, IReadOnlyList<KeyField> fields, bool[] roots, int[] traceOf, int traces)
    {
        var pairs = new List<int>?[traces];
        Span<byte> scratch = stackalloc byte[64];
        foreach (var field in fields)
        {
            _columns.Clear();
            batch.GetColumns(field.Field, _columns);
            foreach (var column in _columns)
            {
                var byCode = column.Type == ColumnType.Dictionary ? new int[column.Strings.Count] : null;
                byCode?.AsSpan().Fill(-1);
                for (int row = 0, k = 0; row < batch.Rows; row++)
                {
                    if (!column.Has(row))
                    {
                        continue;
                    }

                    var at = k++;
                    if (traceOf[row] < 0 || (field.RootOnly && !roots[row]))
                    {
                        continue;
                    }

                    int pair;
                    if (byCode is not null)
                    {
                        ref var known = ref byCode[column.Codes[at]];
                        pair = known >= 0 ? known : known = sets.PairOf(field.Name, column.Strings[column.Codes[at]]);
                    }
                    else
                    {
                        pair = sets.PairOf(field.Name, column.Type is ColumnType.Text or ColumnType.Hex ? column.Utf8(at, scratch) : Encoding.UTF8.GetBytes(column.Value(at).ToString()));
                    }

                    var ofTrace = pairs[traceOf[row]] ??= [];
                    if (ofTrace.Count < SamplingLimits.KeyValuesMax && !ofTrace.Contains(pair))
                    {
                        ofTrace.Add(pair);
                    }
                }
            }
        }

        return pairs;
    }

    /// <summary>The key of a row without a trace, of the values that it has.</summary>
    public string TextOf(SampleKey key, List<int>? pairs)
    {
        var set = KeySets.Empty;
        foreach (var pair in pairs ?? [])
        {
            set = sets.Add(set, pair);
        }

        return TextOf(key, set, 1);
    }

    /// <summary>The key of a trace.</summary>
    public string TextOf(SampleKey key, int set, long rows)
    {
        var of = (key, set, key.UsesTraceLength ? rows : 0);
        if (!_texts.TryGetValue(of, out var text))
        {
            if (_texts.Count >= Limits.KeyTextsHeld)
            {
                _texts.Clear();
            }

            _texts.Add(of, text = key.TextOf(sets.ValuesOf(set), rows));
        }

        return text;
    }
}
