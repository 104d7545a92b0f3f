using System.Runtime.CompilerServices;
using System.Text;

namespace StreamObserve.Api;

/// <summary>One server-sent event: its type (<c>message</c> when the sender gave none), its data lines joined by line feeds, the last id seen so far (null = none).</summary>
internal readonly record struct ServerSentEvent(string Type, string Data, string? Id);

/// <summary>Reads the <c>text/event-stream</c> format (WHATWG HTML, "Server-sent events").</summary>
internal static class ServerSentEvents
{
    /// <summary>The events until the stream ends; comments and retry hints are skipped, an event cut off by the end is dropped.</summary>
    public static async IAsyncEnumerable<ServerSentEvent> ReadAsync(Stream stream, [EnumeratorCancellation] CancellationToken stop)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8);
        string type = "";
        string? id = null;
        StringBuilder? data = null;
        while (await reader.ReadLineAsync(stop).ConfigureAwait(false) is { } line)
        {
            if (line.Length == 0)
            {
                if (data is not null)
                {
                    yield return new ServerSentEvent(type.Length == 0 ? "message" : type, data.ToString(), id);
                }

                type = "";
                data = null;
                continue;
            }

            int colon = line.IndexOf(':', StringComparison.Ordinal);
            string field = colon < 0 ? line : line[..colon];
            string value = colon < 0 ? "" : line[(colon + 1)..];
            value = value.StartsWith(' ') ? value[1..] : value;
            switch (field)
            {
                case "event":
                    type = value;
                    break;
                case "data" when data is null:
                    data = new StringBuilder(value);
                    break;
                case "data":
                    data.Append('\n').Append(value);
                    break;
                case "id" when !value.Contains('\0', StringComparison.Ordinal):
                    id = value;
                    break;
            }
        }
    }
}
