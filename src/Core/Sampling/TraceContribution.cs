namespace StreamObserve.Core.Sampling;

/// <summary>What the rows of one trace in one batch add to its summary, combined. Unmanaged, so that it can be the input of a read-modify-write.</summary>
public struct TraceContribution
{
    /// <summary>The log time of the batch, in milliseconds since 1970.</summary>
    public long LogTime;

    /// <summary>The policy version in force at the batch's place in the log, unless <see cref="Bits"/> were evaluated under another: then that one.</summary>
    public int PolicyVersion;

    /// <summary>The rows; at least 1.</summary>
    public int RowCount;

    /// <summary>The bits that any of the rows set, in <see cref="PolicyVersion"/>.</summary>
    public ConditionBits Bits;

    /// <summary>When the earliest of them starts and the latest ends, in nanoseconds since 1970. Not read where no policy asks (<see cref="CompiledSamplingPolicy.UsesLatency"/>).</summary>
    public long EarliestStartNs;

    /// <inheritdoc cref="EarliestStartNs"/>
    public long LatestEndNs;

    /// <summary>The bytes of their fields. Not read where no policy asks (<see cref="CompiledSamplingPolicy.UsesBytes"/>).</summary>
    public long Bytes;

    /// <summary>The deterministic sampler's hash of the trace id. May be 0 where no rule uses it (<see cref="CompiledSamplingPolicy.UsesSamplerHash"/>).</summary>
    public uint SamplerHash;

    /// <summary>The code of the dataset of the first of the rows; from 0 up.</summary>
    public int FirstDataset;

    /// <summary>The code of the dataset of the first root among them, from 0 up; <see cref="TraceSummary.NoDataset"/> when none is a root.</summary>
    public int RootDataset;

    /// <summary>Whether any of the rows is an error.</summary>
    public bool HasError;
}
