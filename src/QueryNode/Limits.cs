namespace StreamObserve.QueryNode;

/// <summary>Bounds of the HTTP face of role query.</summary>
public static class QueryHttpLimits
{
    /// <summary>Bytes of a request's body. A query is some KB; past it: 413, before anything is parsed.</summary>
    public const int RequestBodyBytesMax = 1 << 20;

    /// <summary>Nested levels of a request's JSON. Past it: 400.</summary>
    public const int RequestJsonDepthMax = 64;

    /// <summary>
    /// Bytes of an answer's JSON: it is held whole to be stored, and nobody reads more. Past it: 422 that names limit, granularity and breakdowns,
    /// and <c>streamobserve.query.requests{status="422"}</c>.
    /// </summary>
    public const int AnswerBytesMax = 32 << 20;

    /// <summary>Answers kept in memory for GET /api/v1/results. Past it the least recently used goes, to be read from the log when it is asked for.</summary>
    public const int StoredResultsMax = 10_000;

    /// <summary>Bytes of all answers kept in memory. Past it the least recently used go, in the same way.</summary>
    public const long StoredResultsBytesMax = 64L << 20;

    /// <summary>Characters of a stored result's id. A longer one in a path is unknown (404).</summary>
    public const int ResultIdCharsMax = 64;

    /// <summary>Seconds before its end that a bias report is about, unless told otherwise.</summary>
    public const int BiasRangeSecondsDefault = 7_200;

    /// <summary>Seconds a bias report may be about. Past it: 400.</summary>
    public const int BiasRangeSecondsMax = 31 * 86_400;

    /// <summary>Values of each field that a bias report shows.</summary>
    public const int BiasValuesDefault = 20;

    /// <inheritdoc cref="BiasValuesDefault"/>
    public const int BiasValuesMax = 1_000;

    /// <summary>Fields a bias report may be asked for: each costs two queries. Past it: 400.</summary>
    public const int BiasFieldsMax = 20;

    /// <summary>Fields of a bias report that names none.</summary>
    public const int BiasFieldsDefault = 12;

    /// <summary>Fields that such a report tries at most: those that are no dimensions are listed as not compared.</summary>
    public const int BiasFieldsTried = 40;

    /// <summary>Characters of the list of fields. Past it: 400.</summary>
    public const int BiasFieldsCharsMax = 4_096;

    /// <summary>Characters of a dataset's name. Past it: 400.</summary>
    public const int DatasetCharsMax = 255;

    /// <summary>Characters of a trace id. Past it: 400.</summary>
    public const int TraceIdCharsMax = 512;

    /// <summary>Most values of a column in one answer. Past it: 400.</summary>
    public const int ColumnValuesMax = 1_000;

    /// <summary>Values of a column when the request doesn't say.</summary>
    public const int ColumnValuesDefault = 100;

    /// <summary>Characters of a column's name where it is described. Past it: 422.</summary>
    public const int ColumnCharsMax = 255;

    /// <summary>Most markers in one answer. Past it: 400.</summary>
    public const int MarkersMax = 1_000;

    /// <summary>Markers when the request doesn't say.</summary>
    public const int MarkersDefault = 100;

    /// <summary>Queries (and looks at traces and the catalog) that run at once on a node; others queue. More would only share the same cores.</summary>
    public const int ConcurrentQueriesDefault = 8;

    /// <summary>Queries that run at once on so many cores: enough that none idles, few enough that each is soon done and holds its memory for a short time.</summary>
    public static int ConcurrentQueriesOn(int cores) => Math.Max(4, cores * 2);

    /// <summary>Queries that wait for their turn. Past it: 429 with Retry-After, and <c>streamobserve.query.requests{status="429"}</c>.</summary>
    public const int QueuedQueriesDefault = 64;

    /// <summary>Seconds a client is told to wait before it asks again after a 429 or a retryable 503.</summary>
    public const int RetryAfterSeconds = 1;

    /// <summary>Seconds that work which reads the log once more may take, waiting for its turn included. Past it: 504. Partitions stop by themselves before.</summary>
    public const int LogPassTimeoutSeconds = 70;

    /// <summary>Seconds before now that a dry run is about, unless told otherwise: it reads all of them.</summary>
    public const int DryRunRangeSecondsDefault = 600;

    /// <summary>The latest time that a span may have, unix seconds: in nanoseconds it has 64 bits.</summary>
    public const long UnixSecondsMax = 9_000_000_000;

    /// <summary>Seconds a query may take, waiting for its turn included. Past it: 504.</summary>
    public const int QueryTimeoutSecondsDefault = 30;
}

/// <summary>Bounds of live tails.</summary>
public static class TailLimits
{
    /// <summary>Rows a second when the request doesn't say: more than a person reads, few enough for any terminal.</summary>
    public const int RateDefault = 1_000;

    /// <summary>Most rows a second of one subscriber. Past it: 400.</summary>
    public const int RateMax = 100_000;

    /// <summary>Rows that wait for a slow reader's socket. Past it rows are skipped and counted (<c>streamobserve.query.tail.rows_skipped</c>).</summary>
    public const int QueuedRowsMax = 4_096;

    /// <summary>Bytes of the rows that wait for a slow reader's socket. Past it rows are skipped and counted in the same way; a row that alone is larger goes through when nothing else waits.</summary>
    public const int QueuedBytesMax = 1 << 20;

    /// <summary>Bytes written before they are flushed, when rows keep coming: large enough to spare system calls, small enough not to hold a row back.</summary>
    public const int FlushBytes = 32 << 10;

    /// <summary>Live tails at once on a node. Past it: 429 with Retry-After.</summary>
    public const int SubscribersMaxDefault = 100;

    /// <summary>Seconds between two stats events.</summary>
    public const int StatsSeconds = 1;

    /// <summary>Seconds between two heartbeat comments, for proxies that cut quiet connections.</summary>
    public const int HeartbeatSeconds = 15;

    /// <summary>Seconds a reader may take nothing at all while bytes wait for it. Past it the tail is cut off, to be resumed by its token.</summary>
    public const int StalledReaderSecondsMax = 120;

    /// <summary>Seconds in which a reader must take the last event when the server stops. Past it the connection is cut.</summary>
    public const int FarewellSecondsMax = 1;

    /// <summary>Milliseconds a browser waits before it reconnects (the <c>retry:</c> field).</summary>
    public const int ReconnectMs = 2_000;

    /// <summary>Characters of a resume token. Past it: 400.</summary>
    public const int ResumeTokenCharsMax = 4_096;
}
