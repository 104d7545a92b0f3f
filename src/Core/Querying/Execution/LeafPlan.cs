using System.Text;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Accumulators;
using StreamObserve.Core.Querying.Expressions;
using StreamObserve.Core.Querying.Filters;
using StreamObserve.Core.Querying.Relations;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>One accumulator of a plan: calculations over the same column and filter share it.</summary>
public sealed record AccumulatorSpec(AccumulatorKind Kind, string? Column, Condition? Filter);

/// <summary>
/// A query as a leaf executes it: the specification with its time resolved, and which accumulators serve its calculations. Immutable; derived from
/// (dataset, spec, time) alone, so that every node makes the same plan.
/// </summary>
public sealed class LeafPlan
{
    /// <summary>The dataset name that means all datasets.</summary>
    public const string AllDatasets = "__all__";

    /// <summary>The field that says how long a span lasted, in milliseconds.</summary>
    public const string DurationField = "duration_ms";

    /// <summary>Nanoseconds of one of its units.</summary>
    public const double DurationUnitNs = 1e6;

    /// <summary>Makes the plan. The specification must have passed validation.</summary>
    public LeafPlan(string dataset, QuerySpec spec, ResolvedTime time)
        : this(dataset, spec, time, null)
    {
    }

    private LeafPlan(string dataset, QuerySpec spec, ResolvedTime time, LeafPlan? reachOf)
    {
        Dataset = dataset == AllDatasets ? null : dataset.ToLowerInvariant();
        DatasetUtf8 = Dataset is null ? null : Encoding.UTF8.GetBytes(Dataset);
        Spec = spec;
        Time = time;
        StepNs = time.GranularitySeconds * 1_000_000_000L;
        FirstBucket = FloorDiv(time.StartNs, StepNs);
        Buckets = (int)(FloorDiv(time.EndNs - 1, StepNs) - FirstBucket + 1);
        Calculated = CalculatedFields.Of(spec);
        Relations = reachOf is null ? RelationPlan.Of(spec) : reachOf.Relations;        // one index of related spans serves both
        var accumulators = new List<AccumulatorSpec> { new(AccumulatorKind.Count, null, null) };
        var calculations = new List<int>();
        for (var i = 0; i < spec.Calculations.Count; i++)
        {
            var calculation = spec.Calculations[i];
            if (reachOf is not null && calculation.Op != CalculationOp.Concurrency)
            {
                calculations.Add(0);
                continue;
            }

            var column = calculation.Op == CalculationOp.Concurrency ? DurationField : calculation.Column;
            var wanted = new AccumulatorSpec(Accumulator.KindOf(calculation.Op), column, Relations is null ? calculation.Filter : Relations.Filters[i]);
            var at = accumulators.IndexOf(wanted);
            if (at < 0)
            {
                at = accumulators.Count;
                accumulators.Add(wanted);
            }

            calculations.Add(at);
        }

        Accumulators = accumulators;
        AccumulatorOf = calculations;
        if (reachOf is null && accumulators.Exists(accumulator => accumulator.Kind == AccumulatorKind.Concurrency))
        {
            var from = Math.Max(time.StartNs, long.MinValue + ExecutionLimits.ConcurrencyReachNs) - ExecutionLimits.ConcurrencyReachNs;
            var spans = spec with { Formulas = [], Orders = [], Havings = [] };
            Reach = new(dataset, spans, new(from, time.StartNs, (int)(ExecutionLimits.ConcurrencyReachNs / 1_000_000_000)), this);
        }
    }

    /// <summary>The dataset, lower-case; null = all.</summary>
    public string? Dataset { get; }

    /// <summary>Its UTF-8.</summary>
    public byte[]? DatasetUtf8 { get; }

    /// <summary>The question.</summary>
    public QuerySpec Spec { get; }

    /// <summary>The query's calculated fields; null = none.</summary>
    public CalculatedFields? Calculated { get; }

    /// <summary>What it asks of related spans; null = nothing.</summary>
    public RelationPlan? Relations { get; }

    /// <summary>The condition on rows, relational fields taken out of it.</summary>
    public Condition? Where => Relations is null ? Spec.Where : Relations.Where;

    /// <summary>The range and step.</summary>
    public ResolvedTime Time { get; }

    /// <summary>The step in nanoseconds.</summary>
    public long StepNs { get; }

    /// <summary>Number of the first bucket: its start is this times <see cref="StepNs"/> (which may lie before the range's start).</summary>
    public long FirstBucket { get; }

    /// <summary>Buckets in the range.</summary>
    public int Buckets { get; }

    /// <summary>What is accumulated; the first is always the plain count, which says which cells exist.</summary>
    public IReadOnlyList<AccumulatorSpec> Accumulators { get; }

    /// <summary>Which accumulator serves each calculation.</summary>
    public IReadOnlyList<int> AccumulatorOf { get; }

    /// <summary>
    /// A segment as this plan sees it: with its calculated fields and, given the index of a first pass, those of related spans. For one scan by one thread.
    /// </summary>
    public IRowSegment Present(IRowSegment segment, RelationIndex? relations)
    {
        var own = Calculated is null ? segment : new DerivedSegment(segment, Calculated);
        return relations is null ? own : new RelatedSegment(own, segment, relations);
    }

    /// <summary>The bucket 0..Buckets-1 of a time within the range.</summary>
    public int BucketOf(long timeNs) => (int)(FloorDiv(timeNs, StepNs) - FirstBucket);

    /// <summary>Where a bucket starts.</summary>
    public long BucketStartNs(int bucket) => (FirstBucket + bucket) * StepNs;

    /// <summary>Nanoseconds of a bucket that lie within the range.</summary>
    public long BucketWidthNs(int bucket)
    {
        var start = BucketStartNs(bucket);
        return Math.Min(Time.EndNs, start + StepNs) - Math.Max(Time.StartNs, start);
    }

    /// <summary>
    /// The same question's CONCURRENCY over the time before the range, from which spans may last into it; null when there is none of it. Rows of that time count
    /// for nothing else: it accumulates no other calculation.
    /// </summary>
    public LeafPlan? Reach { get; }

    /// <summary>Rows from this time on matter: the start of the range or of its <see cref="Reach"/>.</summary>
    public long ReachNs => Reach?.Time.StartNs ?? Time.StartNs;

    /// <summary>An empty accumulator for each of <see cref="Accumulators"/>. Those that rows are added to need the result whose cells they are over.</summary>
    public Accumulator[] NewAccumulators(PartialResult? over = null)
    {
        var made = new Accumulator[Accumulators.Count];
        for (var i = 0; i < made.Length; i++)
        {
            var spec = Accumulators[i];
            made[i] = spec.Kind == AccumulatorKind.Concurrency ? new ConcurrencyAccumulator(this, over) : Accumulator.Make(spec.Kind, spec.Column);
        }

        return made;
    }

    /// <summary>All fields that decide which group an event falls into or whether it takes part: breakdowns, conditions.</summary>
    public IEnumerable<string> SelectingFields =>
        Spec.Breakdowns.Concat(ConditionFilter.FieldsOf(Spec.Where)).Concat(Spec.Calculations.SelectMany(c => ConditionFilter.FieldsOf(c.Filter))).Distinct();

    internal static long FloorDiv(long value, long by) => value >= 0 ? value / by : -((-value + by - 1) / by);
}
