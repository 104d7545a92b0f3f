using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Describes the cluster of one node.</summary>
internal sealed class DescribeClusterApi(TopicCatalog catalog) : ApiHandler(ApiKey.DescribeCluster, 0, 1, 0)
{
    public override ValueTask HandleAsync(RequestContext request)
    {
        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        answer.WriteError(ErrorCode.None);
        answer.WriteString(null);
        if (request.Version >= 1)
        {
            answer.WriteInt8(1); // endpoint type: brokers
        }

        answer.WriteString(catalog.ClusterId);
        answer.WriteInt32(BrokerNode.Id); // controller
        answer.WriteArrayLength(1);
        answer.WriteInt32(BrokerNode.Id);
        answer.WriteString(BrokerNode.Host(request));
        answer.WriteInt32(request.Local.Port);
        answer.WriteString(null); // rack
        answer.WriteTags();
        answer.WriteInt32(BrokerNode.UnknownOperations);
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
