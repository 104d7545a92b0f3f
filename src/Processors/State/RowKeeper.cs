using System.Runtime.InteropServices;
using StreamObserve.Core.Columns;

namespace StreamObserve.Processors.State;

/// <summary>Takes the rows that were decided to be kept out of others, with what they stand for and why they were kept. Holds what it works in: single-threaded.</summary>
internal sealed class RowKeeper
{
    private readonly List<int> _rows = [];
    private readonly TextCodes _reasons = new();
    private readonly TextCodes _keys = new();
    private Kinds[] _kindOf = [];

    /// <summary>What there is to know of a decision on its rows.</summary>
    [Flags]
    private enum Kinds : byte
    {
        /// <summary>The row is dropped.</summary>
        None = 0,

        /// <summary>It is kept.</summary>
        Kept = 1,

        /// <summary>A rule or policy said so.</summary>
        ByRule = 2,

        /// <summary>It is dropped, or stands for others.</summary>
        Sampled = 4,

        /// <summary>It is dropped, and no row stands for it.</summary>
        UncountedDrop = 8,
    }

    /// <summary>Takes what is kept of rows. A decoded batch is taken itself where all of it is kept and nothing has to be said of its rows.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="decisions">The decision on each.</param>
    public KeptRows KeptOf(IRowSegment rows, RowDecisions decisions)
    {
        var kinds = KindsOf(decisions.Distinct);
        _rows.Clear();
        var all = Kinds.None;
        var (from, to) = (long.MaxValue, long.MinValue);
        var times = rows.TimesNs;
        for (var row = 0; row < decisions.Length; row++)
        {
            var kind = kinds[decisions.OfRow[row]];
            all |= kind;
            if ((kind & Kinds.Sampled) != 0)
            {
                from = Math.Min(from, times[row]);
                to = Math.Max(to, times[row]);
            }

            if ((kind & Kinds.Kept) != 0)
            {
                _rows.Add(row);
            }
        }

        return new(Chosen(rows, decisions, all), from <= to ? (from, to) : null, (all & Kinds.UncountedDrop) != 0);
    }

    private EventBatch? Chosen(IRowSegment rows, RowDecisions decisions, Kinds all)
    {
        var kept = CollectionsMarshal.AsSpan(_rows);
        if (kept.IsEmpty)
        {
            return null;
        }

        return kept.Length == decisions.Length && (all & Kinds.ByRule) == 0
            ? rows as EventBatch ?? rows.Select(kept, rows.Weights, isSampled: false, [])
            : rows.Select(kept, WeightsOf(rows, kept, decisions), (all & Kinds.Sampled) != 0, WhyKept(kept, decisions));
    }

    private ReadOnlySpan<Kinds> KindsOf(ReadOnlySpan<RowDecision> distinct)
    {
        if (_kindOf.Length < distinct.Length)
        {
            _kindOf = new Kinds[Math.Max(distinct.Length, _kindOf.Length * 2)];
        }

        for (var i = 0; i < distinct.Length; i++)
        {
            var decision = distinct[i].Decision;
            _kindOf[i] = (decision.Keep ? Kinds.Kept : Kinds.None) | (decision.Keep && decision.RuleIndex >= 0 ? Kinds.ByRule : Kinds.None)
                | (decision.Keep && decision.Rate == 1 ? Kinds.None : Kinds.Sampled) | (decision.IsUncountedDrop ? Kinds.UncountedDrop : Kinds.None);
        }

        return _kindOf.AsSpan(0, distinct.Length);
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
        _reasons.Clear(decisions.Distinct.Length);
        _keys.Clear(decisions.Distinct.Length);
        var rates = new double[kept.Length];
        var reasons = new int[kept.Length];
        var keys = new int[kept.Length];
        var haveKey = new ulong[(kept.Length + 63) >> 6];
        var keyCount = 0;
        for (var i = 0; i < kept.Length; i++)
        {
            var number = decisions.OfRow[kept[i]];
            ref readonly var decided = ref decisions.Distinct[number];
            rates[i] = decided.Decision.Rate;
            reasons[i] = _reasons.CodeOf(number, decided.Reason);
            if (decided.Key is { } key)
            {
                haveKey[i >> 6] |= 1UL << (i & 63);
                keys[keyCount++] = _keys.CodeOf(number, key);
            }
        }

        NamedColumn reason = new("meta.sample.reason", ColumnVector.OfDictionary(kept.Length, null, reasons, _reasons.ToStrings()));
        NamedColumn rate = new("meta.sample.rate", ColumnVector.OfFloats(kept.Length, null, rates));
        return keyCount == 0 ? [reason, rate] : [reason, rate, new("meta.sample.key", ColumnVector.OfDictionary(kept.Length, haveKey, keys[..keyCount], _keys.ToStrings()))];
    }

    /// <summary>Numbers texts in the order in which they come. Each decision has one text, so a decision's text is looked at once.</summary>
    private sealed class TextCodes
    {
        private readonly Dictionary<string, int> _codes = [];
        private readonly List<string> _texts = [];
        private int[] _codePlusOneOf = [];

        public void Clear(int decisions)
        {
            _codes.Clear();
            _texts.Clear();
            if (_codePlusOneOf.Length < decisions)
            {
                _codePlusOneOf = new int[Math.Max(decisions, _codePlusOneOf.Length * 2)];
            }

            _codePlusOneOf.AsSpan(0, decisions).Clear();
        }

        public int CodeOf(int decision, string text)
        {
            ref var codePlusOne = ref _codePlusOneOf[decision];
            if (codePlusOne == 0)
            {
                ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_codes, text, out var isKnown);
                if (!isKnown)
                {
                    _texts.Add(text);
                    known = _texts.Count;
                }

                codePlusOne = known;
            }

            return codePlusOne - 1;
        }

        public Utf8Strings ToStrings() => Utf8Strings.From(_texts);
    }
}

/// <summary>What is kept of rows.</summary>
/// <param name="Rows">Those that are kept; null when there is none.</param>
/// <param name="SampledTimes">Earliest and latest time of those that are dropped or stand for others; null when there are none.</param>
/// <param name="HasUncountedDrops">Whether any is dropped for which none of the kept ones stands.</param>
internal readonly record struct KeptRows(EventBatch? Rows, (long FromNs, long ToNs)? SampledTimes, bool HasUncountedDrops);
