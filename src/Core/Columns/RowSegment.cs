using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Filters;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Rows that a query can scan: a batch of the recent window or of the head block, or a sealed block whose columns are read when asked for.
/// Immutable; several threads may scan at once.
/// </summary>
public interface IRowSegment
{
    /// <summary>How many rows.</summary>
    int Rows { get; }

    /// <summary>Earliest event time, unix nanoseconds.</summary>
    long MinTimeNs { get; }

    /// <summary>Latest event time, unix nanoseconds.</summary>
    long MaxTimeNs { get; }

    /// <summary>Each row's event time.</summary>
    long[] TimesNs { get; }

    /// <summary>How many events each row stands for; null = one.</summary>
    double[]? Weights { get; }

    /// <summary>True when our own sampler has left rows out, so that weights make estimates of what is read.</summary>
    bool IsSampled { get; }

    /// <summary>Each row's dataset as a code into <see cref="Datasets"/>.</summary>
    int[] DatasetCodes { get; }

    /// <summary>The datasets' names, lower-case.</summary>
    Utf8Strings Datasets { get; }

    /// <summary>Names of the fields that have a column, each once.</summary>
    IEnumerable<string> FieldNames { get; }

    /// <summary>Adds the physical columns of a field to <paramref name="into"/>: none when no row has it, several when its values have several types.</summary>
    void GetColumns(string field, List<ColumnVector> into);

    /// <summary>True when statistics alone (min/max, bloom filter) show that no row can satisfy the comparison's positive form. False says nothing.</summary>
    bool Excludes(Condition.Match match);

    /// <summary>As <see cref="Excludes(Condition.Match)"/>, with the comparison made ready and what it was that showed it.</summary>
    SegmentExclusion ExclusionOf(Condition.Match match, ValuePredicate predicate) => Excludes(match) ? SegmentExclusion.MinMax : SegmentExclusion.None;

    /// <summary>The event times as they are held.</summary>
    internal TimeColumn Times => TimeColumn.Of(TimesNs);

    /// <summary>The datasets as a column.</summary>
    internal ColumnVector DatasetColumn => ColumnVector.OfDictionary(Rows, null, DatasetCodes, Datasets);
}

/// <summary>What shows that no row of a segment can satisfy a comparison.</summary>
public enum SegmentExclusion : byte
{
    /// <summary>Nothing: rows may.</summary>
    None,

    /// <summary>No row has the field, or least and greatest value lie outside of what is asked for.</summary>
    MinMax,

    /// <summary>The values' Bloom filter.</summary>
    Bloom,
}
