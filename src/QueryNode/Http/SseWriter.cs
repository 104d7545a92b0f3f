using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;

namespace StreamObserve.QueryNode.Http;

/// <summary>
/// Writes Server-Sent Events to a response. Events gather in the pipe until they are flushed. One writer at a time; not thread-safe.
/// </summary>
internal sealed class SseWriter(PipeWriter pipe, TimeProvider time)
{
    /// <summary>Bytes written since the last flush.</summary>
    public int Unflushed { get; private set; }

    /// <summary>A comment, which clients skip; no line breaks.</summary>
    public void Comment(ReadOnlySpan<byte> text)
    {
        Write(": "u8);
        Write(text);
        Write("\n\n"u8);
    }

    /// <summary>How long the client waits before it reconnects.</summary>
    public void Retry(int milliseconds) => Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"retry: {milliseconds}\n\n")));

    /// <summary>One event; <paramref name="id"/> is ASCII without line breaks, or null.</summary>
    public void Event(ReadOnlySpan<byte> name, string? id, ReadOnlySpan<byte> data)
    {
        Write("event: "u8);
        Write(name);
        if (id is not null)
        {
            Write("\nid: "u8);
            Unflushed += (int)Encoding.ASCII.GetBytes(id, pipe);
        }

        // Fast path: JSON of one line is one data field. A line break ends a field, so that each further line is a field of its own.
        var line = data;
        for (var end = line.IndexOfAny((byte)'\n', (byte)'\r'); end >= 0; end = line.IndexOfAny((byte)'\n', (byte)'\r'))
        {
            Write("\ndata: "u8);
            Write(line[..end]);
            line = line[(end + 1)..];
        }

        Write("\ndata: "u8);
        Write(line);
        Write("\n\n"u8);
    }

    /// <summary>
    /// Sends what was written and waits until the connection takes more. Returns false when the client has gone; throws <see cref="TimeoutException"/> when it
    /// takes nothing for <paramref name="stalledMax"/>.
    /// </summary>
    public async ValueTask<bool> FlushAsync(TimeSpan stalledMax, CancellationToken cancellation)
    {
        Unflushed = 0;
        var flush = pipe.FlushAsync(cancellation);
        var result = flush.IsCompletedSuccessfully ? flush.Result : await flush.AsTask().WaitAsync(stalledMax, time, cancellation).ConfigureAwait(false);
        return !result.IsCompleted && !result.IsCanceled;
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        pipe.Write(bytes);
        Unflushed += bytes.Length;
    }
}
