using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>Answers of merged results, with a receipt that says nothing.</summary>
internal static class Answers
{
    public static QueryAnswer Of(PartialResult result) =>
        AnswerBuilder.Build(result, new() { Asked = 1, Answered = 1, Failed = [], Covered = [], LagMs = 0, RowsRead = 0, ElapsedMs = 0, Lost = [], Used = [] });
}
