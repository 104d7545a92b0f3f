namespace StreamObserve.QueryNode.Services;

/// <summary>What the keys that clients send may do. Any thread.</summary>
public interface IApiKeys
{
    /// <summary>What a key may do, null when there is no such key. <paramref name="key"/> is null when the client sent none.</summary>
    ValueTask<ApiKeyAccess?> FindAsync(string? key, CancellationToken cancellation);
}

/// <summary>What a key may do, and whose it is.</summary>
/// <param name="Team">The team's name.</param>
/// <param name="Environment">The environment's name; never empty, which to clients would mean an old kind of key.</param>
/// <param name="MayChange">Whether it may change what is kept beside the events, and not only read.</param>
public sealed record ApiKeyAccess(string Team, string Environment, bool MayChange);

/// <summary>Until there are keys: everybody may do everything.</summary>
public sealed class NoApiKeys : IApiKeys
{
    private static readonly ApiKeyAccess All = new("streamobserve", "default", MayChange: true);

    /// <inheritdoc/>
    public ValueTask<ApiKeyAccess?> FindAsync(string? key, CancellationToken cancellation) => new(All);
}
