using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Querying;

/// <summary>Where a debug query wants its rows from.</summary>
public enum QuerySource : byte
{
    /// <summary>The planner chooses.</summary>
    Auto,

    /// <summary>Aggregates only: what they can't answer is an error.</summary>
    Aggregates,

    /// <summary>Only rows between the two cursors.</summary>
    Recent,

    /// <summary>Only rows behind the trailing cursor.</summary>
    Blocks,

    /// <summary>Rows, wherever they are, and no aggregates.</summary>
    Rows,
}

/// <summary>How true a number is.</summary>
public enum LabelKind : byte
{
    /// <summary>The number itself.</summary>
    Exact,

    /// <summary>Off by no more than a stated relative bound.</summary>
    Bounded,

    /// <summary>An unbiased estimate from sampled rows, with a 95 % interval.</summary>
    Estimated,

    /// <summary>The truth is this or more.</summary>
    AtLeast,

    /// <summary>The truth is this or less.</summary>
    AtMost,
}

/// <summary>A number's label. <paramref name="Bound"/> is relative (0.0099 = 0.99 %); the interval is absolute.</summary>
public readonly record struct NumberLabel(LabelKind Kind, double? Bound = null, double? IntervalLow = null, double? IntervalHigh = null)
{
    /// <summary>exact.</summary>
    public static NumberLabel Exact => new(LabelKind.Exact);
}

/// <summary>
/// A cell of a heatmap: values between <paramref name="Min"/> and <paramref name="Max"/>, the edge nearer to zero exclusive, the other inclusive; zero has a cell of its own, from 0 to 0.
/// </summary>
public readonly record struct HeatmapBucket(double Min, double Max, double Count);

/// <summary>
/// A calculation's value in one row or point: a number, a heatmap, or nothing (no event had the column).
/// </summary>
public readonly record struct AnswerCell(FieldValue Value, IReadOnlyList<HeatmapBucket>? Heatmap, NumberLabel Label);

/// <summary>
/// One row of an answer: the breakdowns' values and the cells of calculations and formulas, in the order of <see cref="QueryAnswer.Breakdowns"/> and
/// <see cref="QueryAnswer.Calculations"/>.
/// </summary>
public sealed record AnswerRow(IReadOnlyList<FieldValue> Group, IReadOnlyList<AnswerCell> Cells)
{
    /// <summary>The same cells in the earlier range, in a comparison; else null. Of a group that had no events then they are those of no events.</summary>
    public IReadOnlyList<AnswerCell>? Before { get; init; }
}

/// <summary>One point in time of a series with the rows (groups) that have events in it.</summary>
public sealed record AnswerPoint(long TimeNs, IReadOnlyList<AnswerRow> Rows);

/// <summary>Which parts of an answer are wanted besides its rows.</summary>
public sealed record AnswerParts
{
    /// <summary>All but the series of the total.</summary>
    public static AnswerParts Default { get; } = new();

    /// <summary>The rows' groups over time.</summary>
    public bool Series { get; init; } = true;

    /// <summary>All matching events as one row.</summary>
    public bool Total { get; init; } = true;

    /// <summary>The groups past the limit as one row.</summary>
    public bool Other { get; init; } = true;

    /// <summary>All matching events over time.</summary>
    public bool TotalSeries { get; init; }
}

/// <summary>
/// The earlier range of a comparison. <see cref="Results"/> are the groups of the answer's rows that had events then, in the same order, and behind them the groups
/// that had events only then, ordered and limited by the same rules. <see cref="Series"/> holds these groups at their own, earlier times.
/// </summary>
public sealed record AnswerComparison
{
    /// <summary>How much earlier, in seconds.</summary>
    public required long OffsetSeconds { get; init; }

    /// <summary>The earlier range.</summary>
    public required ResolvedTime Time { get; init; }

    /// <summary>The rows.</summary>
    public required IReadOnlyList<AnswerRow> Results { get; init; }

    /// <summary>The points over time.</summary>
    public required IReadOnlyList<AnswerPoint> Series { get; init; }

    /// <summary>All matching events; null when there are no breakdowns or when it is not wanted.</summary>
    public AnswerRow? Total { get; init; }

    /// <summary>The groups that are not among the rows, together; null when there are none or when it is not wanted.</summary>
    public AnswerRow? Other { get; init; }

