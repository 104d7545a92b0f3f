using System.Buffers;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using StreamObserve.Kafka.Consuming;
using StreamObserve.Kafka.Producing;

namespace StreamObserve.QueryNode.Results;

/// <summary>
/// Stored answers as records (docs/formats/results-log.md): the JSON, Brotli-compressed, under its id as key, at its id's time. One that is larger than
/// <see cref="ResultLimits.PartBytes"/> is cut: the parts go first, and the last record, the head, lists their offsets. Any thread.
/// </summary>
internal sealed class ResultLog(IdempotentWriter writer, RecordLookup lookup, string topic)
{
    private const string PartsHeader = "parts";
    private const string SizeHeader = "size";
    private const int BrotliQuality = 4;
    private const int BrotliWindow = 22;

    private readonly LogPartition _partition = new(topic, 0);

    /// <summary>Writes an answer; returns its head's offset once the brokers have all of it.</summary>
    public async Task<long> WriteAsync(string id, long timeMs, ReadOnlyMemory<byte> json, CancellationToken cancellation)
    {
        var packed = Compress(json.Span);
        var offsets = new StringBuilder();
        var at = 0;
        for (; packed.Length - at > ResultLimits.PartBytes; at += ResultLimits.PartBytes)
        {
            var part = packed.AsSpan(at, ResultLimits.PartBytes).ToArray();
            var key = string.Create(CultureInfo.InvariantCulture, $"{id}/{at / ResultLimits.PartBytes}");
            var offset = await writer.WriteAsync(topic, 0, Encoding.ASCII.GetBytes(key), part, timeMs, [], cancellation).ConfigureAwait(false);
            offsets.Append(offsets.Length == 0 ? "" : ",").Append(CultureInfo.InvariantCulture, $"{offset}");
        }

        RecordHeader[] headers =
        [
            new(SizeHeader, json.Length.ToString(CultureInfo.InvariantCulture)),
            .. offsets.Length == 0 ? Array.Empty<RecordHeader>() : [new(PartsHeader, offsets.ToString())],
        ];
        return await writer.WriteAsync(topic, 0, Encoding.ASCII.GetBytes(id), at == 0 ? packed : packed[at..], timeMs, headers, cancellation).ConfigureAwait(false);
    }

    /// <summary>Deletes an answer from a compacted topic. The parts of a large one stay until the topic's next clean-up finds them deleted too.</summary>
    public async Task DeleteAsync(string id, long offset, CancellationToken cancellation)
    {
        var head = await lookup.AtAsync(_partition, offset, cancellation).ConfigureAwait(false);
        var parts = head is null ? 0 : Parts(head).Length;
        for (var part = 0; part < parts; part++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"{id}/{part}");
            await writer.WriteAsync(topic, 0, Encoding.ASCII.GetBytes(key), null, cancellation).ConfigureAwait(false);
        }

        await writer.WriteAsync(topic, 0, Encoding.ASCII.GetBytes(id), null, cancellation).ConfigureAwait(false);
    }

    /// <summary>The answer whose head is at an offset; null when it is not there.</summary>
    public async Task<byte[]?> ReadAtAsync(string id, long offset, CancellationToken cancellation)
    {
        var head = await lookup.AtAsync(_partition, offset, cancellation).ConfigureAwait(false);
        return head is not null && Encoding.ASCII.GetString(head.Key.Span) == id ? await UnpackAsync(head, cancellation).ConfigureAwait(false) : null;
    }

    /// <summary>The answer with this id, written at or after its time; null when it is not there.</summary>
    public async Task<byte[]?> FindAsync(string id, long timeMs, CancellationToken cancellation)
    {
        var head = await lookup.FindAsync(_partition, Encoding.ASCII.GetBytes(id), timeMs, ResultLimits.LookupRecordsMax, cancellation).ConfigureAwait(false);
        return head is null ? null : await UnpackAsync(head, cancellation).ConfigureAwait(false);
    }

    private async Task<byte[]?> UnpackAsync(FoundRecord head, CancellationToken cancellation)
    {
        if (head.Value is not { } last)
        {
            return null;
        }

        var packed = new ArrayBufferWriter<byte>(last.Length);
        foreach (var offset in Parts(head))
        {
            if (await lookup.AtAsync(_partition, offset, cancellation).ConfigureAwait(false) is not { Value: { } part })
            {
                return null;        // retention has taken the beginning
            }

            packed.Write(part.Span);
        }

        packed.Write(last.Span);
        var size = int.Parse(Header(head, SizeHeader) ?? "", CultureInfo.InvariantCulture);
        var json = new byte[size];
        return BrotliDecoder.TryDecompress(packed.WrittenSpan, json, out var written) && written == size
            ? json
            : throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{topic}: the record at offset {head.Offset} does not unpack to its {size} bytes"));
    }

    private static long[] Parts(FoundRecord head) =>
        Header(head, PartsHeader) is { } offsets ? [.. offsets.Split(',').Select(offset => long.Parse(offset, CultureInfo.InvariantCulture))] : [];

    private static string? Header(FoundRecord record, string name)
    {
        foreach (var header in record.Headers)
        {
            if (header.Name == name)
            {
                return header.Value;
            }
        }

        return null;
    }

    private static byte[] Compress(ReadOnlySpan<byte> json)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BrotliEncoder.GetMaxCompressedLength(json.Length));
        try
        {
            return BrotliEncoder.TryCompress(json, buffer, out var written, BrotliQuality, BrotliWindow)
                ? buffer.AsSpan(0, written).ToArray()
                : throw new InvalidOperationException("brotli needed more than its own bound");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
