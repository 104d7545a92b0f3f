using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Kafka.Producing;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Results;

/// <summary>
/// Answers on the log, in front of it this process's memory. They are written behind the answer's back and found again, from any query node, by the time in
/// their ids: there is no index. Pinned ones are copied to a compacted topic, their offsets kept as meta entries. Any thread.
/// </summary>
internal sealed class LogResultStore : IResultStore, IAsyncDisposable
{
    /// <summary>Prefix of the meta entries of pinned answers; their values are offsets in text.</summary>
    public const string PinnedPrefix = "pinned/";

    private readonly MemoryResultStore _memory;
    private readonly IMetaStore _meta;
    private readonly TimeProvider _time;
    private readonly IdempotentWriter _client;
    private readonly RecordLookup _lookup;
    private readonly ResultLog _log;
    private readonly ResultLog _pinned;
    private readonly ResultWriter _writer;

    /// <param name="kafka">Where the log is.</param>
    /// <param name="topic">The topic of all answers.</param>
    /// <param name="pinnedTopic">The topic of those that are kept for good.</param>
    /// <param name="memoryBytes">Bytes of answers kept in memory, and once more of those that wait to be written.</param>
    /// <param name="meta">Where pins are kept.</param>
    /// <param name="time">The clock.</param>
    /// <param name="metrics">Counts what is written and what is not.</param>
    /// <param name="logger">Says why.</param>
    public LogResultStore(
        KafkaSettings kafka, string topic, string pinnedTopic, long memoryBytes, IMetaStore meta, TimeProvider time, QueryMetrics metrics, ILogger<LogResultStore> logger)
    {
        (_meta, _time) = (meta, time);
        _memory = new MemoryResultStore(bytesMax: Math.Min(memoryBytes, QueryHttpLimits.StoredResultsBytesMax));
        _client = new IdempotentWriter(kafka, "results-writer", ResultLimits.WriteTimeout, logger);
        _lookup = new RecordLookup(kafka, "results-reader", logger);
        _log = new ResultLog(_client, _lookup, topic);
        _pinned = new ResultLog(_client, _lookup, pinnedTopic);
        _writer = new ResultWriter(_log, Math.Min(memoryBytes, ResultLimits.QueuedBytesMax), time, metrics, logger);
    }

    /// <summary>Begins to connect to the brokers.</summary>
    public void Connect() => _client.Connect();

    /// <inheritdoc/>
    public async ValueTask PutAsync(string id, ReadOnlyMemory<byte> json, CancellationToken cancellation)
    {
        await _memory.PutAsync(id, json, cancellation).ConfigureAwait(false);
        _writer.TryAdd(id, json);
    }

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>?> GetAsync(string id, CancellationToken cancellation)
    {
        if (await _memory.GetAsync(id, cancellation).ConfigureAwait(false) is { } here)
        {
            return here;
        }

        if (!TimedResultIds.TryReadTime(id, out var madeMs))
        {
            return null;
        }

        try
        {
            var json = await ReadPinnedAsync(id, cancellation).ConfigureAwait(false) ?? await FindAsync(id, madeMs, cancellation).ConfigureAwait(false);
            if (json is null)
            {
                return null;
            }

            _memory.Keep(id, json);
            return json;
        }
        catch (KafkaOperationException failure)
        {
            throw new ServiceUnavailableException($"stored answers cannot be read: {failure.Message}", failure.IsTransient, failure);
        }
    }

    /// <inheritdoc/>
    public async Task<PinOutcome> PinAsync(string id, CancellationToken cancellation)
    {
        if (await _meta.GetAsync(PinnedPrefix + id, cancellation).ConfigureAwait(false) is not null)
        {
            return PinOutcome.Pinned;
        }

        if (await GetAsync(id, cancellation).ConfigureAwait(false) is not { } json)
        {
            return PinOutcome.Unknown;
        }

        if ((await _meta.ListAsync(PinnedPrefix, cancellation).ConfigureAwait(false)).Count >= ResultLimits.PinnedMax)
        {
            return PinOutcome.Full;
        }

        try
        {
            var offset = await _pinned.WriteAsync(id, _time.GetUtcNow().ToUnixTimeMilliseconds(), json, cancellation).ConfigureAwait(false);
            await _meta.PutAsync(PinnedPrefix + id, Encoding.ASCII.GetBytes(offset.ToString(CultureInfo.InvariantCulture)), cancellation).ConfigureAwait(false);
            return PinOutcome.Pinned;
        }
        catch (KafkaOperationException failure)
        {
            throw new ServiceUnavailableException($"the answer was not pinned: {failure.Message}", failure.IsTransient, failure);
        }
    }

    /// <inheritdoc/>
    public async Task<bool> UnpinAsync(string id, CancellationToken cancellation)
    {
        if (await PinnedOffsetAsync(id, cancellation).ConfigureAwait(false) is not { } offset)
        {
            return false;
        }

        try
        {
            await _meta.DeleteAsync(PinnedPrefix + id, cancellation).ConfigureAwait(false);
            await _pinned.DeleteAsync(id, offset, cancellation).ConfigureAwait(false);
            return true;
        }
        catch (KafkaOperationException failure)
        {
            throw new ServiceUnavailableException($"the answer was not unpinned: {failure.Message}", failure.IsTransient, failure);
        }
    }

    /// <summary>Waits shortly until what was answered is on the log; further answers are kept in memory only. Again: the same.</summary>
    public Task FlushAsync() => _writer.StopAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _writer.StopAsync().ConfigureAwait(false);
        _writer.Dispose();
        _client.Dispose();
        _lookup.Dispose();
    }

    private async Task<byte[]?> ReadPinnedAsync(string id, CancellationToken cancellation) =>
        await PinnedOffsetAsync(id, cancellation).ConfigureAwait(false) is { } offset ? await _pinned.ReadAtAsync(id, offset, cancellation).ConfigureAwait(false) : null;

    private async Task<long?> PinnedOffsetAsync(string id, CancellationToken cancellation) =>
        await _meta.GetAsync(PinnedPrefix + id, cancellation).ConfigureAwait(false) is { } pinned && Utf8Parser.TryParse(pinned.Value.Span, out long offset, out _) ? offset : null;

    /// <summary>An answer that another node gave a moment ago may still be on its way to the log: a young id is looked for again.</summary>
    private async Task<byte[]?> FindAsync(string id, long madeMs, CancellationToken cancellation)
    {
        while (true)
        {
            if (await _log.FindAsync(id, madeMs, cancellation).ConfigureAwait(false) is { } json)
            {
                return json;
            }

            if (Math.Abs(_time.GetUtcNow().ToUnixTimeMilliseconds() - madeMs) > ResultLimits.ReadableWithin.TotalMilliseconds)
            {
                return null;
            }

            await Task.Delay(ResultLimits.ReadRetryPause, _time, cancellation).ConfigureAwait(false);
        }
    }
}
