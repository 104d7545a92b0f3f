using System.Threading.Channels;

namespace StreamObserve.Ingest;

/// <summary>A thread of its own for calls that block (Kafka transactions), one after another in the order given.</summary>
internal sealed class WorkerThread : IDisposable
{
    private readonly Channel<Action> _work = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Thread _thread;

    public WorkerThread(string name)
    {
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Runs <paramref name="work"/> on the thread; the task ends with its result or exception, and is cancelled when the thread has been disposed of.</summary>
    public Task<T> RunAsync<T>(Func<T> work)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var queued = _work.Writer.TryWrite(() =>
        {
            try
            {
                result.SetResult(work());
            }
            catch (OperationCanceledException)
            {
                result.SetCanceled();
            }
            catch (Exception failure)
            {
                result.SetException(failure);
            }
        });
        if (!queued)
        {
            result.SetCanceled();
        }

        return result.Task;
    }

    /// <summary>Ends the thread when what was given is done, and waits for that. Not on the thread itself.</summary>
    public void Dispose()
    {
        _work.Writer.TryComplete();
        _thread.Join();
    }

    private void Run()
    {
        var reader = _work.Reader;
        while (reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (reader.TryRead(out var work))
            {
                work();
            }
        }
    }
}
