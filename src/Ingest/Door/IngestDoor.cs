using System.Threading.Channels;
using Akka;
using Akka.Actor;
using Akka.Streams;
using Akka.Streams.Dsl;
using Microsoft.Extensions.Logging;
using StreamObserve.Core.Events;
using StreamObserve.Ingest.Bridge;
using StreamObserve.Ingest.Decoding;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Producing;

namespace StreamObserve.Ingest.Door;

/// <summary>
/// The door for requests: those of some 20 ms share one Kafka transaction and are answered after its commit. An Akka.Streams graph with whole groups of requests as elements,
/// behind a bounded queue. At least once: a client that retries after a lost answer makes duplicates. Thread-safe.
/// </summary>
public sealed class IngestDoor : IAsyncDisposable
{
    private const string Door = "http";

    private readonly KafkaSettings _kafka;
    private readonly IngestSettings _settings;
    private readonly IngestMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<IngestDoor> _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<DoorRequest> _queue = Channel.CreateBounded<DoorRequest>(new BoundedChannelOptions(Limits.DoorQueueRequests) { SingleReader = true });
    private readonly BatchAssembler _batches;
    private Task _running = Task.CompletedTask;
    private volatile string? _unavailable = "ingest has not started yet";
    private long _bodyBytes;
    private int _started;

    /// <summary>Makes one; it answers with <see cref="DoorOutcome.Unavailable"/> before <see cref="Start"/>.</summary>
    public IngestDoor(KafkaSettings kafka, IngestSettings settings, IngestMetrics metrics, TimeProvider time, ILogger<IngestDoor> logger)
    {
        _kafka = kafka;
        _settings = settings;
        _metrics = metrics;
        _time = time;
        _logger = logger;
        _batches = new BatchAssembler(settings.Partitions, settings.Correlation);
    }

    /// <summary>Why requests are answered with 503 just now; null when they are not.</summary>
    public string? UnavailableBecause => _unavailable;

    /// <summary>Bytes of request bodies that the door holds now.</summary>
    public long ReservedBytes => Interlocked.Read(ref _bodyBytes);

    /// <summary>Starts taking requests. The topics must exist. Once only.</summary>
    public void Start(ActorSystem system)
    {
        if (Interlocked.Exchange(ref _started, 1) != 0)
        {
            throw new InvalidOperationException("the door was started before");
        }

        _running = RunAsync(system);
    }

    /// <summary>
    /// Asks for room for so many more bytes of a request's body; false when the door holds its limit. What was granted must be given back by <see cref="GiveBack"/>.
    /// </summary>
    public bool TryReserve(long bytes)
    {
        if (Interlocked.Add(ref _bodyBytes, bytes) <= Limits.DoorBodyBytes)
        {
            return true;
        }

        Interlocked.Add(ref _bodyBytes, -bytes);
        return false;
    }

    /// <summary>Gives room back.</summary>
    public void GiveBack(long bytes) => Interlocked.Add(ref _bodyBytes, -bytes);

