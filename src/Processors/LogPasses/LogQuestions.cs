using Microsoft.Extensions.Logging;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Columns;
using StreamObserve.Kafka;
using StreamObserve.Processors.Queries;

namespace StreamObserve.Processors.LogPasses;

/// <summary>What a reading of the log has come to: rows to store before the answer is true, and the answer.</summary>
internal sealed record LogQuestionDone(IReadOnlyList<EventBatch> Promoted, ILogAnswer Answer);

/// <summary>Asks the writer to store rows that were brought back.</summary>
internal sealed record StorePromotion(IReadOnlyList<EventBatch> Rows, PromoteDone Answer);

/// <summary>They are stored durably, or why not.</summary>
internal sealed record PromotionStored(PromoteDone Answer, string? Failure);

/// <summary>
/// Answers questions for which the log is read once more, each on a thread of its own that steps back before the head's. Another one waits for it and tells what came of it: of a thread that
/// has stepped back, the pool may make threads that have as well.
/// </summary>
internal static class LogQuestions
{
    /// <summary>Begins to answer one; <paramref name="done"/> is called on a thread of its own.</summary>
    public static void Start(ILogQuestion question, PartitionSnapshot snapshot, IBatchLog log, PartitionActorServices services, Action<LogQuestionDone> done, CancellationToken cancellation)
    {
        LogQuestionDone? answered = null;
        var pass = new Thread(() =>
        {
            ThreadPriorities.StepBack();
            try
            {
                answered = Answer(question, snapshot, log, services, cancellation);
            }
            catch (Exception cause)
            {
                answered = new([], Failed(question, cause));
            }
        })
        { IsBackground = true, Name = $"log pass {question.Partition}" };
        new Thread(() =>
        {
            pass.Start();
            pass.Join();
            done(answered!);
        })
        { IsBackground = true, Name = $"log question {question.Partition}" }.Start();
    }

    /// <summary>Why there is no answer when nobody waits for it any more.</summary>
    public const string Cancelled = "cancelled";

    private static LogQuestionDone Answer(ILogQuestion question, PartitionSnapshot snapshot, IBatchLog log, PartitionActorServices services, CancellationToken cancellation)
    {
        switch (question)
        {
            case Promote promote:
                var (rows, answer) = new PromotionPass(promote, snapshot, log, services.Time).Run(cancellation);
                return new(rows, answer);
            case DryRun dryRun:
                var tried = dryRun with { WindowMs = services.Settings.Partition.WindowMs, UntilOffset = snapshot.Head.Offset };
                var folder = services.Settings.DryRunFolderOf(question.Partition);
                return new([], new DryRunPass(tried, log, folder, services.Cuts, services.Time, services.Logs.CreateLogger<DryRunPass>()).Run(cancellation));
            default:
                throw new InvalidOperationException($"not a question for the log: {question.GetType().Name}");
        }
    }

    /// <summary>That it can't be answered now.</summary>
    public static ILogAnswer Refused(ILogQuestion question, string why) => Without(question, LogReach.Failed(why));

    private static ILogAnswer Failed(ILogQuestion question, Exception cause) => Without(question, LogReach.Failed(cause is OperationCanceledException ? Cancelled : cause.Message, cause is IOException or OperationCanceledException or KafkaOperationException { IsTransient: true }));

    private static ILogAnswer Without(ILogQuestion question, LogReach reach) => question switch
    {
        DryRun => new DryRunDone { Partition = question.Partition, QueryId = question.QueryId, Reach = reach },
        Promote => new PromoteDone(question.Partition, question.QueryId, 0, 0, 0, 0, [], reach),
        _ => throw new InvalidOperationException($"not a question for the log: {question.GetType().Name}"),
    };
}
