using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>
/// Ranks what was counted. A dimension's score is that of its best value: its share in the selection less its share in the baseline (Youden's J of "has the value" as a test
/// for "is selected"), as a lower bound by how many independent observations there are and how many values were tried. What repeats the selection or a better field is taken
/// out, folded or set back (docs/adr). Pure: the same counts give the same answer.
/// </summary>
public static class BubbleUpRanking
{
    /// <summary>From this share of its events in values of one side only, a field says the same as a selection of whole values.</summary>
    private const double Separated = 0.98;

    /// <summary>Below this score a field of nearly unique values is not ranked: that an id is more frequent among few rows is the rule.</summary>
    private const double NearlyUniqueScoreMin = 0.15;

    /// <summary>From this rank correlation on a number says the same as another.</summary>
    private const double SameOrder = 0.98;

    /// <summary>What a field is worth whose value follows from a better one's.</summary>
    private const double Implied = 0.1;

    /// <summary>Ranks a result. Where a side has no rows there is nothing to rank.</summary>
    public static BubbleUpAnswer Rank(BubbleUpResult result, BubbleUpSelection selection)
    {
        if (result.Selection.Rows == 0 || result.Baseline.Rows == 0)
        {
            return new([], [], []);
        }

        var leftOut = new List<(string, BubbleUpLeftOut)>();
        var candidates = new List<Candidate>();
        var measures = new List<BubbleUpMeasure>();
        var relations = new FieldRelations(result);
        for (var i = 0; i < result.Fields.Count; i++)
        {
            var field = result.Fields[i];
            if (selection.Fields.Contains(field.Name))
            {
                leftOut.Add((field.Name, BubbleUpLeftOut.Selection));
                continue;
            }

            if (RepeatsSelection(i, result, selection, relations))
            {
                leftOut.Add((field.Name, BubbleUpLeftOut.Selection));
                continue;
            }

            if (field is { Numbers.IsTooMany: true, Measure: { } measure })
            {
                measures.Add(Measure(field.Name, measure, result));
            }

            var candidate = Candidate.Of(i, field, result);
            if (field.Numbers is { IsTooMany: true } && !candidate.HasValues)
            {
                continue;       // a measure that every event has
            }

            if (candidate.IsNearlyUnique)
            {
                leftOut.Add((field.Name, BubbleUpLeftOut.NearlyUnique));
            }
            else if (selection.IsOfValues && candidate.IsSeparated)
            {
                leftOut.Add((field.Name, BubbleUpLeftOut.Selection));
            }
            else
            {
                candidates.Add(candidate);
            }
        }

        measures.Sort(static (a, b) => b.Score.CompareTo(a.Score) is var order and not 0 ? order : string.CompareOrdinal(a.Column, b.Column));
        leftOut.Sort(static (a, b) => string.CompareOrdinal(a.Item1, b.Item1));
        return new(Dimensions(candidates, relations), measures, leftOut);
    }

    private static List<BubbleUpDimension> Dimensions(List<Candidate> candidates, FieldRelations relations)
    {
        candidates.Sort(Candidate.Compare);
        var kept = new List<Candidate>();
        foreach (var candidate in candidates)
        {
            if (candidate.Score > 0 && kept.Count < BubbleUpLimits.RelatedFieldsMax && candidate.Field < BubbleUpLimits.SampledFieldsMax)
            {
                var same = kept.FindIndex(better => better.MarksTheSame(candidate, relations));
                if (same >= 0)
                {
                    kept[same] = candidate.Fold(kept[same]);
                    continue;
                }

                candidate.ImpliedBy = kept.Find(better => better.ImpliedBy is null && relations.Follows(candidate.Field, better.Field))?.Name;
            }

            kept.Add(candidate);
        }

        var dimensions = kept.ConvertAll(candidate => candidate.Finish(candidate.ImpliedBy is null ? candidate.Score : candidate.Score * Implied));

        // What was set back moves behind; the rest, zeros included, stays in the order of what is left beyond chance.
        return [.. dimensions.OrderByDescending(dimension => dimension.Score)];
    }

    /// <summary>True for the selection's number in other units or in ranges, and for time where a time was selected.</summary>
    private static bool RepeatsSelection(int field, BubbleUpResult result, BubbleUpSelection selection, FieldRelations relations)
    {
        if (field >= BubbleUpLimits.SampledFieldsMax)
        {
            return false;
        }

        var isMeasure = result.Fields[field].Numbers is { IsTooMany: true };
        if (isMeasure && (selection.StartNs ?? selection.EndNs) is not null && Math.Abs(relations.RankCorrelation(field, null)) >= SameOrder)
        {
            return true;
        }

        foreach (var name in selection.Fields)
        {
            var with = result.FindField(name);
            if (with is >= 0 and < BubbleUpLimits.SampledFieldsMax && with != field && result.Fields[with].Numbers is { IsTooMany: true }
                && (isMeasure ? Math.Abs(relations.RankCorrelation(field, with)) >= SameOrder : relations.IsStepOf(field, with)))
            {
                return true;
            }
        }

        return false;
    }

