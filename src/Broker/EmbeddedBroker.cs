using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using StreamObserve.Broker.Api;
using StreamObserve.Broker.Coordination;
using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Log;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Topics;
using StreamObserve.Broker.Transactions;

namespace StreamObserve.Broker;

/// <summary>
/// A durable single-node log that speaks the Kafka protocol: one process, one folder, no replication. Runs from
/// <see cref="StartAsync"/> until it is disposed; thread-safe.
/// </summary>
public sealed class EmbeddedBroker : IAsyncDisposable
{
    private static readonly TimeSpan FlushInterval = TimeSpan.FromSeconds(1);
    private readonly BrokerOptions _options;
    private readonly TimeProvider _time;
    private readonly Action<string> _log;
    private readonly FileStream _folderLock;
    private readonly CoordinatorJournal _journal;
    private readonly TransactionCoordinator _transactions;
    private readonly TopicCatalog _catalog;
    private readonly GroupCoordinator _groups;
    private readonly ApiDispatcher _dispatcher;
    private readonly BrokerCounters _counters = new();
    private readonly MemoryBudget _requestMemory;
    private readonly Socket _listener;
    private readonly ConcurrentDictionary<ClientConnection, Task> _connections = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Task> _loops = [];
    private int _disposed;

    private EmbeddedBroker(BrokerOptions options, TimeProvider time, Action<string> log, FileStream folderLock)
    {
        _options = options;
        _time = time;
        _log = log;
        _folderLock = folderLock;
        _journal = CoordinatorJournal.Open(options, time, log);
        _transactions = new TransactionCoordinator(_journal, time, log);
        _catalog = TopicCatalog.Open(options, time, log, NewId, _transactions.Check);
        _transactions.Start(_catalog);
        _groups = new GroupCoordinator(_journal, options, time, NewId, log);
        _requestMemory = new MemoryBudget(Math.Max(options.RequestMemoryBytes, options.RequestBytesMax));
        _dispatcher = new ApiDispatcher(options, _catalog, _groups, _transactions, time, _counters);
        _listener = new Socket(options.Listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
    }

    /// <summary>The address the broker listens on, with the port that was bound.</summary>
    public IPEndPoint Endpoint { get; private set; } = new(IPAddress.None, 0);

    /// <summary>Counters and sizes at this moment.</summary>
    public BrokerMetrics Metrics
    {
        get
        {
            int partitions = 0;
            long bytes = 0;
            foreach (Topic topic in _catalog.Topics)
            {
                partitions += topic.Partitions.Count;
                foreach (PartitionLog partition in topic.Partitions)
                {
                    bytes += partition.SizeBytes;
                }
            }

            return new BrokerMetrics
            {
                ConnectionsOpen = _counters.ConnectionsOpen.Value,
                ConnectionsRefused = _counters.ConnectionsRefused.Value,
                StalledConnections = _counters.StalledConnections.Value,
                Requests = _counters.Requests.Value,
                MalformedRequests = _counters.MalformedRequests.Value,
                Faults = _counters.Faults.Value,
                BytesIn = _counters.BytesIn.Value,
                BytesOut = _counters.BytesOut.Value,
                BatchesStored = _counters.BatchesStored.Value,
                RecordsStored = _counters.RecordsStored.Value,
                BatchesRefused = _counters.BatchesRefused.Value,
                MaintenanceFailures = _counters.MaintenanceFailures.Value,
                Topics = _catalog.Topics.Count,
                Partitions = partitions,
                LogBytes = bytes,
            };
        }
    }

    /// <summary>Recovers what is in the data folder, and serves.</summary>
    /// <param name="options">How to work.</param>
    /// <param name="time">The clock for append times, time-outs and retention.</param>
    /// <param name="log">Takes one line of text for what an operator should know; called on any thread.</param>
    /// <param name="cancellationToken">Gives up before the broker serves.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it and the value.</exception>
    /// <exception cref="IOException">The folder is in use by another broker, or can't be read or written.</exception>
    /// <exception cref="InvalidDataException">The folder's content is damaged beyond what a crash leaves.</exception>
    /// <exception cref="SocketException">The address can't be bound.</exception>
    public static Task<EmbeddedBroker> StartAsync(
        BrokerOptions options, TimeProvider time, Action<string> log, CancellationToken cancellationToken = default)
    {
        Validate(options);
        return Task.Run(
            () =>
            {
                Directory.CreateDirectory(options.DataDirectory);
                FileStream folderLock = LockFolder(options.DataDirectory);
                try
                {
                    EmbeddedBroker broker = new(options, time, log, folderLock);
                    cancellationToken.ThrowIfCancellationRequested();
                    broker.Listen();
                    return broker;
                }
                catch
                {
                    folderLock.Dispose();
                    throw;
                }
            },
            cancellationToken);
    }

    /// <summary>Stops serving, brings everything to disk and closes the files. What was acked stays, in any case.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        _listener.Dispose();
        foreach (ClientConnection connection in _connections.Keys)
        {
            connection.Close();
        }

        _groups.Dispose();
        _transactions.Dispose();
        await Task.WhenAll(_connections.Values).ConfigureAwait(false);
        await Task.WhenAll(_loops).ConfigureAwait(false);
        _catalog.Close();
        Attempt("the coordinator journal", _journal.Dispose);
        await _folderLock.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    private static void Validate(BrokerOptions options)
    {
        if (options.DefaultPartitions is < 1 or > Limits.PartitionsPerTopicMax)
        {
            throw new ArgumentException(
                $"{nameof(options.DefaultPartitions)} is {options.DefaultPartitions}; expected 1 to {Limits.PartitionsPerTopicMax}", nameof(options));
        }

        if (options.RequestBytesMax < Limits.ReceiveBufferBytes)
        {
            throw new ArgumentException(
                $"{nameof(options.RequestBytesMax)} is {options.RequestBytesMax}; expected at least {Limits.ReceiveBufferBytes}", nameof(options));
        }

        if (options.ConnectionsMax < 1)
        {
            throw new ArgumentException($"{nameof(options.ConnectionsMax)} is {options.ConnectionsMax}; expected at least 1", nameof(options));
        }

        if (!TopicConfig.TryCreate(options.DefaultTopicConfigs, new Dictionary<string, string>(), out _, out string? error))
        {
            throw new ArgumentException($"{nameof(options.DefaultTopicConfigs)}: {error}", nameof(options));
        }
    }

    private static FileStream LockFolder(string directory)
    {
        string path = Path.Combine(directory, "lock");
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"the data folder {directory} is in use by another broker", e);
        }
    }

    private static Guid NewId() => new(RandomNumberGenerator.GetBytes(16));

    private void Listen()
    {
        _listener.Bind(_options.Listen);
        _listener.Listen(512);
        Endpoint = (IPEndPoint)_listener.LocalEndPoint!;
        _loops.Add(AcceptAsync());
        _loops.Add(RunEachAsync(FlushInterval, FlushAll));
        _loops.Add(RunEachAsync(_options.RetentionInterval, ApplyRetention));
    }

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (_stopping.IsCancellationRequested)
                {
                    return;
                }

                _log($"a connection was not accepted: {e.Message}");
                await Task.Delay(TimeSpan.FromMilliseconds(100), _time).ConfigureAwait(false); // no descriptors left: let some go
                continue;
            }

            if (_counters.ConnectionsOpen.Value >= _options.ConnectionsMax)
            {
                _counters.ConnectionsRefused.Increment();
                socket.Dispose();
                continue;
            }

            Serve(socket);
        }
    }

    private void Serve(Socket socket)
    {
        ClientConnection connection;
        try
        {
            socket.NoDelay = true;
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            connection = new ClientConnection(socket, _dispatcher, _options, _requestMemory, _counters, _time, _log);
        }
        catch (SocketException)
        {
            socket.Dispose(); // gone before it was served
            return;
        }

        _counters.ConnectionsOpen.Increment();
        TaskCompletionSource registered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _connections[connection] = ServeUntilClosedAsync(connection, registered.Task);
        registered.SetResult();
        if (_stopping.IsCancellationRequested)
        {
            connection.Close();
        }
    }

    private async Task ServeUntilClosedAsync(ClientConnection connection, Task registered)
    {
        await registered.ConfigureAwait(false);
        await connection.RunAsync().ConfigureAwait(false);
        _connections.TryRemove(connection, out _);
        _counters.ConnectionsOpen.Add(-1);
        connection.Dispose();
    }

    private async Task RunEachAsync(TimeSpan interval, Action work)
    {
        using PeriodicTimer timer = new(interval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false))
            {
                // fsync and compaction block: on a thread of their own, not on one that serves
                await Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // the broker stops
        }
    }

    private void FlushAll()
    {
        Attempt("the coordinator journal", _journal.Maintain);
        ForEachPartition(static (_, partition) => partition.Flush());
    }

    private void ApplyRetention()
    {
        ForEachPartition(static (topic, partition) =>
        {
            partition.ApplyRetention();
            if (topic.Config.Log.Compact)
            {
                partition.Compact(topic.Config.DirtyRatio);
            }
        });
        Attempt("group offsets", _groups.Expire);
        Attempt("transactional ids", _transactions.Expire);
    }

    private void ForEachPartition(Action<Topic, PartitionLog> work)
    {
        foreach (Topic topic in _catalog.Topics)
        {
            for (int partition = 0; partition < topic.Partitions.Count && !_stopping.IsCancellationRequested; partition++)
            {
                PartitionLog log = topic.Partitions[partition];
                Attempt($"{topic.Name}-{partition}", () => work(topic, log));
            }
        }
    }

    private void Attempt(string what, Action work)
    {
        try
        {
            work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            _counters.MaintenanceFailures.Increment();
            _log($"{what}: maintenance failed: {e.Message}");
        }
    }
}
