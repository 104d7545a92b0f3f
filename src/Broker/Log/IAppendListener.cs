namespace StreamObserve.Broker.Log;

/// <summary>Someone who waits for more to read. Called outside of the partition's lock, on the appender's thread: must return at once.</summary>
internal interface IAppendListener
{
    /// <summary>Whether only decided records count: appends inside an open transaction are then not told.</summary>
    bool ReadsCommitted { get; }

    void OnReadableAdvanced();
}
