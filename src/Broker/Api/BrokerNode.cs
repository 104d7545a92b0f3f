using System.Net;
using StreamObserve.Broker.Network;

namespace StreamObserve.Broker.Api;

/// <summary>The one node, as clients see it.</summary>
internal static class BrokerNode
{
    public const int Id = 1;

    /// <summary>No authorizer: authorized operations are not known.</summary>
    public const int UnknownOperations = int.MinValue;

    /// <summary>The address under which this client reached the broker, whatever address was bound.</summary>
    public static string Host(RequestContext request)
    {
        IPAddress address = request.Local.Address;
        return (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
    }
}
