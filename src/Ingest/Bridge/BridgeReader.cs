using Microsoft.Extensions.Logging;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Consuming;

namespace StreamObserve.Ingest.Bridge;

/// <summary>
/// The consuming half of the bridge: a thread of its own that polls, decodes into a draft, and gives the draft away when the stream asks for one
/// and the interval since the last has passed. While the stream does not ask it goes on filling the draft up to its limit, then stops polling: that is the back-pressure.
/// <para>
/// Exactly once: a draft's positions are committed with it or not at all. Whenever that is in doubt (an aborted transaction, a rebalance), what was decoded since is
/// thrown away and the partitions are read again from their committed offsets.
/// </para>
/// </summary>
internal sealed class BridgeReader : IAssignmentListener, IDisposable
{
    private readonly IngestSettings _settings;
    private readonly IngestMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RecordConsumer _consumer;
    private readonly BridgeDecoder _decoder;
    private readonly CancellationTokenSource _stop = new();
    private readonly ManualResetEventSlim _nothingInFlight = new(true);
    private readonly ManualResetEventSlim _asked = new(false);
    private readonly Stack<TransactionDraft> _spare = new();
    private readonly Dictionary<LogPartition, long> _lostUpTo = [];
    private readonly Thread _thread;
    private Action<TransactionDraft> _give = _ => { };
    private Action<Exception?> _ended = _ => { };
    private long _lastGiven;
    private long _lastTook;         // ticks that the last transaction took
    private volatile bool _rewind;
    private volatile bool _hasAssignment;
    private bool _started;
    private bool _disposed;

    public BridgeReader(KafkaSettings kafka, IngestSettings settings, IngestMetrics metrics, TimeProvider time, ILogger logger)
    {
        _settings = settings;
        _metrics = metrics;
        _time = time;
        _logger = logger;
        _spare.Push(new TransactionDraft(settings.Partitions, settings.Correlation));
        _decoder = new BridgeDecoder(settings.Sources, time, new TransactionDraft(settings.Partitions, settings.Correlation), text => BridgeLog.Said(_logger, text));
        _consumer = new RecordConsumer(kafka, new RecordConsumerOptions { Role = "ingest", GroupId = settings.GroupId, FromBeginning = true }, logger, this);
        _thread = new Thread(Run) { Name = "ingest bridge", IsBackground = true };
        _lastGiven = time.GetTimestamp() - time.TimestampFrequency;
    }

    /// <summary>True while the group has given this reader partitions, or decided that there are none for it.</summary>
    public bool HasAssignment => _hasAssignment;

    /// <summary>Time between two transactions: longer where they take long themselves.</summary>
    /// <param name="took">What the last one took.</param>
    /// <param name="least">The interval where they take no time.</param>
    public static TimeSpan IntervalAfter(TimeSpan took, TimeSpan least)
    {
        var most = TimeSpan.FromMilliseconds(Limits.BusyCommitIntervalMs);
        var wanted = took * Limits.CommitPauses;
        return wanted <= least || most <= least ? least : wanted < most ? wanted : most;
    }

    /// <summary>Starts the thread. <paramref name="give"/> gets each draft, <paramref name="ended"/> the end (with its cause, if it was not asked for); both on that thread.</summary>
    public void Start(Action<TransactionDraft> give, Action<Exception?> ended)
    {
        _give = give;
        _ended = ended;
        _started = true;
        _thread.Start();
    }

    /// <summary>The stream asks for one more draft. Any thread.</summary>
    public void Ask()
    {
        _asked.Set();
        _consumer.Wake();
    }

    /// <summary>A draft's transaction has ended; must be called exactly once for every draft given. Any thread.</summary>
    public void Finished(TransactionDraft draft, bool committed)
    {
        if (!committed)
        {
            _rewind = true;
        }

        Volatile.Write(ref _lastTook, _time.GetElapsedTime(Volatile.Read(ref _lastGiven)).Ticks);
        draft.Clear();
        lock (_spare)
        {
            _spare.Push(draft);
        }

        _nothingInFlight.Set();
        _consumer.Wake();
    }

    /// <summary>Asks the thread to end; it waits for the draft in flight, leaves the group and calls <c>ended</c>. Any thread.</summary>
    public void Stop()
    {
        _stop.Cancel();
        _consumer.Wake();
    }

