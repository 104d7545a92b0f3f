namespace StreamObserve.QueryNode.Tail;

/// <summary>At most so many rows a second, with a burst of one second's worth after a pause. Not thread-safe.</summary>
internal sealed class TailRateLimit(int ratePerSecond, TimeProvider time)
{
    private double _rows = ratePerSecond;
    private long _refilledAt = time.GetTimestamp();

    /// <summary>Takes one row's worth; false when there is none left at the moment.</summary>
    public bool TryTake()
    {
        // Fast path: the clock is asked only when the last refill is used up.
        if (_rows >= 1)
        {
            _rows--;
            return true;
        }

        var now = time.GetTimestamp();
        _rows = Math.Min(ratePerSecond, _rows + (time.GetElapsedTime(_refilledAt, now).TotalSeconds * ratePerSecond));
        _refilledAt = now;
        if (_rows < 1)
        {
            return false;
        }

        _rows--;
        return true;
    }
}
