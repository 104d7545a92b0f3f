using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Processors.Queries;

/// <summary>
/// Where a process scans for queries: on a thread a core, whatever number of queries and partitions there is, which step back behind all others: for events, the log and answers that are ready
/// a core is found sooner than for a scan. Pieces of work run in the order in which they come: a large query holds a small one up by one block a core. Thread-safe.
/// </summary>
public sealed class ScanGate : IDisposable
{
    private readonly SemaphoreSlim _alone = new(1);
    private readonly Thread[] _threads;
    private readonly Thread? _finisher;
    private readonly WaitingPieces _waiting = new();
    private readonly WaitingPieces _done = new();

    /// <summary>Without threads: work is done by who asks for it.</summary>
    public ScanGate()
        : this(0)
    {
    }

    /// <summary>With so many threads, which end when it is disposed of.</summary>
    public ScanGate(int threads)
    {
        _threads = new Thread[threads];
        for (var i = 0; i < threads; i++)
        {
            _threads[i] = new(Run) { IsBackground = true, Name = $"scan {i}" };
            _threads[i].Start();
        }

        if (threads > 0)
        {
            _finisher = new(Finish) { IsBackground = true, Name = "scans done" };
            _finisher.Start();
        }
    }

    /// <summary>For this machine's cores.</summary>
    public static ScanGate OfThisMachine(QueryMemory? memory = null) => new(Environment.ProcessorCount) { Memory = memory };

    /// <summary>What the results of scans may hold; null = no bound.</summary>
    public QueryMemory? Memory { get; init; }

    /// <summary>How many threads; 0 = none of its own.</summary>
    public int Threads => _threads.Length;

    /// <summary>Threads that have nothing to do and nothing waiting for them.</summary>
    public int IdleThreads => Math.Max(0, _threads.Length - _waiting.CountOfAll);

    /// <summary>
    /// Does the work when its turn comes; the task has what it throws. Work whose turn has not come when it is cancelled is not done: <see cref="OperationCanceledException"/>.
    /// </summary>
    public Task RunAsync(Action work, CancellationToken cancellation)
    {
        var piece = new Piece(work, cancellation);
        if (_threads.Length == 0)
        {
            if (piece.Run())
            {
                piece.Finish();
            }

            return piece.Task;
        }

        ObjectDisposedException.ThrowIf(!_waiting.TryAdd(piece), this);
        return piece.Task;
    }

    /// <summary>Waits until no other question that found the heap full is being tried again; to be given back with <see cref="LeaveAlone"/>.</summary>
    public Task EnterAloneAsync(CancellationToken cancellation) => _alone.WaitAsync(cancellation);

    /// <summary>Lets the next one try again.</summary>
    public void LeaveAlone() => _alone.Release();

    /// <summary>Waits for the pieces that run; those that wait are not done.</summary>
    public void Dispose()
    {
        foreach (var piece in _waiting.Close())
        {
            piece.Abandon(CancellationToken.None);
        }

        foreach (var thread in _threads)
        {
            thread.Join();
        }

        _done.Complete();
        _finisher?.Join();      // the semaphore stays: a question that is tried again gives its turn back, whenever it ends
    }

    private void Run()
    {
        ThreadPriorities.StepBack();
        while (_waiting.Take() is { } piece)
        {
            var isDone = piece.Run();
            _waiting.Leave();
            if (isDone)
            {
                _done.TryAdd(piece);
            }
        }
    }

    /// <summary>Tells who waits, on a thread that does not step back: the pool may start a thread where a task ends, which would be like the one that started it.</summary>
    private void Finish()
    {
        while (_done.Take() is { } piece)
        {
            piece.Finish();
            _done.Leave();
        }
    }

    /// <summary>Pieces that wait for a thread. One that finds none sleeps at once: while it spun for the next one it would take a core from what that one comes from.</summary>
    private sealed class WaitingPieces
    {
        private readonly object _lock = new();
        private readonly Queue<Piece> _pieces = new();
        private int _taken;
        private bool _isComplete;

        /// <summary>Pieces that wait, and those that were taken and not left yet.</summary>
        public int CountOfAll
        {
            get
            {
                lock (_lock)
                {
                    return _pieces.Count + _taken;
                }
            }
        }

        /// <summary>False when no more are taken.</summary>
        public bool TryAdd(Piece piece)
        {
            lock (_lock)
            {
                if (_isComplete)
                {
                    return false;
                }

                _pieces.Enqueue(piece);
                Monitor.Pulse(_lock);
                return true;
            }
        }

        /// <summary>Waits for the next one; null = there will be none.</summary>
        public Piece? Take()
        {
            lock (_lock)
            {
                while (_pieces.Count == 0 && !_isComplete)
                {
                    Monitor.Wait(_lock);
                }

                if (!_pieces.TryDequeue(out var piece))
                {
                    return null;
                }

                _taken++;
                return piece;
            }
        }

        /// <summary>Says that a piece that was taken is done.</summary>
        public void Leave()
        {
            lock (_lock)
            {
                _taken--;
            }
        }

        /// <summary>Takes no more; those that wait are still handed out.</summary>
        public void Complete()
        {
            lock (_lock)
            {
                _isComplete = true;
                Monitor.PulseAll(_lock);
            }
        }

        /// <summary>Takes no more, and gives back those that waited.</summary>
        public Piece[] Close()
        {
            lock (_lock)
            {
                Complete();
                Piece[] left = [.. _pieces];
                _pieces.Clear();
                return left;
            }
        }
    }

    /// <summary>Who waits for it goes on elsewhere: this thread takes the next piece.</summary>
    private sealed class Piece : TaskCompletionSource
    {
        private readonly Action _work;
        private readonly CancellationTokenRegistration _cancelled;
        private Exception? _thrown;
        private int _isTaken;

        public Piece(Action work, CancellationToken cancellation)
            : base(TaskCreationOptions.RunContinuationsAsynchronously)
        {
            _work = work;
            _cancelled = cancellation.UnsafeRegister(static (piece, token) => ((Piece)piece!).Abandon(token), this);
        }

        /// <summary>Does the work; false when it was abandoned.</summary>
        public bool Run()
        {
            if (Interlocked.Exchange(ref _isTaken, 1) != 0)
            {
                return false;
            }

            _cancelled.Unregister();
            try
            {
                _work();
            }
            catch (Exception thrown)
            {
                _thrown = thrown;
            }

            return true;
        }

        /// <summary>Ends the task of work that was done.</summary>
        public void Finish()
        {
            if (_thrown is null)
            {
                SetResult();
            }
            else
            {
                SetException(_thrown);
            }
        }

        public void Abandon(CancellationToken cancellation)
        {
            if (Interlocked.Exchange(ref _isTaken, 1) == 0)
            {
                _cancelled.Unregister();
                SetCanceled(cancellation);
            }
        }
    }
}
