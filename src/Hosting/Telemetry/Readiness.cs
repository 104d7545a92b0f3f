namespace StreamObserve.Hosting;

/// <summary>Whether something can do its work now. <paramref name="Reason"/>: why not, one line; null when ready.</summary>
public readonly record struct Readiness(bool Ready, string? Reason)
{
    /// <summary>It can.</summary>
    public static Readiness Yes => new(true, null);

    /// <summary>It can't, and why.</summary>
    public static Readiness No(string reason) => new(false, reason);
}

/// <summary>
/// Something that <c>/readyz</c> and the ready line depend on. Registered in the container as <see cref="IReadinessSource"/>; any number.
/// </summary>
public interface IReadinessSource
{
    /// <summary>Short and stable, e.g. <c>processor</c>.</summary>
    string Name { get; }

    /// <summary>Its state now. Called from any thread, often; must not block.</summary>
    Readiness Check();
}