    /// <summary>Worst label of each calculation's column.</summary>
    public required IReadOnlyList<NumberLabel> Labels { get; init; }
}

/// <summary>
/// A finished answer. <see cref="Results"/> are ordered and limited; <see cref="Series"/> holds the same groups over time, oldest first;
/// <see cref="Total"/> is over all matching events, <see cref="Other"/> over the groups past the limit.
/// </summary>
public sealed record QueryAnswer
{
    /// <summary>Names of the breakdown fields.</summary>
    public required IReadOnlyList<string> Breakdowns { get; init; }

    /// <summary>The result keys of the calculations, then the names of the formulas.</summary>
    public required IReadOnlyList<string> Calculations { get; init; }

    /// <summary>The rows, in order.</summary>
    public required IReadOnlyList<AnswerRow> Results { get; init; }

    /// <summary>The points over time.</summary>
    public required IReadOnlyList<AnswerPoint> Series { get; init; }

    /// <summary>All matching events as one group; null when there are no breakdowns (then it is the only row).</summary>
    public AnswerRow? Total { get; init; }

    /// <summary>The groups past the limit, together.</summary>
    public AnswerRow? Other { get; init; }

    /// <summary>All matching events over time; null when it was not asked for. Without breakdowns it is the series.</summary>
    public IReadOnlyList<AnswerPoint>? TotalSeries { get; init; }

    /// <summary>The earlier range of a comparison, else null.</summary>
    public AnswerComparison? Compare { get; init; }

    /// <summary>Worst label of each calculation's column.</summary>
    public required IReadOnlyList<NumberLabel> Labels { get; init; }

    /// <summary>The range answered about and its step: unix nanoseconds, seconds.</summary>
    public required ResolvedTime Time { get; init; }

    /// <summary>What the answer rests on.</summary>
    public required Receipt Receipt { get; init; }
}

/// <summary>A query's time after resolving relative edges: [StartNs, EndNs), points every <paramref name="GranularitySeconds"/> aligned to multiples of it.</summary>
public readonly record struct ResolvedTime(long StartNs, long EndNs, int GranularitySeconds)
{
    /// <summary>The same range so many seconds earlier.</summary>
    public ResolvedTime Earlier(long seconds)
    {
        var offset = checked(seconds * 1_000_000_000);
        return this with { StartNs = checked(StartNs - offset), EndNs = EndNs - offset };
    }
}

/// <summary>What an answer rests on. Asked = Answered + Failed.Count.</summary>
public sealed record Receipt
{
    /// <summary>Partitions asked.</summary>
    public required int Asked { get; init; }

    /// <summary>Partitions that answered.</summary>
    public required int Answered { get; init; }

    /// <summary>Those that did not, and why.</summary>
    public required IReadOnlyList<FailedPartition> Failed { get; init; }

    /// <summary>What each answering partition had seen.</summary>
    public required IReadOnlyList<CoveredPartition> Covered { get; init; }

    /// <summary>Milliseconds between now and the log time of the furthest-behind partition's head.</summary>
    public required long LagMs { get; init; }

    /// <summary>Rows looked at.</summary>
    public required long RowsRead { get; init; }

    /// <summary>Wall time in milliseconds.</summary>
    public required double ElapsedMs { get; init; }

    /// <summary>Ranges of the log that no state holds any more.</summary>
    public required IReadOnlyList<LostRange> Lost { get; init; }

    /// <summary>Which of aggregates, recent, blocks were used.</summary>
    public required IReadOnlyList<string> Used { get; init; }

    /// <summary>When there were more groups than can be kept: the most events that any group has which was left out. 0 = none was.</summary>
    public double GroupsLeftOutMax { get; init; }

    /// <summary>How the answer was made, when that was asked for.</summary>
    public ScanExplanation? Explanation { get; init; }
}

/// <summary>A partition that did not answer.</summary>
public sealed record FailedPartition(int Partition, string Reason, bool Retryable);

/// <summary>What a partition's answer is about: log offsets of both cursors (next to read), event times in unix nanoseconds of the rows held (null = none).</summary>
public sealed record CoveredPartition(int Partition, long HeadOffset, long TrailingOffset, long? FromNs, long? ToNs);

/// <summary>Offsets [From, To) of a partition's log that were gone before they could be read.</summary>
public sealed record LostRange(int Partition, long FromOffset, long ToOffset);
