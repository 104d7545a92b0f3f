namespace StreamObserve.Demo;

/// <summary>
/// Says which of the shop's events are due: live spans once they have ended, and history from the newest second backwards at a bounded pace, so that the
/// first questions have something recent to look at. Pure but for the traffic's buffers; not for several threads.
/// </summary>
internal sealed class DemoSchedule
{
    private readonly ShopTraffic _traffic;
    private readonly PriorityQueue<DemoEvent, DateTimeOffset> _live = new();
    private readonly List<DemoEvent> _second = [];
    private readonly List<DemoEvent> _history = [];
    private readonly long _historyEnd;
    private long _nextLive;
    private long _nextHistory;
    private int _historyTaken;

    /// <summary>Live traffic begins with the second of <paramref name="now"/>; history is the time before it.</summary>
    public DemoSchedule(ShopTraffic traffic, DateTimeOffset now, TimeSpan history)
    {
        _traffic = traffic;
        _nextLive = now.ToUnixTimeSeconds();
        _nextHistory = _nextLive - 1;
        _historyEnd = _nextLive - (long)history.TotalSeconds;
    }

    /// <summary>True when all of the history was taken.</summary>
    public bool HistoryDone => _historyTaken == _history.Count && _nextHistory < _historyEnd;

    /// <summary>Adds the live events that have ended by now, in the order in which they ended.</summary>
    public void TakeLive(DateTimeOffset now, List<DemoEvent> due)
    {
        for (; _nextLive <= now.ToUnixTimeSeconds(); _nextLive++)
        {
            _second.Clear();
            _traffic.AddSecond(_nextLive, _second);
            foreach (DemoEvent e in _second)
            {
                _live.Enqueue(e, e.EndedAt);
            }
        }

        while (_live.TryPeek(out _, out DateTimeOffset ended) && ended <= now)
        {
            due.Add(_live.Dequeue());
        }
    }

    /// <summary>Adds at most <paramref name="countMax"/> events of the history.</summary>
    public void TakeHistory(int countMax, List<DemoEvent> due)
    {
        for (int taken = 0; taken < countMax; taken++)
        {
            if (_historyTaken == _history.Count)
            {
                if (_nextHistory < _historyEnd)
                {
                    return;
                }

                _history.Clear();
                _historyTaken = 0;
                _traffic.AddSecond(_nextHistory--, _history);
            }

            due.Add(_history[_historyTaken++]);
        }
    }
}