    private static BubbleUpMeasure Measure(string name, MeasureCounts measure, BubbleUpResult result)
    {
        double selection = measure[0].Count, baseline = measure[1].Count;
        var score = Contrast.Distance(
            measure[0], result.Selection.EffectiveRows * (selection / result.Selection.Events), measure[1], result.Baseline.EffectiveRows * (baseline / result.Baseline.Events));
        return new(name, double.IsFinite(score) ? score : 0, Percentiles(measure[0]), Percentiles(measure[1]), Buckets(measure[0], selection, measure[1], baseline));
    }

    private static BubbleUpPercentiles? Percentiles(QuantileSketch sketch) =>
        sketch.IsEmpty ? null : new(sketch.Quantile(0.10), sketch.Quantile(0.50), sketch.Quantile(0.90), sketch.Quantile(0.99));

    /// <summary>Buckets as wide as some of the sketches' own (logarithmic) bins, as few of these as keeps within the bound; negative numbers and zeros have one each.</summary>
    private static List<BubbleUpBucket> Buckets(QuantileSketch selection, double totalSelection, QuantileSketch baseline, double totalBaseline)
    {
        int low = int.MaxValue, high = int.MinValue;
        var least = 0d;
        foreach (var sketch in (ReadOnlySpan<QuantileSketch>)[selection, baseline])
        {
            foreach (var bin in sketch)
            {
                least = Math.Min(least, bin.Representative);
                if (bin.Sign > 0)
                {
                    low = Math.Min(low, bin.Bin);
                    high = Math.Max(high, bin.Bin);
                }
            }
        }

        const int Negative = 0, Zero = 1, First = 2;
        var width = low > high ? 1 : ((high - low) / (BubbleUpLimits.AnswerBucketsMax - First)) + 1;
        var shares = new double[(low > high ? 0 : ((high - low) / width) + 1) + First, 2];
        Share(selection, totalSelection, 0);
        Share(baseline, totalBaseline, 1);
        var buckets = new List<BubbleUpBucket>(shares.GetLength(0));
        for (var i = 0; i < shares.GetLength(0); i++)
        {
            if (i >= First || shares[i, 0] + shares[i, 1] > 0)
            {
                var (min, max) = i switch
                {
                    Negative => (least, 0),
                    Zero => (0, low > high ? 0 : LogBins.LowerBound(low)),
                    _ => (LogBins.LowerBound(low + ((i - First) * width)), LogBins.UpperBound(Math.Min(low + ((i - First + 1) * width) - 1, LogBins.Highest))),
                };
                buckets.Add(new(min, max, shares[i, 0], shares[i, 1]));
            }
        }

        return buckets;

        void Share(QuantileSketch sketch, double total, int side)
        {
            foreach (var bin in sketch)
            {
                shares[bin.Sign < 0 ? Negative : bin.Sign == 0 ? Zero : First + ((bin.Bin - low) / width), side] += bin.Weight / total;
            }
        }
    }

    /// <summary>A field with its values' shares and what they are worth.</summary>
    private sealed class Candidate
    {
        private readonly List<(FieldValue Value, double Selection, double Baseline, double Score)> _values = [];
        private readonly List<string> _sameAs = [];
        private FieldKind _kind;
        private string _name = "";
        private double _score;
        private bool _isPruned;

        public int Field { get; private init; }

        public string Name => _name;

        public double Score => Math.Max(0, _score);

        /// <summary>The first value as in the kept rows.</summary>
        public ulong Code { get; private set; }

        /// <summary>True when a value tells the side, and not only because there are about as many values as rows.</summary>
        public bool IsSeparated { get; private set; }

        public bool IsNearlyUnique { get; private set; }

        public bool HasValues => _values.Count > 0;

        private int FirstLength => _kind == FieldKind.String ? _values[0].Value.AsString.Length : 0;

        public string? ImpliedBy { get; set; }

        public static Candidate Of(int number, FieldCounts field, BubbleUpResult result)
        {
            var candidate = new Candidate { Field = number, _name = field.Name };
            candidate.Collect(field, result);
            candidate.Weigh(field, result);
            return candidate;
        }

        /// <summary>By what is left beyond chance, also below 0.</summary>
        public static int Compare(Candidate a, Candidate b)
        {
            var order = b._score.CompareTo(a._score);
            return order != 0 ? order : Preference(a, b);
        }

        /// <summary>True when the first values of both mark the same events, on either side and within a tenth.</summary>
        public bool MarksTheSame(Candidate other, FieldRelations relations) =>
            Code != 0 && other.Code != 0
            && IsNear(_values[0].Selection, other._values[0].Selection) && IsNear(_values[0].Baseline, other._values[0].Baseline)
            && relations.MarkTheSame(Field, Code, other.Field, other.Code);

