namespace StreamObserve.Storage;

/// <summary>A change to one summary, applied in place where the record lies.</summary>
/// <typeparam name="T">The summary.</typeparam>
public interface ISummaryUpdater<T>
    where T : unmanaged
{
    /// <summary>Applies the change. Runs once, under the record's lock: short, no I/O, no call back into the store.</summary>
    /// <param name="summary">The record; all zeros if it is new.</param>
    /// <param name="isNew">Whether there was no record under the key.</param>
    void Update(ref T summary, bool isNew);
}
