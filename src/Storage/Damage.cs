namespace StreamObserve.Storage;

/// <summary>What a piece of damage costs.</summary>
public enum DamageEffect : byte
{
    /// <summary>The whole cut could not be used; an older one, or an empty start, took its place.</summary>
    CutRefused,

    /// <summary>The cut is used; the values in the damaged place read as <see cref="ReadOutcome.Damaged"/>.</summary>
    ValuesLost,
}

/// <summary>One damaged or missing piece found while a partition was opened or verified.</summary>
/// <param name="File">Path of the file, relative to the partition's folder.</param>
/// <param name="Effect">What it costs.</param>
/// <param name="Reason">What was expected and what was found, in one lower-case sentence.</param>
public sealed record Damage(string File, DamageEffect Effect, string Reason)
{
    /// <inheritdoc/>
    public override string ToString() => $"{File}: {Reason} ({Effect})";
}
