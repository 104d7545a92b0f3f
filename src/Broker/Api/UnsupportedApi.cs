using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Api;

/// <summary>Answers UNSUPPORTED_VERSION for requests that clients know and the broker does not carry out, each in its own shape.</summary>
internal static class UnsupportedApi
{
    // The part of an answer that tells the error; what follows is empty.
    private enum Shape
    {
        /// <summary>error</summary>
        Error,

        /// <summary>error, empty array</summary>
        ErrorArray,

        /// <summary>throttle time, error</summary>
        ThrottleError,

        /// <summary>throttle time, error, empty array</summary>
        ThrottleErrorArray,

        /// <summary>throttle time, error, message, empty array</summary>
        ThrottleErrorMessageArray,

        /// <summary>throttle time, error, message</summary>
        ThrottleErrorMessage,
    }

    // Key -> shape of the versions from the lowest up to the last given one, and the first flexible version.
    private static readonly Dictionary<short, (Shape Shape, short MaxVersion, short FirstFlexible)> Shapes = new()
    {
        [17] = (Shape.ErrorArray, 1, short.MaxValue), // SaslHandshake
        [29] = (Shape.ThrottleErrorMessageArray, 3, 2), // DescribeAcls
        [35] = (Shape.ThrottleErrorArray, 4, 2), // DescribeLogDirs, whose error comes with version 3
        [43] = (Shape.ThrottleErrorArray, 2, 2), // ElectLeaders, whose error comes with version 1
        [45] = (Shape.ThrottleErrorMessageArray, 0, 0), // AlterPartitionReassignments
        [46] = (Shape.ThrottleErrorMessageArray, 0, 0), // ListPartitionReassignments
        [48] = (Shape.ThrottleErrorMessageArray, 1, 1), // DescribeClientQuotas
        [50] = (Shape.ThrottleErrorMessageArray, 0, 0), // DescribeUserScramCredentials
        [57] = (Shape.ThrottleErrorMessageArray, 1, 0), // UpdateFeatures
        [66] = (Shape.ThrottleErrorArray, 1, 0), // ListTransactions
        [68] = (Shape.ThrottleErrorMessage, 0, 0), // ConsumerGroupHeartbeat
    };

    /// <summary>Writes the answer; false when the shape is not known, and the connection must end.</summary>
    public static bool TryAnswer(RequestContext request)
    {
        if (!Shapes.TryGetValue(request.ApiKey, out (Shape Shape, short MaxVersion, short FirstFlexible) known)
            || request.Version < 0
            || request.Version > known.MaxVersion
            || (request.ApiKey == 35 && request.Version < 3)
            || (request.ApiKey == 43 && request.Version < 1))
        {
            return false;
        }

        request.Flexible = request.Version >= known.FirstFlexible;
        ProtocolWriter answer = request.BeginAnswer();
        if (known.Shape is not (Shape.Error or Shape.ErrorArray))
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteError(ErrorCode.UnsupportedVersion);
        if (known.Shape is Shape.ThrottleErrorMessage or Shape.ThrottleErrorMessageArray)
        {
            answer.WriteString("the embedded broker does not support this request");
        }

        if (request.ApiKey == 68)
        {
            answer.WriteString(null); // member id
            answer.WriteInt32(0); // member epoch
            answer.WriteInt32(0); // heartbeat interval
            answer.WriteInt8(-1); // assignment
        }

        if (request.ApiKey == 66)
        {
            answer.WriteArrayLength(0); // unknown state filters
        }

        if (known.Shape is Shape.ErrorArray or Shape.ThrottleErrorArray or Shape.ThrottleErrorMessageArray)
        {
            answer.WriteArrayLength(0);
        }

        answer.WriteTags();
        return true;
    }
}
