using Microsoft.Extensions.Logging;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Processors.State;

/// <summary>
/// Finds in batches what samplers' keys are made of, and puts keys together. Each policy version has sets of its own, which go with it: a key field of ever new values spoils the keys of none
/// but the versions that name it. Single-threaded. The sets are part of the cut.
/// </summary>
internal sealed class TraceKeys(ILogger log)
{
    private readonly Dictionary<KeyNumber, string> _texts = [];
    private readonly Dictionary<int, KeySets> _sets = [];
    private readonly HashSet<int> _full = [];
    private readonly List<ColumnVector> _columns = [];

    /// <summary>The sets of values that traces of a policy version have.</summary>
    public KeySets Of(int version)
    {
        if (!_sets.TryGetValue(version, out var sets))
        {
            _sets.Add(version, sets = new());
        }

        if (sets.IsFull && _full.Add(version))
        {
            log.LogWarning(
                "the samplers' keys of policy version {Version} have {Pairs} values and {Sets} sets of them, more than are told apart: traces with others have a key that lacks them",
                version, sets.Pairs, sets.Count);
        }

        return sets;
    }

    /// <summary>Forgets the sets of versions below one.</summary>
    public void Prune(int version)
    {
        foreach (var old in _sets.Keys.Where(known => known < version).ToList())
        {
            _sets.Remove(old);
            _full.Remove(old);
            _texts.Clear();
        }
    }

    /// <summary>Writes all sets.</summary>
    public void Write(ByteWriter writer)
    {
        writer.Varint((ulong)_sets.Count);
        foreach (var (version, sets) in _sets)
        {
            writer.Varint((ulong)version);
            sets.Write(writer);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote into an empty instance.</summary>
    public void Read(ref ByteReader reader)
    {
        for (var left = reader.Count(); left > 0; left--)
        {
            _sets.Add(reader.Count(), KeySets.Read(ref reader));
        }
    }

    /// <summary>The distinct values of key fields of each trace of a batch, as numbers of <see cref="KeySets.PairOf"/>. At most as many as a key has room for.</summary>
    /// <param name="batch">The rows.</param>
    /// <param name="policy">Whose key fields.</param>
    /// <param name="roots">Which rows are roots.</param>
    /// <param name="traceOf">The trace of each row, below <paramref name="traces"/>; negative for rows that are left out.</param>
    /// <param name="traces">How many traces.</param>
    public TracePairs PairsOf(IRowSegment batch, CompiledSamplingPolicy policy, bool[] roots, int[] traceOf, int traces)
    {
        var sets = Of(policy.Version);
        var pairs = new TracePairs(traces);
        Span<byte> scratch = stackalloc byte[64];
        foreach (var field in policy.KeyFields)
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
                        pair = sets.PairOf(field.Name, column.Utf8(at, scratch));
                    }

                    pairs.Add(traceOf[row], pair);
                }
            }
        }

        return pairs;
    }

    /// <summary>The key of a row without a trace, of the values that it has.</summary>
    public string TextOf(SampleKey key, int version, TracePairs pairs, int row) => TextOf(key, version, pairs.AddTo(Of(version), KeySets.Empty, row), 1);

    /// <summary>The key of a trace.</summary>
    public string TextOf(SampleKey key, int version, int set, long rows)
    {
        if (key.IsEmpty)
        {
            return "";
        }

        var of = new KeyNumber(key, version, set, key.UsesTraceLength ? rows : 0);
        if (!_texts.TryGetValue(of, out var text))
        {
            if (_texts.Count >= Limits.KeyTextsHeld)
            {
                _texts.Clear();
            }

            _texts.Add(of, text = key.TextOf(Of(version).ValuesOf(set), rows));
        }

        return text;
    }
}
