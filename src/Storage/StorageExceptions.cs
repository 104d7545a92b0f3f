namespace StreamObserve.Storage;

/// <summary>An operating failure of a partition's store.</summary>
/// <param name="message">What failed, with the offending value, and what to do.</param>
/// <param name="isTransient">See <see cref="IsTransient"/>.</param>
/// <param name="inner">The cause, if another exception was.</param>
public abstract class StorageException(string message, bool isTransient, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>Whether disposing the store and opening it again can succeed without a change from outside.</summary>
    public bool IsTransient { get; } = isTransient;
}

/// <summary>
/// A higher epoch exists: another owner has taken the partition. The owner that sees this must stop;
/// opening again would take the partition back from the rightful owner.
/// </summary>
/// <param name="own">The epoch of the owner that is refused.</param>
/// <param name="highest">The highest epoch in the folder.</param>
public sealed class FencedException(long own, long highest)
    : StorageException($"epoch {own} of this partition is fenced by epoch {highest}: this owner must stop", isTransient: false)
{
    /// <summary>The epoch of the owner that is refused.</summary>
    public long OwnEpoch { get; } = own;

    /// <summary>The highest epoch that exists.</summary>
    public long HighestEpoch { get; } = highest;
}

/// <summary>
/// Reading or writing the partition's files failed (disk full, folder gone, I/O error). The state since
/// the last cut is lost to this object: dispose it and open again once there is space, then replay.
/// </summary>
/// <param name="message">What failed.</param>
/// <param name="inner">The cause.</param>
public sealed class StorageFailedException(string message, Exception inner)
    : StorageException(message, isTransient: true, inner);

/// <summary>The folder was written with other settings, which this process must not read with its own.</summary>
/// <param name="setting">The name of the first setting that differs.</param>
/// <param name="stored">Its value in the folder.</param>
/// <param name="configured">Its value in this process.</param>
public sealed class SettingsMismatchException(string setting, string stored, string configured)
    : StorageException(
        $"the stored state was written with {setting} = {stored}, this process has {setting} = {configured}: " +
        $"set {setting} back to {stored}, or start with an empty folder to replay the log",
        isTransient: false)
{
    /// <summary>The name of the first setting that differs.</summary>
    public string Setting { get; } = setting;

    /// <summary>Its value in the folder, or "(none)".</summary>
    public string Stored { get; } = stored;

    /// <summary>Its value in this process, or "(none)".</summary>
    public string Configured { get; } = configured;
}
