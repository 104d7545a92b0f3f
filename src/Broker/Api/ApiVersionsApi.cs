using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Tells which requests are supported in which versions. Its answer's header never has tagged fields: the client may not know yet.</summary>
internal sealed class ApiVersionsApi(IReadOnlyList<ApiHandler> handlers) : ApiHandler(ApiKey.ApiVersions, 0, 3, 3)
{
    public override ValueTask HandleAsync(RequestContext request)
    {
        Write(request, ErrorCode.None, request.Version);
        return ValueTask.CompletedTask;
    }

    // A client that is newer than the broker reads version 0 and asks again.
    public override bool TryAnswerUnsupported(RequestContext request)
    {
        Write(request, ErrorCode.UnsupportedVersion, version: 0);
        return true;
    }

    private void Write(RequestContext request, ErrorCode error, short version)
    {
        ProtocolWriter answer = request.BeginAnswer(flexibleHeader: false);
        answer.WriteError(error);
        answer.WriteArrayLength(handlers.Count + 1);
        WriteRange(answer, Key, MinVersion, MaxVersion);
        foreach (ApiHandler handler in handlers)
        {
            WriteRange(answer, handler.Key, handler.AdvertisedMinVersion, handler.MaxVersion);
        }

        if (version >= 1)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteTags();
    }

    private static void WriteRange(ProtocolWriter answer, ApiKey key, short min, short max)
    {
        answer.WriteInt16((short)key);
        answer.WriteInt16(min);
        answer.WriteInt16(max);
        answer.WriteTags();
    }
}
