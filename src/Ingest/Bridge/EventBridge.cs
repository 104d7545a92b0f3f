using Akka;
using Akka.Actor;
using Akka.Streams;
using Akka.Streams.Dsl;
using Microsoft.Extensions.Logging;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Producing;

namespace StreamObserve.Ingest.Bridge;

/// <summary>
/// Carries the input topics into the batches log, exactly once: records are decoded and put into columnar batches, which are produced in one Kafka transaction with the
/// dead letters and the consumed offsets, every <see cref="IngestSettings.CommitInterval"/>. An Akka.Streams graph with whole transactions as elements.
/// Aborted transactions, rebalances, broker restarts and killed predecessors are survived with nothing lost and nothing twice. Thread-safe.
/// </summary>
public sealed class EventBridge : IAsyncDisposable
{
    private const string Door = "bridge";

    private readonly KafkaSettings _kafka;
    private readonly IngestSettings _settings;
    private readonly IngestMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<EventBridge> _logger;
    private readonly CancellationTokenSource _stop = new();
    private BridgeReader? _reader;
    private Task _running = Task.CompletedTask;
    private int _started;

    /// <summary>Makes one; nothing runs before <see cref="Start"/>.</summary>
    public EventBridge(KafkaSettings kafka, IngestSettings settings, IngestMetrics metrics, TimeProvider time, ILogger<EventBridge> logger)
    {
        _kafka = kafka;
        _settings = settings;
        _metrics = metrics;
        _time = time;
        _logger = logger;
    }

    /// <summary>True while the bridge is a member of its group with its partitions assigned.</summary>
    public bool IsConsuming => _settings.Sources.Count == 0 || (Volatile.Read(ref _reader)?.HasAssignment ?? false);

    /// <summary>Starts carrying. The topics must exist. Once only.</summary>
    public void Start(ActorSystem system)
    {
        if (Interlocked.Exchange(ref _started, 1) != 0)
        {
            throw new InvalidOperationException("the bridge was started before");
        }

        if (_settings.Sources.Count > 0)
        {
            _running = RunAsync(system);
        }
    }

    /// <summary>Commits the transaction in flight, leaves the group and ends. What was read but not committed is read by the next. Again: waits for the same end.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        Volatile.Read(ref _reader)?.Stop();
        await _running.ConfigureAwait(false);
    }

    private async Task RunAsync(ActorSystem system)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await RunOnceAsync(system).ConfigureAwait(false);
            }
            catch (Exception) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                BridgeLog.StreamFailed(_logger, Door, failure);
                await _time.PauseAsync(TimeSpan.FromSeconds(1), _stop.Token).ConfigureAwait(false);
            }
        }
    }

    private async Task RunOnceAsync(ActorSystem system)
    {
        using var reader = new BridgeReader(_kafka, _settings, _metrics, _time, _logger);
        using var writer = new TransactionalWriter(_kafka, $"{_settings.GroupId}.{_settings.NodeName}.bridge", "bridge-writer", _logger);
        using var worker = new WorkerThread("ingest bridge writer");
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        Volatile.Write(ref _reader, reader);
        using var stopping = _stop.Token.Register(reader.Stop);
        using var materializer = system.Materializer();
        try
        {
            // Before the first committed offset is asked for: that waits for an open transaction of a killed predecessor, and opening is what ends it.
            await worker.RunAsync(() => Open(writer, giveUp.Token)).ConfigureAwait(false);
            await Source.FromGraph(new BridgeSource(reader))
                .SelectAsync(1, draft => worker.RunAsync(() => Write(draft, reader, writer, giveUp.Token)))
                .RunWith(Sink.Ignore<bool>(), materializer)
                .ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _reader, null);
        }
    }

    private static bool Open(TransactionalWriter writer, CancellationToken cancellation)
    {
        writer.Open(cancellation);
        return true;
    }

    private bool Write(TransactionDraft draft, BridgeReader reader, TransactionalWriter writer, CancellationToken cancellation)
    {
        var committed = false;
        try
        {
            writer.Begin(cancellation);
            draft.Batches.ProduceTo(writer, _settings.BatchesTopic);
            foreach (var letter in draft.DeadLetters)
            {
                writer.Produce(_settings.DeadLettersTopic, 0, letter.Bytes, letter.Headers());
            }

            writer.SendOffsets(draft.Positions, draft.Membership!, cancellation);
            var outcome = writer.Commit(cancellation);
            committed = outcome.Committed;
            if (committed)
            {
                _metrics.Committed(Door, draft.Records, draft.Events);
                foreach (var letter in draft.DeadLetters)
                {
                    _metrics.Refused(letter.Reason);
                }
            }
            else
            {
                _metrics.Aborted(Door);
                BridgeLog.Aborted(_logger, Door, outcome.Reason);
                cancellation.WaitHandle.WaitOne(Limits.AbortPauseMs);
            }
        }
        finally
        {
            reader.Finished(draft, committed);
        }

        return committed;
    }
}
