using System.Runtime.InteropServices;
using StreamObserve.Core.Columns;

namespace StreamObserve.Processors.State;

/// <summary>Takes the rows that were decided to be kept out of others, with what they stand for and why they were kept. Holds what it works in: single-threaded.</summary>
internal sealed class RowKeeper
{
    private readonly List<int> _rows = [];
    private readonly TextCodes _reasons = new();
    private readonly TextCodes _keys = new();

    /// <summary>The kept rows; null when there is none. The rows themselves where all are kept and nothing has to be said of them.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="decisions">The decision on each.</param>
    public EventBatch? KeptOf(IRowSegment rows, RowDecisions decisions)
    {
        _rows.Clear();
        var isSampled = false;
        var byRule = false;
        for (var row = 0; row < decisions.Length; row++)
        {
            var decision = decisions[row].Decision;
            if (decision.Keep)
            {
                _rows.Add(row);
                byRule |= decision.RuleIndex >= 0;
            }

            isSampled |= !decision.Keep || decision.Rate != 1;
        }

        if (_rows.Count == 0)
        {
            return null;
        }

        var kept = CollectionsMarshal.AsSpan(_rows);
        return kept.Length == decisions.Length && !byRule
            ? rows as EventBatch ?? rows.Select(kept, rows.Weights, isSampled: false, [])
            : rows.Select(kept, WeightsOf(rows, kept, decisions), isSampled, WhyKept(kept, decisions));
    }

    private static double[] WeightsOf(IRowSegment rows, ReadOnlySpan<int> kept, RowDecisions decisions)
    {
        var clients = rows.Weights;
        var weights = new double[kept.Length];
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = decisions[kept[i]].Decision.WeightOf(clients is null ? 1 : clients[kept[i]]);
        }

        return weights;
    }

    private NamedColumn[] WhyKept(ReadOnlySpan<int> kept, RowDecisions decisions)
    {
        _reasons.Clear();
        _keys.Clear();
        var rates = new double[kept.Length];
        var reasons = new int[kept.Length];
        var keys = new int[kept.Length];
        var haveKey = new ulong[(kept.Length + 63) >> 6];
        var keyCount = 0;
        for (var i = 0; i < kept.Length; i++)
        {
            ref readonly var decided = ref decisions[kept[i]];
            rates[i] = decided.Decision.Rate;
            reasons[i] = _reasons.CodeOf(decided.Reason);
            if (decided.Key is { } key)
            {
                haveKey[i >> 6] |= 1UL << (i & 63);
                keys[keyCount++] = _keys.CodeOf(key);
            }
        }

        NamedColumn reason = new("meta.sample.reason", ColumnVector.OfDictionary(kept.Length, null, reasons, _reasons.ToStrings()));
        NamedColumn rate = new("meta.sample.rate", ColumnVector.OfFloats(kept.Length, null, rates));
        return keyCount == 0 ? [reason, rate] : [reason, rate, new("meta.sample.key", ColumnVector.OfDictionary(kept.Length, haveKey, keys[..keyCount], _keys.ToStrings()))];
    }

    /// <summary>Numbers texts in the order in which they come.</summary>
    private sealed class TextCodes
    {
        private readonly Dictionary<string, int> _codes = [];
        private readonly List<string> _texts = [];
        private string? _last;
        private int _lastCode;

        public void Clear()
        {
            _codes.Clear();
            _texts.Clear();
            _last = null;
        }

        public int CodeOf(string text)
        {
            // Fast path: most rows have the text of the row before, the very same.
            if (ReferenceEquals(text, _last))
            {
                return _lastCode;
            }

            ref var codePlusOne = ref CollectionsMarshal.GetValueRefOrAddDefault(_codes, text, out var isKnown);
            if (!isKnown)
            {
                _texts.Add(text);
                codePlusOne = _texts.Count;
            }

            (_last, _lastCode) = (text, codePlusOne - 1);
            return _lastCode;
        }

        public Utf8Strings ToStrings() => Utf8Strings.From(_texts);
    }
}
