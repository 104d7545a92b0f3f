using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;

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
}
