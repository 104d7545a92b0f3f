namespace StreamObserve.Broker.Log;

/// <summary>Someone who waits for more to read. Called outside of the partition's lock, on the appender's thread: must return at once.</summary>
internal interface IAppendListener
{
    void OnReadableAdvanced();
}
