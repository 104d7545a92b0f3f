namespace StreamObserve.Broker.Protocol;

/// <summary>A request that does not follow its schema. The connection that sent it is closed; sending it again does not help.</summary>
internal sealed class MalformedRequestException(string message) : Exception(message);
