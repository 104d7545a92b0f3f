namespace StreamObserve.Core.Querying.Relations;

/// <summary>Bounds of relational fields, of one leaf's part in one query.</summary>
public static class RelationLimits
{
    /// <summary>
    /// Seconds by which the range is widened on both sides when related spans are looked for: a parent begins before its children and may end long after them.
    /// Related spans further away are not seen.
    /// </summary>
    public const int SlackSeconds = 600;

    /// <summary>Traces (of parent. and child., spans) kept over all relations of a query: some 50 MB. Past it: refused, naming the relation to narrow.</summary>
    public const int EntriesMax = 1_000_000;

    /// <summary>Bytes of distinct values kept for breakdowns. Past it: refused, naming the relation to narrow.</summary>
    public const int ValueBytesMax = 32 << 20;
}
