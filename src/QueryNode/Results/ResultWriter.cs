using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using StreamObserve.Kafka;

namespace StreamObserve.QueryNode.Results;

/// <summary>
/// Writes answers to the log behind the back of their requests: an answer never waits for Kafka. Bounded by bytes; while the brokers are away it goes on trying.
/// What cannot be written is counted and logged. Any thread.
/// </summary>
internal sealed partial class ResultWriter : IDisposable
{
    private readonly ResultLog _log;
    private readonly TimeProvider _time;
    private readonly QueryMetrics _metrics;
    private readonly ILogger _logger;
    private readonly long _queuedBytesMax;
    private readonly Channel<(string Id, ReadOnlyMemory<byte> Json, long Enqueued)> _queue;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task[] _writers;
    private long _queuedBytes;

    public ResultWriter(ResultLog log, long queuedBytesMax, TimeProvider time, QueryMetrics metrics, ILogger logger)
    {
        (_log, _queuedBytesMax, _time, _metrics, _logger) = (log, queuedBytesMax, time, metrics, logger);
        _queue = Channel.CreateUnbounded<(string, ReadOnlyMemory<byte>, long)>();       // bounded by _queuedBytes
        _writers = new Task[ResultLimits.WritesAtOnce];
        for (var i = 0; i < _writers.Length; i++)
        {
            _writers[i] = Task.Run(WriteAllAsync);
        }
    }

    /// <summary>Takes an answer to be written; false, counted, when too much waits already. One that alone is larger is taken when nothing else waits.</summary>
    public bool TryAdd(string id, ReadOnlyMemory<byte> json)
    {
        var queued = Interlocked.Add(ref _queuedBytes, json.Length);
        if ((queued <= _queuedBytesMax || queued == json.Length) && _queue.Writer.TryWrite((id, json, _time.GetTimestamp())))
        {
            return true;
        }

        Interlocked.Add(ref _queuedBytes, -json.Length);
        _metrics.ResultUnwritten();
        Unwritten(_logger, id, "too many bytes wait to be written, or the process ends");
        return false;
    }

    /// <summary>Takes no more, and waits until what waits is written, at most <see cref="ResultLimits.FlushWithin"/>. Again: the same.</summary>
    public async Task StopAsync()
    {
        _queue.Writer.TryComplete();
        try
        {
            await Task.WhenAll(_writers).WaitAsync(ResultLimits.FlushWithin, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await _stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(_writers).ConfigureAwait(false);
        }
    }

    /// <summary>To be called after <see cref="StopAsync"/>.</summary>
    public void Dispose() => _stop.Dispose();

    private async Task WriteAllAsync()
    {
        await foreach (var (id, json, enqueued) in _queue.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                await WriteAsync(id, json, enqueued).ConfigureAwait(false);
                _metrics.ResultWritten(_time.GetElapsedTime(enqueued));
            }
#pragma warning disable CA1031 // one answer that cannot be written must not end the writing of all others
            catch (Exception failure)
#pragma warning restore CA1031
            {
                _metrics.ResultUnwritten();
                Unwritten(_logger, id, failure.Message);
            }
            finally
            {
                Interlocked.Add(ref _queuedBytes, -json.Length);
            }
        }
    }

    private async Task WriteAsync(string id, ReadOnlyMemory<byte> json, long enqueued)
    {
        var timeMs = TimedResultIds.TryReadTime(id, out var made) ? made : _time.GetUtcNow().ToUnixTimeMilliseconds();
        while (true)
        {
            try
            {
                await _log.WriteAsync(id, timeMs, json, _stop.Token).ConfigureAwait(false);
                return;
            }
            catch (KafkaOperationException failure) when (failure.IsTransient && _time.GetElapsedTime(enqueued) < ResultLimits.WriteWithin)
            {
                Retrying(_logger, id, failure.Message);
                await Task.Delay(ResultLimits.WriteRetryPause, _time, _stop.Token).ConfigureAwait(false);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "answer {Id} is not on the log yet: {Reason}; trying again")]
    private static partial void Retrying(ILogger logger, string id, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "answer {Id} was not written to the log, its link ends with this process: {Reason}")]
    private static partial void Unwritten(ILogger logger, string id, string reason);
}
