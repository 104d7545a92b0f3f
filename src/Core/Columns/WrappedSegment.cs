using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Filters;

namespace StreamObserve.Core.Columns;

/// <summary>A segment with further columns put before those of another one. What the subclass does not make is the inner segment's. For one scan by one thread.</summary>
public abstract class WrappedSegment(IRowSegment inner) : IRowSegment
{
    /// <summary>The segment whose columns come after.</summary>
    private protected IRowSegment Inner { get; } = inner;

    /// <inheritdoc/>
    public int Rows => Inner.Rows;

    /// <inheritdoc/>
    public long MinTimeNs => Inner.MinTimeNs;

    /// <inheritdoc/>
    public long MaxTimeNs => Inner.MaxTimeNs;

    /// <inheritdoc/>
    public long[] TimesNs => Inner.TimesNs;

    /// <inheritdoc/>
    public double[]? Weights => Inner.Weights;

    /// <inheritdoc/>
    public bool IsSampled => Inner.IsSampled;

    /// <inheritdoc/>
    public int[] DatasetCodes => Inner.DatasetCodes;

    /// <inheritdoc/>
    public Utf8Strings Datasets => Inner.Datasets;

    /// <inheritdoc/>
    public IEnumerable<string> FieldNames => Inner.FieldNames;

    TimeColumn IRowSegment.Times => Inner.Times;

    ColumnVector IRowSegment.DatasetColumn => Inner.DatasetColumn;

    /// <inheritdoc/>
    public void GetColumns(string field, List<ColumnVector> into)
    {
        if (Made(field) is { } columns)
        {
            into.AddRange(columns);
        }
        else
        {
            Inner.GetColumns(field, into);
        }
    }

    /// <inheritdoc/>
    public bool Excludes(Condition.Match match) => !IsMade(match.Column) && Inner.Excludes(match);

    /// <inheritdoc/>
    public SegmentExclusion ExclusionOf(Condition.Match match, ValuePredicate predicate) =>
        IsMade(match.Column) ? SegmentExclusion.None : Inner.ExclusionOf(match, predicate);

    /// <summary>True when the field is one that this makes: statistics of the inner segment say nothing about it.</summary>
    private protected abstract bool IsMade(string field);

    /// <summary>The columns of a field that this makes; null when it is the inner segment's.</summary>
    private protected abstract List<ColumnVector>? Made(string field);
}