    /// <summary>
    /// Stores a body's events and completes when they are committed, or when it is clear that they are not. The body must stay unchanged until then; after an answer of
    /// <see cref="DoorOutcome.Unavailable"/> it must not be reused, as a transaction may still be reading it.
    /// </summary>
    public async Task<DoorAnswer> StoreAsync(ReadOnlyMemory<byte> body, PayloadEncoding encoding, string? dataset, CancellationToken cancellation)
    {
        if (_unavailable is { } reason)
        {
            return DoorAnswer.Unavailable(reason);
        }

        var request = new DoorRequest(body, encoding, new RecordSource(dataset, "default", _time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000));
        if (!_queue.Writer.TryWrite(request))
        {
            return DoorAnswer.Overloaded($"{Limits.DoorQueueRequests} requests are waiting already");
        }

        try
        {
            return await request.Answer.WaitAsync(TimeSpan.FromMilliseconds(Limits.DoorWaitMs), _time, cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return request.TryGiveUp()
                ? DoorAnswer.Unavailable($"not taken within {Limits.DoorWaitMs} ms")
                : DoorAnswer.Unavailable($"kafka did not confirm the write within {Limits.DoorWaitMs} ms");
        }
        catch (OperationCanceledException)
        {
            request.TryGiveUp();
            throw;
        }
    }

    /// <summary>Ends the door: requests that wait are answered with 503. Again: waits for the same end.</summary>
    public async ValueTask DisposeAsync()
    {
        _unavailable = "this node is stopping";
        _queue.Writer.TryComplete();
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        FailWaiting(DoorAnswer.Unavailable("this node is stopping"));
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
                _unavailable = "the ingest stream failed and starts anew";
                FailWaiting(DoorAnswer.Unavailable(_unavailable));
                await _time.PauseAsync(TimeSpan.FromMilliseconds(Limits.AbortPauseMs), _stop.Token).ConfigureAwait(false);
            }
        }
    }

    private async Task RunOnceAsync(ActorSystem system)
    {
        using var writer = new TransactionalWriter(
            _kafka, $"{_settings.GroupId}.{_settings.NodeName}.http", "door-writer", _logger, TimeSpan.FromMilliseconds(Limits.DoorWaitMs));
        using var worker = new WorkerThread("ingest door writer");
        using var materializer = system.Materializer();
        await worker.RunAsync(() => Open(writer)).ConfigureAwait(false);
        await ChannelSource.FromReader(_queue.Reader)
            .GroupedWeightedWithin(Limits.DoorTransactionBytes, TimeSpan.FromMilliseconds(Limits.DoorIntervalMs), request => request.Body.Length)
            .SelectAsync(1, group => worker.RunAsync(() => Write([.. group], writer)))
            .RunWith(Sink.Ignore<bool>(), materializer)
            .ConfigureAwait(false);
    }

    private bool Open(TransactionalWriter writer)
    {
        writer.Open(_stop.Token);
        _unavailable = null;
        return true;
    }

    private bool Write(List<DoorRequest> group, TransactionalWriter writer)
    {
        group.RemoveAll(request => !request.TryTake());
        if (group.Count == 0)
        {
            return true;
        }

        var outcome = new TransactionOutcome(false, "this node is stopping");
        try
        {
            foreach (var request in group)
            {
                request.Accepted(_batches.Append(request.Body.Span, request.Encoding, request.Source, request));
            }

            writer.Begin(_stop.Token);
            _batches.ProduceTo(writer, _settings.BatchesTopic);
            outcome = writer.Commit(_stop.Token);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            outcome = new TransactionOutcome(false, "decoding failed by a fault of this program");
            writer.Abort(_stop.Token);
            BridgeLog.StreamFailed(_logger, Door, fault);
        }
        finally
        {
            _batches.Clear();
            Answer(group, outcome);
        }

        if (!outcome.Committed)
        {
            Recover(writer, outcome.Reason);
        }

        return outcome.Committed;
    }

    private void Answer(List<DoorRequest> group, TransactionOutcome outcome)
    {
        if (outcome.Committed)
        {
            long events = 0;
            foreach (var request in group)
            {
                events += request.AcceptedCount;
                foreach (var refused in request.RefusedEvents)
                {
                    _metrics.Refused(refused.Reason);
                }

                request.Committed();
            }

            _metrics.Committed(Door, group.Count, events);
            return;
        }

        _metrics.Aborted(Door);
        BridgeLog.Aborted(_logger, Door, outcome.Reason);
        var answer = DoorAnswer.Unavailable($"kafka refused or did not answer: {outcome.Reason}");
        foreach (var request in group)
        {
            request.Failed(answer);
        }
    }

    // Until a broker confirms that the writer works again, requests are answered at once instead of each waiting its time out.
    private void Recover(TransactionalWriter writer, string reason)
    {
        if (writer.IsReady)
        {
            return;
        }

        _unavailable = $"kafka does not answer: {reason}";
        FailWaiting(DoorAnswer.Unavailable(_unavailable));
        Open(writer);
    }

    private void FailWaiting(DoorAnswer answer)
    {
        while (_queue.Reader.TryRead(out var request))
        {
            request.Failed(answer);
        }
    }
}
