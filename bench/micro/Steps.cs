using System.Diagnostics;

namespace StreamObserve.Bench.Micro;

/// <summary>Time, allocation and output of each named step of one pass. Not thread-safe.</summary>
internal sealed class Steps
{
    private readonly Dictionary<string, Step> _steps = [];

    public IReadOnlyDictionary<string, Step> All => _steps;

    /// <summary>Measures until disposed.</summary>
    public IDisposable Measure(string name) => new Measurement(Of(name));

    /// <summary>Counts bytes that the step put out.</summary>
    public void AddBytes(string name, long bytes) => Of(name).Bytes += bytes;

    private Step Of(string name) => _steps.TryGetValue(name, out var step) ? step : _steps[name] = new();

    private sealed class Measurement(Step step) : IDisposable
    {
        private readonly long _allocated = GC.GetAllocatedBytesForCurrentThread();
        private readonly long _start = Stopwatch.GetTimestamp();

        public void Dispose()
        {
            step.Ticks += Stopwatch.GetTimestamp() - _start;
            step.Allocated += GC.GetAllocatedBytesForCurrentThread() - _allocated;
        }
    }
}

/// <summary>What one step took over a pass.</summary>
internal sealed class Step
{
    public long Ticks { get; set; }

    public long Allocated { get; set; }

    public long Bytes { get; set; }
}
