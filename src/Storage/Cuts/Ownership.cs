using Microsoft.Extensions.Logging;

namespace StreamObserve.Storage.Cuts;

/// <summary>
/// An owner's hold on its partition: its epoch, and whether a higher one has been seen. A later owner deletes the folders of earlier ones, so a failed
/// write means one of two things, and only the claims tell which: <see cref="Explain"/>. Any thread.
/// </summary>
internal sealed class Ownership(PartitionFolder folder, long epoch, ILogger log)
{
    private long _fencedBy;

    /// <summary>The owner's epoch.</summary>
    public long Epoch { get; } = epoch;

    /// <summary>Whether a higher epoch has been seen.</summary>
    public bool IsFenced => Interlocked.Read(ref _fencedBy) != 0;

    /// <summary>Looks whether a higher epoch exists, and returns <see cref="IsFenced"/>. Lists one small folder.</summary>
    /// <exception cref="StorageFailedException">The folder cannot be listed.</exception>
    public bool LookForHigherEpoch()
    {
        if (IsFenced)
        {
            return true;
        }

        long highest;
        try
        {
            highest = folder.HighestEpoch();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StorageFailedException($"the epochs in {folder.Path} cannot be listed: {failure.Message}", failure);
        }

        if (highest > Epoch && Interlocked.Exchange(ref _fencedBy, highest) == 0)
        {
            log.LogWarning("epoch {Epoch} of {Folder} is fenced by epoch {Highest}", Epoch, folder.Path, highest);
        }

        return IsFenced;
    }

    /// <exception cref="FencedException">A higher epoch exists.</exception>
    /// <exception cref="StorageFailedException">The folder cannot be listed.</exception>
    public void ThrowIfFenced()
    {
        if (LookForHigherEpoch())
        {
            throw Fenced();
        }
    }

    /// <summary>
    /// What a failed write means: <see cref="FencedException"/> if a higher epoch exists by now, else <see cref="StorageFailedException"/>. Looks after the failure,
    /// never before: the later owner claims first and deletes then.
    /// </summary>
    /// <param name="what">What failed, with its place; the cause's message follows it.</param>
    /// <param name="cause">The failure.</param>
    public StorageException Explain(string what, Exception cause) => LookForHigherEpoch()
        ? Fenced()
        : new StorageFailedException($"{what} failed: {cause.Message}; open the partition again", cause);

    private FencedException Fenced() => new(Epoch, Interlocked.Read(ref _fencedBy));
}
