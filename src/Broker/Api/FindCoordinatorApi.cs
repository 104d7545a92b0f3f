using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Tells who coordinates a group or a transactional id: always this node.</summary>
internal sealed class FindCoordinatorApi() : ApiHandler(ApiKey.FindCoordinator, 0, 4, 3)
{
    public override ValueTask HandleAsync(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        if (version < 4)
        {
            reader.ReadString(); // the key: one node coordinates all
        }

        sbyte type = version >= 1 ? reader.ReadInt8() : (sbyte)0;
        ErrorCode error = type is 0 or 1 ? ErrorCode.None : ErrorCode.InvalidRequest;
        if (version < 4)
        {
            Write(request, request.BeginAnswer(), error);
            return ValueTask.CompletedTask;
        }

        int count = reader.ReadArrayLength();
        string[] keys = new string[Math.Max(0, count)];
        for (int i = 0; i < keys.Length; i++)
        {
            keys[i] = reader.ReadString();
        }

        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        answer.WriteArrayLength(keys.Length);
        foreach (string each in keys)
        {
            answer.WriteString(each);
            WriteNode(request, answer, error);
            answer.WriteError(error);
            answer.WriteString(null);
            answer.WriteTags();
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private static void Write(RequestContext request, ProtocolWriter answer, ErrorCode error)
    {
        if (request.Version >= 1)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteError(error);
        if (request.Version >= 1)
        {
            answer.WriteString(null);
        }

        WriteNode(request, answer, error);
        answer.WriteTags();
    }

    private static void WriteNode(RequestContext request, ProtocolWriter answer, ErrorCode error)
    {
        bool known = error == ErrorCode.None;
        answer.WriteInt32(known ? BrokerNode.Id : -1);
        answer.WriteString(known ? BrokerNode.Host(request) : "");
        answer.WriteInt32(known ? request.Local.Port : -1);
    }
}
