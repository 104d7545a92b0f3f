namespace StreamObserve.Broker.Network;

/// <summary>Bytes that all connections together may hold. Thread-safe; those who wait are served in order.</summary>
internal sealed class MemoryBudget(long bytes)
{
    private readonly Lock _gate = new();
    private readonly Queue<(long Bytes, TaskCompletionSource Granted)> _waiting = [];
    private long _free = bytes;

    /// <summary>Takes bytes if they are free and nobody waits.</summary>
    public bool TryTake(long wanted)
    {
        lock (_gate)
        {
            if (_waiting.Count > 0 || _free < wanted)
            {
                return false;
            }

            _free -= wanted;
            return true;
        }
    }

    /// <summary>Takes bytes, at most the whole budget, and waits for them if need be.</summary>
    public Task TakeAsync(long wanted)
    {
        lock (_gate)
        {
            if (_waiting.Count == 0 && _free >= wanted)
            {
                _free -= wanted;
                return Task.CompletedTask;
            }

            TaskCompletionSource granted = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue((wanted, granted));
            return granted.Task;
        }
    }

    /// <summary>Gives bytes back.</summary>
    public void Return(long returned)
    {
        lock (_gate)
        {
            _free += returned;
            while (_waiting.TryPeek(out (long Bytes, TaskCompletionSource Granted) next) && _free >= next.Bytes)
            {
                _waiting.Dequeue();
                _free -= next.Bytes;
                next.Granted.SetResult();
            }
        }
    }
}
