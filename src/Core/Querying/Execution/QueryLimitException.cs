namespace StreamObserve.Core.Querying.Execution;

/// <summary>A query needs more than a leaf may give it. Asking the same again does not help; the message, for people, says what to narrow.</summary>
public sealed class QueryLimitException(string message) : Exception(message);