        /// <summary>Of two fields that say the same, the one to name: with the other, and all that it stood for, folded into it.</summary>
        public Candidate Fold(Candidate other)
        {
            var (named, folded) = Preference(this, other) < 0 ? (this, other) : (other, this);
            named._sameAs.Add(folded._name);
            named._sameAs.AddRange(folded._sameAs);
            named._sameAs.Sort(StringComparer.Ordinal);
            named.ImpliedBy ??= folded.ImpliedBy;
            return named;
        }

        public BubbleUpDimension Finish(double score) => new(
            _name, Math.Max(0, score),
            _values.GetRange(0, Math.Min(_values.Count, BubbleUpLimits.AnswerValuesMax)).ConvertAll(value => new BubbleUpValue(value.Value, value.Selection, value.Baseline)), _sameAs, ImpliedBy);

        // Text says more than a flag that follows from it, many values more than few, a short name is read more easily; the dataset repeats the field that it was made from.
        private static int Preference(Candidate a, Candidate b)
        {
            var order = (a._kind == FieldKind.String ? 0 : 1).CompareTo(b._kind == FieldKind.String ? 0 : 1);
            order = order != 0 ? order : (a._name == EventBatch.DatasetField ? 1 : 0).CompareTo(b._name == EventBatch.DatasetField ? 1 : 0);
            order = order != 0 ? order : a._isPruned.CompareTo(b._isPruned);
            order = order != 0 ? order : b._values.Count.CompareTo(a._values.Count);
            order = order != 0 ? order : a.FirstLength.CompareTo(b.FirstLength);
            return order != 0 ? order : string.CompareOrdinal(a._name, b._name);
        }

        private static bool IsNear(double a, double b) => Math.Abs(a - b) <= 0.1 * Math.Max(a, b);

        private void Collect(FieldCounts field, BubbleUpResult result)
        {
            double selection = Math.Max(result.Selection.Events, double.Epsilon), baseline = Math.Max(result.Baseline.Events, double.Epsilon);
            Add(FieldValue.Absent, Math.Max(0, selection - field.Present(0)), Math.Max(0, baseline - field.Present(1)));
            Add(FieldValue.Of(false), field.Bool(false, 0), field.Bool(false, 1));
            Add(FieldValue.Of(true), field.Bool(true, 0), field.Bool(true, 1));
            for (var i = 0; i < (field.Numbers?.Count ?? 0); i++)
            {
                Add(ColumnVector.FloatValue(field.Numbers!.Number(i)), field.Numbers.Weight(i, 0), field.Numbers.Weight(i, 1));
            }

            for (var i = 0; i < (field.Texts?.Count ?? 0); i++)
            {
                Add(FieldValue.Of(field.Texts!.Text(i)), field.Texts.Weight(i, 0), field.Texts.Weight(i, 1));
            }

            void Add(FieldValue value, double ofSelection, double ofBaseline)
            {
                // A sum of weights may miss the side's own by its last digit.
                if (ofSelection > selection * 1e-9 || ofBaseline > baseline * 1e-9)
                {
                    _values.Add((value, Math.Min(1, ofSelection / selection), Math.Min(1, ofBaseline / baseline), 0));
                }
            }
        }

        private void Weigh(FieldCounts field, BubbleUpResult result)
        {
            double selection = result.Selection.EffectiveRows, baseline = result.Baseline.EffectiveRows;
            var deviations = Contrast.Deviations(_values.Count);
            double onBoth = 0;
            for (var i = 0; i < _values.Count; i++)
            {
                var (value, ofSelection, ofBaseline, _) = _values[i];
                _values[i] = (value, ofSelection, ofBaseline, Contrast.LowerBound(ofSelection, selection, ofBaseline, baseline, deviations));
                onBoth += Math.Min(ofSelection, ofBaseline);
            }

            _values.Sort(static (a, b) =>
            {
                var order = Math.Max(0, b.Score).CompareTo(Math.Max(0, a.Score));
                order = order != 0 ? order : Math.Abs(b.Selection - b.Baseline).CompareTo(Math.Abs(a.Selection - a.Baseline));
                return order != 0 ? order : a.Value.CompareTo(b.Value);
            });
            if (_values.Count > 0)
            {
                _score = _values[0].Score;
                _kind = _values[0].Value.Kind;
                Code = CodeOf(_values[0].Value);
            }

            _isPruned = field.Texts is { IsPruned: true };
            IsSeparated = onBoth <= 1 - Separated && !_isPruned && _values.Count * 4L <= result.Selection.Rows;
            IsNearlyUnique = _score < NearlyUniqueScoreMin && field.Rows > 20 && (_isPruned || (field.Texts?.Count ?? 0) * 2L > field.Rows);
        }

        private static ulong CodeOf(FieldValue value) => value.Kind switch
        {
            FieldKind.Absent => 0,
            FieldKind.Bool => SampleCode.Of(value.AsBool),
            FieldKind.String => SampleCode.Of(System.Text.Encoding.UTF8.GetBytes(value.AsString)),
            _ => SampleCode.Of(value.AsDouble),
        };
    }
}
