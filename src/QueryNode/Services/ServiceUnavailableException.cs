namespace StreamObserve.QueryNode.Services;

/// <summary>
/// The parts behind the HTTP face cannot serve at the moment: no shard region yet, the log is away. Becomes a 503 problem with this message,
/// which clients read: lower case, what is away and, if a setting helps, which.
/// </summary>
public sealed class ServiceUnavailableException(string message, bool isTransient, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True when the same request may succeed in some seconds; the answer then carries Retry-After.</summary>
    public bool IsTransient { get; } = isTransient;
}