    public void Revoking(bool lost)
    {
        // Under the eager protocol everything is given up at once; what comes back is read from its committed offset.
        _hasAssignment = false;
        _decoder.Forget();
        if (!lost && !_nothingInFlight.Wait(Limits.RevocationWaitMs))
        {
            BridgeLog.Said(_logger, "giving partitions up with a transaction in flight: its offsets will be refused");
        }

        BridgeLog.Revoked(_logger, lost);
    }

    public void Assigned(IReadOnlyList<LogPartition> partitions)
    {
        _hasAssignment = true;
        BridgeLog.Assigned(_logger, partitions.Count, string.Join(", ", partitions.Take(16)));
    }

    public void OffsetsLost(LogPartition partition, long from, long to)
    {
        // Told again whenever the partition starts over before its first commit past the gap: each offset counts once.
        var counted = Math.Max(from, _lostUpTo.GetValueOrDefault(partition));
        if (to > from && to <= counted)
        {
            return;
        }

        _lostUpTo[partition] = to;
        _metrics.Lost(Math.Max(0, to - counted));
        BridgeLog.OffsetsLost(_logger, partition.ToString(), from, to);
    }

    /// <summary>Ends the thread and frees everything. Not on the reading thread. Again: nothing.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _stop.Cancel();
        _consumer.Wake();
        if (_started)
        {
            _thread.Join();
        }
        else
        {
            _consumer.Dispose();
        }

        _stop.Dispose();
        _nothingInFlight.Dispose();
        _asked.Dispose();
    }

    private void Run()
    {
        Exception? cause = null;
        try
        {
            _consumer.Subscribe(_settings.Sources.Select(source => source.Topic));
            while (!_stop.IsCancellationRequested)
            {
                Step();
            }

            _nothingInFlight.Wait(Limits.RevocationWaitMs);
        }
        catch (OperationCanceledException)
        {
            _nothingInFlight.Wait(Limits.RevocationWaitMs);
        }
        catch (Exception failure)
        {
            cause = failure;
        }

        _hasAssignment = false;
        _consumer.Dispose();
        _ended(cause);
    }

    private void Step()
    {
        if (_rewind)
        {
            StartOver(verify: false);
        }

        var draft = _decoder.Draft;
        var isFull = draft.Bytes >= _settings.TransactionBytes;
        var left = IntervalAfter(TimeSpan.FromTicks(Volatile.Read(ref _lastTook)), _settings.CommitInterval) - _time.GetElapsedTime(_lastGiven);
        var isDue = draft.Records > 0 && (isFull || left <= TimeSpan.Zero);

        // A failed transaction sets the flag before the stream asks again, so the flag must be read after the question.
        if (isDue && _asked.IsSet && !_rewind)
        {
            Give(draft);
            return;
        }

        if (isFull)
        {
            _asked.Wait(TimeSpan.FromMilliseconds(100), _stop.Token);
            return;
        }

        try
        {
            // With events waiting, records are gathered over the rest of the interval: one wake-up for many.
            var wait = draft.Records == 0 ? TimeSpan.FromMilliseconds(500) : isDue ? TimeSpan.FromMilliseconds(50) : left;
            _consumer.Poll(_decoder, wait, fill: draft.Records > 0, _stop.Token);
        }
        catch (DecoderFaultException fault)
        {
            BridgeLog.DecoderFailed(_logger, fault);
            _decoder.Draft.Renew();
            StartOver(verify: false);
        }

        if (_decoder.OffsetIsLost)
        {
            StartOver(verify: true);
        }
    }

    private void Give(TransactionDraft draft)
    {
        _decoder.TakePositions();
        draft.Membership = _consumer.Membership;
        _metrics.Lag = Lag(draft);
        lock (_spare)
        {
            _decoder.Draft = _spare.Pop();
        }

        Volatile.Write(ref _lastGiven, _time.GetTimestamp());
        _asked.Reset();
        _nothingInFlight.Reset();
        _give(draft);
    }

    // What is in flight must have ended first: its commit decides where to start over.
    private void StartOver(bool verify)
    {
        _nothingInFlight.Wait(_stop.Token);
        _rewind = false;
        _decoder.Forget();
        _consumer.Rewind(verify, _stop.Token);
    }

    private long Lag(TransactionDraft draft)
    {
        long lag = 0;
        foreach (var position in draft.Positions)
        {
            lag += Math.Max(0, _consumer.EndOffset(position.Partition) - position.Offset);
        }

        return lag;
    }
}
