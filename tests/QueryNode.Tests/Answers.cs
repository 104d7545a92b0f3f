using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tests;

/// <summary>Answers to test with.</summary>
internal static class Answers
{
    public const long SecondNs = 1_000_000_000;

    /// <summary>2023-11-14T22:13:20Z.</summary>
    public const long StartNs = 1_700_000_000 * SecondNs;

    public static ResolvedTime Time => new(StartNs, StartNs + 120 * SecondNs, 60);

    public static Receipt Receipt(params IReadOnlyList<FailedPartition> failed) => new()
    {
        Asked = 4,
        Answered = 4 - failed.Count,
        Failed = failed,
        Covered = [new(0, 120, 80, StartNs, StartNs + SecondNs / 2)],
        LagMs = 12,
        RowsRead = 0,
        ElapsedMs = 1.25,
        Lost = [],
        Used = ["aggregates"],
    };

    public static AnswerCell Cell(FieldValue value) => new(value, null, NumberLabel.Exact);

    public static AnswerCell Cell(FieldValue value, NumberLabel label) => new(value, null, label);

    public static AnswerRow Row(params IReadOnlyList<AnswerCell> cells) => new([], cells);

    public static QueryAnswer Count(long count, params IReadOnlyList<FailedPartition> failed) => new()
    {
        Breakdowns = [],
        Calculations = ["COUNT"],
        Results = [Row(Cell(FieldValue.Of(count)))],
        Series = [new(StartNs, [Row(Cell(FieldValue.Of(count)))])],
        Labels = [NumberLabel.Exact],
        Time = Time,
        Receipt = Receipt(failed),
    };

    public static BubbleUpOutcome.Answered Comparison(params IReadOnlyList<FailedPartition> failed) => new(
        new(
            [
                new("build_id", 0.6123456789, [new(FieldValue.Of("b7"), 0.95, 0.3), new(FieldValue.Absent, 0.05, 0.7)], ["flag"], null),
                new("region", 0.05, [new(FieldValue.Of("eu"), 1, 0.5)], [], "zone"),
            ],
            [new("bytes", 0.25, new(1, 2, 3, 4.5), null, [new(1, 4, 0.75, 0)])],
            [("duration_ms", BubbleUpLeftOut.Selection), ("trace.trace_id", BubbleUpLeftOut.NearlyUnique)]),
        new(20, 200, NumberLabel.Exact), new(1_000, 1_000, new(LabelKind.Estimated)), false, Time, Receipt(failed));
}
