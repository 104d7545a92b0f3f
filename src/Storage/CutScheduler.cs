using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using StreamObserve.Storage.Files;

namespace StreamObserve.Storage;

/// <summary>
/// The threads that all partition stores of a process share: one that writes log pages back to their files, and one
/// or two that finish cuts, so that many partitions cutting at once queue up instead of starving each other and
/// the process's thread pool. One instance a process; dispose it after the last store. Thread-safe.
/// </summary>
public sealed unsafe class CutScheduler : IDisposable
{
    private readonly BlockingCollection<PageWrite> _writes = [];
    private readonly BlockingCollection<Action> _cuts = [];
    private readonly Thread[] _threads;

    /// <summary>Starts the threads.</summary>
    /// <param name="cutsAtOnce">Cuts that run at the same time: 1 or 2.</param>
    public CutScheduler(int cutsAtOnce = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(cutsAtOnce, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(cutsAtOnce, 2);
        _threads = new Thread[cutsAtOnce + 1];
        _threads[0] = new Thread(RunWrites) { IsBackground = true, Name = "storage-write-back" };
        for (int i = 1; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(RunCuts) { IsBackground = true, Name = $"storage-cut-{i}" };
        }

        foreach (Thread thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>Pages waiting to be written plus cuts waiting to be finished.</summary>
    public int Waiting => _writes.Count + _cuts.Count;

    /// <summary>Finishes what is queued, then ends the threads.</summary>
    public void Dispose()
    {
        _cuts.CompleteAdding();
        foreach (Thread thread in _threads.AsSpan(1))
        {
            thread.Join();
        }

        _writes.CompleteAdding();
        _threads[0].Join();
        _writes.Dispose();
        _cuts.Dispose();
    }

    /// <summary>Queues the write of a memory range that stays valid until <paramref name="target"/> reports it done.</summary>
    internal void EnqueueWrite(IPageWriteTarget target, nint source, long offset, uint bytes, object context) =>
        _writes.Add(new PageWrite(target, source, offset, bytes, context));

    /// <summary>Queues the finishing of a cut; the task ends as the work does, with its result or exception.</summary>
    internal Task<TResult> EnqueueCut<TResult>(Func<TResult> finish)
    {
        var completion = new TaskCompletionSource<TResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        _cuts.Add(() =>
        {
            try
            {
                completion.SetResult(finish());
            }
            catch (Exception failure)
            {
                completion.SetException(failure);
            }
        });
        return completion.Task;
    }

    private void RunCuts()
    {
        foreach (Action finish in _cuts.GetConsumingEnumerable())
        {
            finish();
        }
    }

    private void RunWrites()
    {
        byte* slice = (byte*)NativeMemory.AlignedAlloc(Limits.WriteSliceBytes, SectorChecksum.SectorBytes);
        try
        {
            foreach (PageWrite write in _writes.GetConsumingEnumerable())
            {
                write.Target.Write(
                    write.Source, write.Offset, write.Bytes, new Span<byte>(slice, Limits.WriteSliceBytes), write.Context);
            }
        }
        finally
        {
            NativeMemory.AlignedFree(slice);
        }
    }

    private readonly record struct PageWrite(IPageWriteTarget Target, nint Source, long Offset, uint Bytes, object Context);
}

/// <summary>Something that log pages are written to, on the scheduler's write-back thread.</summary>
internal interface IPageWriteTarget
{
    /// <summary>Writes the range and reports it done; a failure is kept by the target, never thrown.</summary>
    /// <param name="source">Start of the range in memory. Others may change single bits of it meanwhile.</param>
    /// <param name="offset">Where it goes, in bytes of the log or file.</param>
    /// <param name="bytes">Its length: whole sectors.</param>
    /// <param name="slice">Scratch memory of the thread, <see cref="Limits.WriteSliceBytes"/> long.</param>
    /// <param name="context">What the target wanted to know again.</param>
    void Write(nint source, long offset, uint bytes, Span<byte> slice, object context);
}
