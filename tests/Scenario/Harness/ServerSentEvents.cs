using System.Runtime.CompilerServices;
using System.Text;

namespace StreamObserve.Scenario.Harness;

/// <summary>One event of a Server-Sent Events stream.</summary>
public sealed record ServerSentEvent(string Type, string? Id, string Data);

/// <summary>Reads <c>text/event-stream</c>.</summary>
public static class ServerSentEvents
{
    /// <summary>The events until the stream ends. Comments and unknown fields are skipped; an unfinished last event is dropped.</summary>
    public static async IAsyncEnumerable<ServerSentEvent> ReadAsync(Stream stream, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8);
        string type = "message";
        string? id = null;
        var data = new StringBuilder();
        bool hasData = false;
        while (await reader.ReadLineAsync(cancellation) is { } line)
        {
            if (line.Length == 0)
            {
                if (hasData)
                {
                    yield return new ServerSentEvent(type, id, data.ToString());
                }

                type = "message";
                data.Clear();
                hasData = false;
                continue;
            }

            int colon = line.IndexOf(':');
            string field = colon < 0 ? line : line[..colon];
            string value = colon < 0 ? "" : line[(colon + 1)..];
            value = value.StartsWith(' ') ? value[1..] : value;
            switch (field)
            {
                case "event":
                    type = value;
                    break;
                case "id":
                    id = value;
                    break;
                case "data":
                    data.Append(hasData ? "\n" : "").Append(value);
                    hasData = true;
                    break;
            }
        }
    }
}
