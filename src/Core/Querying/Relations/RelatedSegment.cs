using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Filters;

namespace StreamObserve.Core.Querying.Relations;

/// <summary>
/// A segment with the fields of related spans among its own: those that breakdowns show, and the made-up ones that stand for conditions. Ids are read from
/// <paramref name="stored"/>, the same rows without calculated fields, as the index reads them. For one scan by one thread.
/// </summary>
public sealed class RelatedSegment(IRowSegment inner, IRowSegment stored, RelationIndex index) : WrappedSegment(inner)
{
    private readonly Dictionary<string, List<ColumnVector>> _made = new(StringComparer.Ordinal);
    private readonly SpanIds _ids = new(stored);

    /// <inheritdoc/>
    private protected override List<ColumnVector>? Made(string field)
    {
        if (!_made.TryGetValue(field, out var columns) && Make(field) is { } made)
        {
            _made[field] = columns = made;
        }

        return columns;
    }

    /// <inheritdoc/>
    private protected override bool IsMade(string field) => index.FindTest(field) >= 0 || index.FindValues(field).Spans >= 0;

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
