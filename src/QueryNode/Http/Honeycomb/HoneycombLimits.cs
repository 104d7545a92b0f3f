namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>Bounds of the interface below <c>/1/</c>. What is kept is in the memory of every query node.</summary>
internal static class HoneycombLimits
{
    /// <summary>Saved queries over all datasets. Past it those that were saved longest ago and that no annotation names are forgotten; saving them again gives the same id.</summary>
    public const int QueriesMax = 20_000;

    /// <summary>Saved queries that are forgotten at once when there are too many, so that it is rarely done.</summary>
    public const int QueriesForgottenAtOnce = 200;

    /// <summary>Markers of a dataset. Past it the one that changed longest ago is deleted.</summary>
    public const int MarkersMax = 10_000;

    /// <summary>Query annotations, derived columns, described columns or marker settings of a dataset. Past it: 422.</summary>
    public const int ObjectsMax = 2_000;

    /// <summary>Characters of a name. Past it: 422.</summary>
    public const int NameCharsMax = 255;

    /// <summary>Characters of a description, message or address. Past it: 422.</summary>
    public const int TextCharsMax = 2_048;

    /// <summary>Characters of a derived column's expression. Past it: 422.</summary>
    public const int ExpressionCharsMax = 16_384;

    /// <summary>Levels of JSON that a dataset may ask to have expanded; kept, and without effect: all of them are.</summary>
    public const int ExpandJsonDepthMax = 10;

    /// <summary>Latest time of a marker, unix seconds: the end of the range of times of events, 2262.</summary>
    public const long UnixSecondsMax = 9_223_372_036;

    /// <summary>Queries that failed and say so to those who poll them. Past it the oldest is forgotten, and is then unknown.</summary>
    public const int FailuresMax = 1_000;

    /// <summary>How much longer than a query may take a result of a foreign node counts as not complete: its way to the log.</summary>
    public static readonly TimeSpan ForeignSlack = TimeSpan.FromSeconds(5);

    /// <summary>Seconds for which a finished result may be kept by who asked for it.</summary>
    public const int ResultMaxAgeSeconds = 86_400;
}
