using System.Net;

namespace StreamObserve.Scenario.Harness;

/// <summary>
/// The line <c>ready http=http://127.0.0.1:8080 kafka=127.0.0.1:9092 …</c> by which the executable says that it serves
/// and where. Only what is bound is named.
/// </summary>
public sealed class ReadyLine
{
    private readonly Dictionary<string, string> _addresses;

    private ReadyLine(Dictionary<string, string> addresses) => _addresses = addresses;

    /// <summary>Base address of the HTTP API.</summary>
    public Uri Http => new(Address("http"));

    /// <summary>Bootstrap address of the embedded broker, host:port.</summary>
    public string Kafka => Address("kafka");

    /// <summary>The address said for a door.</summary>
    /// <exception cref="KeyNotFoundException">The process did not bind it.</exception>
    public string Address(string door) => _addresses.TryGetValue(door, out string? address)
        ? address
        : throw new KeyNotFoundException($"the ready line names no `{door}`; it names {string.Join(", ", _addresses.Keys)}");

    /// <summary>True when the door is bound.</summary>
    public bool Has(string door) => _addresses.ContainsKey(door);

    /// <summary>Reads a line; false when it is not a ready line. Throws on one that is malformed.</summary>
    public static bool TryParse(string line, out ReadyLine ready)
    {
        ready = null!;
        if (!line.StartsWith("ready ", StringComparison.Ordinal))
        {
            return false;
        }

        var addresses = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string part in line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1))
        {
            int equals = part.IndexOf('=');
            if (equals <= 0 || !IsAddress(part[(equals + 1)..]))
            {
                throw new FormatException($"`{part}` in `{line}` is not door=address");
            }

            addresses.Add(part[..equals], part[(equals + 1)..]);
        }

        ready = new ReadyLine(addresses);
        return true;
    }

    private static bool IsAddress(string text)
    {
        string hostAndPort = text.Contains("://", StringComparison.Ordinal) ? new Uri(text).Authority : text;
        int colon = hostAndPort.LastIndexOf(':');
        return colon > 0 && int.TryParse(hostAndPort.AsSpan(colon + 1), out int port) && port is > 0 and <= IPEndPoint.MaxPort;
    }
}
