using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>One kind of request: its versions, and how it is read, carried out and answered.</summary>
internal abstract class ApiHandler(ApiKey key, short minVersion, short maxVersion, short firstFlexibleVersion)
{
    public ApiKey Key { get; } = key;

    public short MinVersion { get; } = minVersion;

    public short MaxVersion { get; } = maxVersion;

    /// <summary>The first version with compact types and tagged fields.</summary>
    public short FirstFlexibleVersion { get; } = firstFlexibleVersion;

    /// <summary>The lowest version told to clients; lower than <see cref="MinVersion"/> only where a client insists on seeing it.</summary>
    public virtual short AdvertisedMinVersion => MinVersion;

    /// <summary>
    /// Reads the request, carries it out and writes the answer.
    /// </summary>
    /// <exception cref="MalformedRequestException">The request does not follow its schema.</exception>
    /// <exception cref="IOException">The disk is full or failed; nothing was acknowledged, a retry may help.</exception>
    public abstract ValueTask HandleAsync(RequestContext request);

    /// <summary>Answers UNSUPPORTED_VERSION in this kind's own shape; false when that version's shape is not known.</summary>
    public virtual bool TryAnswerUnsupported(RequestContext request) => false;
}
