using StreamObserve.Core.Querying.Filters;

namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>
/// What is compared with the rest: rows within [<paramref name="StartNs"/>, <paramref name="EndNs"/>) (null = no edge; unix nanoseconds) at which
/// <paramref name="Where"/> holds (null = all). A box of a heatmap, a group and a condition all come down to this. Immutable.
/// </summary>
public sealed record BubbleUpSelection(long? StartNs, long? EndNs, Condition? Where)
{
    /// <summary>The fields that decide what is selected.</summary>
    public IReadOnlyList<string> Fields { get; } = [.. ConditionFilter.FieldsOf(Where).Distinct()];

    /// <summary>
    /// True when whole values are selected, as a group does, and no range of a number or of time: then a field whose values lie on one side each says no more than the
    /// selection does. Of a range the same would be a cause.
    /// </summary>
    public bool IsOfValues { get; } = StartNs is null && EndNs is null && OfValues(Where);

    /// <summary>The rows of a heatmap's box: <paramref name="column"/> from <paramref name="min"/> (inclusive) to <paramref name="max"/> (exclusive), null = no edge.</summary>
    public static BubbleUpSelection Box(long? startNs, long? endNs, string column, double? min, double? max)
    {
        var parts = new List<Condition>();
        if (min is { } from)
        {
            parts.Add(new Condition.Match(column, FilterOp.GreaterOrEqual, [Columns.ColumnVector.FloatValue(from)]));
        }

        if (max is { } to)
        {
            parts.Add(new Condition.Match(column, FilterOp.Less, [Columns.ColumnVector.FloatValue(to)]));
        }

        // A box without edges is still one over the column: rows without a number are not on a heatmap.
        return new(startNs, endNs, parts switch { [] => new Condition.Match(column, FilterOp.Exists, []), [var one] => one, _ => new Condition.All(parts) });
    }

    /// <summary>The rows of a group: each field has its value; absent = the row has no such field.</summary>
    public static BubbleUpSelection Group(IEnumerable<KeyValuePair<string, Events.FieldValue>> values)
    {
        Condition[] parts =
        [
            .. values.Select(value => new Condition.Match(
                value.Key, value.Value.Kind == Events.FieldKind.Absent ? FilterOp.DoesNotExist : FilterOp.Equal, value.Value.Kind == Events.FieldKind.Absent ? [] : [value.Value])),
        ];
        return new(null, null, parts is [var one] ? one : new Condition.All(parts));
    }

    private static bool OfValues(Condition? condition) => condition switch
    {
        null => false,
        Condition.All all => all.Parts.All(OfValues),
        Condition.Any any => any.Parts.All(OfValues),
        Condition.Not not => OfValues(not.Part),
        Condition.Match match => match.Op is FilterOp.Equal or FilterOp.NotEqual or FilterOp.Exists or FilterOp.DoesNotExist or FilterOp.In or FilterOp.NotIn,
        _ => throw new InvalidOperationException($"a condition of type {condition.GetType()}"),
    };
}
