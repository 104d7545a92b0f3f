using Microsoft.Extensions.Logging;
using StreamObserve.Hosting;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>A query that was asked for and is not an answer (yet).</summary>
/// <param name="Dataset">The dataset's name.</param>
/// <param name="QueryId">The saved query's id.</param>
/// <param name="Spec">Its specification as it was saved.</param>
/// <param name="Failure">Why there will be no answer; null while it runs.</param>
internal sealed record QueryJob(string Dataset, string QueryId, ReadOnlyMemory<byte> Spec, ProblemDocument? Failure);

/// <summary>
/// Queries that run on this node behind their requests, and the newest of those that failed. Ended ones that have an answer are the result store's. Any thread.
/// </summary>
internal sealed partial class QueryJobs(ILogger<QueryJobs> logger) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, QueryJob> _jobs = new(StringComparer.Ordinal);
    private readonly Queue<string> _failed = new();
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Fires when the process ends.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>The job of that id; null when there is none, or it has its answer.</summary>
    public QueryJob? Find(string id)
    {
        lock (_gate)
        {
            return _jobs.GetValueOrDefault(id);
        }
    }

    /// <summary>A job begins.</summary>
    public void Begin(string id, QueryJob job)
    {
        lock (_gate)
        {
            _jobs.Add(id, job);
        }
    }

    /// <summary>A job was not taken on, or has its answer.</summary>
    public void Remove(string id)
    {
        lock (_gate)
        {
            _jobs.Remove(id);
        }
    }

    /// <summary>A job ended: with its answer when both are null.</summary>
    public void End(string id, ProblemDocument? problem, Exception? fault)
    {
        if (fault is not null)
        {
            Failed(logger, fault, id);
            problem = new() { Status = 500, Title = "internal error", Detail = $"the query failed by a fault of the server; its log has the reason under the result {id}" };
        }

        lock (_gate)
        {
            if (problem is null)
            {
                _jobs.Remove(id);
                return;
            }

            _jobs[id] = _jobs[id] with { Failure = problem };
            _failed.Enqueue(id);
            if (_failed.Count > HoneycombLimits.FailuresMax)
            {
                _jobs.Remove(_failed.Dequeue());
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the query of result {Id} failed")]
    private static partial void Failed(ILogger logger, Exception fault, string id);
}
