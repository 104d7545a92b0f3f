namespace StreamObserve.Core.Aggregation;

/// <summary>Bounds of the aggregates. Past any of them a question is answered from rows, and its label says what they are.</summary>
public static class AggregationLimits
{
    /// <summary>Distinct values of a dimension in one fold. Past it the field has no aggregate block in that fold, only a distinct count.</summary>
    public const int DimensionValuesMax = 1_024;

    /// <summary>Distinct values up to which an integer field is a dimension too (status codes, partitions), besides being a measure.</summary>
    public const int SmallDomainMax = 256;

    /// <summary>Dimensions of one fold, those present in most rows first.</summary>
    public const int DimensionsMax = 256;

    /// <summary>Measures kept in a fold's totals, those present in most rows first.</summary>
    public const int MeasuresMax = 64;

    /// <summary>Measures kept for each value of a dimension, those present in most rows first; the others are in the totals only.</summary>
    public const int DimensionMeasuresMax = 8;

    /// <summary>Fields whose distinct values are counted, those present in most rows first.</summary>
    public const int DistinctFieldsMax = 32;

    /// <summary>Datasets of one fold with aggregates of their own. Past it the fold has none, and rows answer.</summary>
    public const int DatasetsMax = 10_000;

    /// <summary>Heavy values kept of a field with too many values for a dimension, in one fold; in a merged one.</summary>
    public const int HeavyValuesMax = 64;

    /// <inheritdoc cref="HeavyValuesMax"/>
    public const int HeavyValuesMergedMax = 256;

    /// <summary>Events that a value must have in a fold to count as heavy, and the share of the field's events, as one in so many.</summary>
    public const int HeavyRowsMin = 32;

    /// <inheritdoc cref="HeavyRowsMin"/>
    public const int HeavyShareMin = 512;

    /// <summary>Finest resolution, seconds.</summary>
    public const int FineSeconds = 10;

    /// <summary>Resolution where cells at the finest would hold too few events each, seconds. Dropped rows are counted at this or finer.</summary>
    public const int CoarseSeconds = 60;

    /// <summary>Rows a cell should hold on average for the finest resolution to be worth its room.</summary>
    public const int DenseRowsPerCell = 8;

    /// <summary>Rows from which on a fold's own values tell whether a number is one of few values or a measure.</summary>
    public const int SettledRows = 4_096;

    /// <summary>Folds after which a field found to have too many values is tried as a dimension again.</summary>
    public const int RetryFolds = 64;

    /// <summary>zstd level of merged folds: they are written once for some eight folds and kept for good.</summary>
    public const int MergedCompressionLevel = 1;

    /// <summary>Rows in folds that are not merged at which they are merged. More make longer ranges answer faster, and the merge hold up its partition longer.</summary>
    public const long MergeRows = 262_144;

    /// <summary>Folds at which they are merged however few rows they have.</summary>
    public const int MergeFolds = 32;
}
