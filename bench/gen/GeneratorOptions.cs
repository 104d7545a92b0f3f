namespace StreamObserve.Bench.Generator;

/// <summary>What to generate. The same options give the same bytes.</summary>
/// <param name="Events">How many events, at least 4.</param>
/// <param name="Seed">Any number.</param>
/// <param name="Start">Time of the first trace.</param>
/// <param name="Length">Event time covered; the incident and the releases scale with it.</param>
public sealed record GeneratorOptions(long Events, ulong Seed, DateTimeOffset Start, TimeSpan Length)
{
    /// <summary>A million events of one hour, seed 42.</summary>
    public static GeneratorOptions Default { get; } =
        new(1_000_000, 42, new DateTimeOffset(2026, 5, 12, 9, 0, 0, TimeSpan.Zero), TimeSpan.FromHours(1));
}
