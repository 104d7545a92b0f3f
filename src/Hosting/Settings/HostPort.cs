using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace StreamObserve.Hosting;

/// <summary>A host name or address and a TCP port 0..65535 (0 = the system picks a free one). IPv6 addresses are written in brackets.</summary>
public sealed record HostPort(string Host, int Port)
{
    /// <summary>What <see cref="TryParse"/> reads, for error texts.</summary>
    public const string Syntax = "HOST:PORT with a port from 0 to 65535 (0 picks a free one)";

    /// <summary>The host without brackets, as a socket API wants it.</summary>
    public string BareHost => Host.StartsWith('[') ? Host[1..^1] : Host;

    /// <summary>True when only this machine can reach it.</summary>
    public bool IsLoopback => Host is "localhost" or "[::1]" || Host.StartsWith("127.", StringComparison.Ordinal);

    /// <summary>Reads <c>host:port</c>. A missing host or port is refused: an address that listens everywhere must be asked for (<c>0.0.0.0:8080</c>).</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out HostPort? address)
    {
        address = null;
        if (text is null)
        {
            return false;
        }

        int colon = text.LastIndexOf(':');
        if (colon <= 0)
        {
            return false;
        }

        string host = text[..colon];
        bool bracketed = host.StartsWith('[') && host.EndsWith(']') && host.Length > 2;
        if (!bracketed && host.AsSpan().IndexOfAny(":/[] ,@") >= 0)
        {
            return false;
        }

        if (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port > 65535)
        {
            return false;
        }

        address = new HostPort(host, port);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}");
}
