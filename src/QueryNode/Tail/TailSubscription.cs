using System.Threading.Channels;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Tail;

/// <summary>
/// One running tail: a bounded queue between the side that finds matching events and the socket of one subscriber.
/// <para>
/// The producing side (any thread) offers rows and never waits: a row past the rate, or for which the queue has no room, is skipped and counted.
/// The consuming side (the HTTP face, one reader) waits for rows, writes them, and disposes.
/// </para>
/// </summary>
public sealed class TailSubscription : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Channel<TailRow> _queue;
    private readonly TailRateLimit _rate;
    private readonly Func<ValueTask> _closed;
    private readonly int _queuedBytesMax;
    private volatile TailProgress _progress = TailProgress.None;
    private volatile string? _endReason;
    private long _matched;
    private long _skipped;
    private long _sent;
    private long _queuedBytes;
    private int _disposed;

    /// <param name="request">What was asked for.</param>
    /// <param name="time">The clock of the rate limit.</param>
    /// <param name="closed">Called once, when the subscriber is gone: stop producing. Any thread.</param>
    /// <param name="queuedRowsMax">Rows that may wait.</param>
    /// <param name="queuedBytesMax">Bytes that may wait.</param>
    public TailSubscription(
        TailRequest request, TimeProvider time, Func<ValueTask> closed, int queuedRowsMax = TailLimits.QueuedRowsMax, int queuedBytesMax = TailLimits.QueuedBytesMax)
    {
        Request = request;
        _closed = closed;
        _queuedBytesMax = queuedBytesMax;
        _rate = new(request.RatePerSecond, time);
        _queue = Channel.CreateBounded<TailRow>(new BoundedChannelOptions(queuedRowsMax) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    }

    /// <summary>What was asked for.</summary>
    public TailRequest Request { get; }

    /// <summary>The newest state of the running calculations and of the partitions; set by the producing side as often as it likes, read at each stats event.</summary>
    public TailProgress Progress
    {
        get => _progress;
        set => _progress = value;
    }

    /// <summary>Why the producing side ended the tail; null while it runs.</summary>
    public string? EndReason => _endReason;

    /// <summary>The counters, consistent with each other.</summary>
    public TailCounts Counts
    {
        get
        {
            lock (_gate)
            {
                return new(_matched, _sent, _skipped);
            }
        }
    }

    /// <summary>Counts a matching event and queues it unless the rate or the queue's bound forbids. Returns whether it was queued; never waits.</summary>
    public bool Offer(TailRow row)
    {
        lock (_gate)
        {
            _matched++;
            var hasRoom = _queuedBytes == 0 || _queuedBytes + row.Json.Length <= _queuedBytesMax;
            if (!hasRoom || !_rate.TryTake() || !_queue.Writer.TryWrite(row))
            {
                _skipped++;
                return false;
            }

            _queuedBytes += row.Json.Length;
            return true;
        }
    }

    /// <summary>Counts matching events that were not worth offering, e.g. those that a partition kept back because the rate was used up.</summary>
    public void CountSkipped(long rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        lock (_gate)
        {
            _matched += rows;
            _skipped += rows;
        }
    }

    /// <summary>Ends the tail from the producing side: rows that wait are still sent, then the reason. <paramref name="reason"/> is a sentence for a person.</summary>
    public void Complete(string reason)
    {
        _endReason ??= reason;
        _queue.Writer.TryComplete();
    }

    /// <summary>Waits until a row can be read (true) or the tail has ended (false).</summary>
    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellation) => _queue.Reader.WaitToReadAsync(cancellation);

    /// <summary>Takes the next row, which then counts as sent.</summary>
    public bool TryRead(out TailRow row)
    {
        lock (_gate)
        {
            if (!_queue.Reader.TryRead(out row))
            {
                return false;
            }

            _sent++;
            _queuedBytes -= row.Json.Length;
            return true;
        }
    }

    /// <summary>The subscriber is gone: nothing is queued any more and the producing side is told, once.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _queue.Writer.TryComplete();
            await _closed().ConfigureAwait(false);
        }
    }
}
