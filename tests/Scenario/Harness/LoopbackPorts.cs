using System.Net;
using System.Net.Sockets;

namespace StreamObserve.Scenario.Harness;

/// <summary>Ports for processes that must come back at the same address after a restart, where port 0 would not do.</summary>
public static class LoopbackPorts
{
    /// <summary>Distinct ports of 127.0.0.1 that were free a moment ago.</summary>
    public static int[] Take(int count)
    {
        var listeners = new List<TcpListener>();
        try
        {
            for (int i = 0; i < count; i++)
            {
                var listener = new TcpListener(IPAddress.Loopback, 0);
                listener.Start();
                listeners.Add(listener);
            }

            return [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        }
        finally
        {
            listeners.ForEach(l => l.Stop());
        }
    }
}
