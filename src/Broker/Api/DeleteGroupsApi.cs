using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Deletes groups without members, with their offsets.</summary>
internal sealed class DeleteGroupsApi(GroupCoordinator groups) : ApiHandler(ApiKey.DeleteGroups, 0, 2, 2)
{
    public override async ValueTask HandleAsync(RequestContext request)
    {
        string[] ids = Parse(request);
        ErrorCode[] errors = new ErrorCode[ids.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            errors[i] = await groups.DeleteAsync(ids[i]).ConfigureAwait(false);
        }

        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        answer.WriteArrayLength(ids.Length);
        for (int i = 0; i < ids.Length; i++)
        {
            answer.WriteString(ids[i]);
            answer.WriteError(errors[i]);
            answer.WriteTags();
        }

        answer.WriteTags();
    }

    private static string[] Parse(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        string[] ids = new string[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = reader.ReadString();
        }

        return ids;
    }
}
