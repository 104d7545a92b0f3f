using StreamObserve.Broker.Log;

namespace StreamObserve.Broker.Api;

/// <summary>One Fetch that waits for more to read, for a limited time. A call that comes before the wait is not lost.</summary>
internal sealed class FetchWaiter : IAppendListener, IDisposable
{
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private TaskCompletionSource? _waiting;
    private bool _advanced;
    private bool _timedOut;

    public FetchWaiter(bool readsCommitted, TimeProvider time, TimeSpan limit)
    {
        ReadsCommitted = readsCommitted;
        _timer = time.CreateTimer(static state => ((FetchWaiter)state!).OnTimeout(), this, limit, Timeout.InfiniteTimeSpan);
    }

    public bool ReadsCommitted { get; }

    public void OnReadableAdvanced()
    {
        TaskCompletionSource? waiting;
        lock (_gate)
        {
            _advanced = true;
            waiting = _waiting;
            _waiting = null;
        }

        waiting?.TrySetResult();
    }

    /// <summary>True when there may be more to read, false when the time is over.</summary>
    public async ValueTask<bool> NextAsync(CancellationToken cancellationToken)
    {
        Task next;
        lock (_gate)
        {
            if (!_advanced && !_timedOut)
            {
                _waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                next = _waiting.Task;
            }
            else
            {
                next = Task.CompletedTask;
            }
        }

        await next.WaitAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            bool advanced = _advanced;
            _advanced = false;
            return advanced || !_timedOut;
        }
    }

    public void Dispose() => _timer.Dispose();

    private void OnTimeout()
    {
        TaskCompletionSource? waiting;
        lock (_gate)
        {
            _timedOut = true;
            waiting = _waiting;
            _waiting = null;
        }

        waiting?.TrySetResult();
    }
}
