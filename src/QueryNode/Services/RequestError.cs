namespace StreamObserve.QueryNode.Services;

/// <summary>
/// One thing wrong with a request. <paramref name="Field"/> is the path of the member or the name of the parameter (<c>query.limit</c>, <c>rate</c>),
/// <paramref name="Value"/> what it held as the client wrote it (null = missing), <paramref name="Message"/> what is wrong and what would be right.
/// <paramref name="Position"/> is the 1-based character within a text value at which reading stopped.
/// </summary>
public sealed record RequestError(string Field, string? Value, string Message, int? Position = null);
