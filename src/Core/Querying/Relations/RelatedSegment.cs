using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Filters;

namespace StreamObserve.Core.Querying.Relations;

/// <summary>
/// A segment with the fields of related spans among its own: those that breakdowns show, and the made-up ones that stand for conditions. For one scan by one thread.
/// </summary>
public sealed class RelatedSegment(IRowSegment inner, RelationIndex index) : IRowSegment
{
    private readonly Dictionary<string, List<ColumnVector>> _made = new(StringComparer.Ordinal);
    private readonly SpanIds _ids = new(inner);

    /// <inheritdoc/>
    public int Rows => inner.Rows;

    /// <inheritdoc/>
    public long MinTimeNs => inner.MinTimeNs;

    /// <inheritdoc/>
    public long MaxTimeNs => inner.MaxTimeNs;

    /// <inheritdoc/>
    public long[] TimesNs => inner.TimesNs;

    /// <inheritdoc/>
    public double[]? Weights => inner.Weights;

    /// <inheritdoc/>
    public bool IsSampled => inner.IsSampled;

    /// <inheritdoc/>
    public int[] DatasetCodes => inner.DatasetCodes;

    /// <inheritdoc/>
    public Utf8Strings Datasets => inner.Datasets;

    TimeColumn IRowSegment.Times => inner.Times;

    ColumnVector IRowSegment.DatasetColumn => inner.DatasetColumn;

    /// <inheritdoc/>
    public IEnumerable<string> FieldNames => inner.FieldNames;

    /// <inheritdoc/>
    public void GetColumns(string field, List<ColumnVector> into)
    {
        if (!_made.TryGetValue(field, out var columns))
        {
            columns = Make(field);
            if (columns is null)
            {
                inner.GetColumns(field, into);
                return;
            }

            _made[field] = columns;
        }

        into.AddRange(columns);
    }

    /// <inheritdoc/>
    public bool Excludes(Condition.Match match) => !IsMade(match.Column) && inner.Excludes(match);

    /// <inheritdoc/>
    public SegmentExclusion ExclusionOf(Condition.Match match, ValuePredicate predicate) =>
        IsMade(match.Column) ? SegmentExclusion.None : inner.ExclusionOf(match, predicate);

    private bool IsMade(string field) => index.FindTest(field) >= 0 || index.FindValues(field).Spans >= 0;

    private List<ColumnVector>? Make(string field)
    {
        var test = index.FindTest(field);
        if (test >= 0)
        {
            return [index.Test(test, _ids, Rows)];
        }

        var (spans, at) = index.FindValues(field);
        if (spans < 0)
        {
            return null;
        }

        var columns = new List<ColumnVector>();
        index.Values(spans, at, _ids, Rows).ToColumns(Rows, columns);
        return columns;
    }
}
