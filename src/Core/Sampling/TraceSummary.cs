using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace StreamObserve.Core.Sampling;

/// <summary>
/// All that is kept of a trace until its decision, and the decision after it. Unmanaged, of fixed size and layout: it is stored as it is, and read-modify-written once for each
/// (trace, batch). The default value is the summary of a trace that was not seen yet. Single writer.
/// </summary>
/// <remarks>
/// <code>
///  0 FirstLogTime | 8 LastLogTime | 16 Bits | 32 EarliestStartNs | 40 LatestEndNs | 48 Bytes | 56 Rate | 64 RowCount | 72 PolicyVersion | 76 SamplerHash | 80 FirstDataset
/// 84 RootDataset + 1 | 88 RuleIndex (2 B) | 90 Reason | 91 flags: 1 error seen, 2 decided, 4 kept | 92 KeySet
/// </code>
/// A change of the layout must change <see cref="LayoutVersion"/>, which belongs into the settings fingerprint of whoever stores summaries.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct TraceSummary
{
    /// <summary>The size, in bytes.</summary>
    public const int SizeBytes = 96;

    /// <summary>The version of the layout.</summary>
    public const int LayoutVersion = 3;

    /// <summary>The dataset code that stands for none.</summary>
    public const int NoDataset = -1;

    private long _firstLogTime;
    private long _lastLogTime;
    private ConditionBits _bits;
    private long _earliestStartNs;
    private long _latestEndNs;
    private long _bytes;
    private double _rate;
    private long _rowCount;
    private int _policyVersion;
    private uint _samplerHash;
    private int _firstDataset;
    private int _rootDatasetPlusOne;
    private short _ruleIndex;
    private SamplingReason _reason;
    private SummaryFlags _flags;
    private int _keySet;

    [Flags]
    private enum SummaryFlags : byte
    {
        ErrorSeen = 1,
        Decided = 2,
        Kept = 4,
    }

    /// <summary>True until the first contribution.</summary>
    public readonly bool IsEmpty => _rowCount == 0;

    /// <summary>t0: the log time of the trace's first row, in milliseconds since 1970. Which epoch it belongs to and when its window ends follow from it.</summary>
    public readonly long FirstLogTime => _firstLogTime;

    /// <summary>The log time of the last row that was folded in, in milliseconds since 1970.</summary>
    public readonly long LastLogTime => _lastLogTime;

    /// <summary>The policy version in force at the trace's first row; its bits are in this version, and it decides.</summary>
    public readonly int PolicyVersion => _policyVersion;

    /// <summary>The rows within the window.</summary>
    public readonly long RowCount => _rowCount;

    /// <summary>The bits that any row within the window set.</summary>
    public readonly ConditionBits Bits => _bits;

    /// <summary>From the start of the earliest row within the window to the end of the latest, in whole milliseconds.</summary>
    public readonly long LatencyMs => (long)((ulong)(_latestEndNs - _earliestStartNs) / 1_000_000);

    /// <summary>The bytes of the fields of the rows within the window.</summary>
    public readonly long Bytes => _bytes;

    /// <summary>The deterministic sampler's hash of the trace id.</summary>
    public readonly uint SamplerHash => _samplerHash;

    /// <summary>Whether a root came within the window.</summary>
    public readonly bool RootSeen => _rootDatasetPlusOne != 0;

    /// <summary>Whether an error came within the window.</summary>
    public readonly bool ErrorSeen => (_flags & SummaryFlags.ErrorSeen) != 0;

    /// <summary>The code of the dataset of the trace's first row.</summary>
    public readonly int FirstDataset => _firstDataset;

    /// <summary>The code of the dataset of the first root seen; <see cref="NoDataset"/> when there was none.</summary>
    public readonly int RootDataset => _rootDatasetPlusOne - 1;

    /// <summary>The code of the dataset whose policy the trace follows: the root's, else the first row's.</summary>
    public readonly int DecidingDataset => RootSeen ? RootDataset : _firstDataset;

    /// <summary>The values of fields of samplers' keys that rows within the window had: a number of <see cref="KeySets"/>, <see cref="KeySets.Empty"/> where no key is asked for.</summary>
    public int KeySet
    {
        readonly get => _keySet;
        set => _keySet = value;
    }

    /// <summary>Whether a decision was recorded.</summary>
    public readonly bool IsDecided => (_flags & SummaryFlags.Decided) != 0;

    /// <summary>The recorded decision. Not before there is one (<see cref="InvalidOperationException"/>).</summary>
    public readonly SamplingDecision Decision => IsDecided
        ? new SamplingDecision((_flags & SummaryFlags.Kept) != 0, _rate, _reason, _ruleIndex)
        : throw new InvalidOperationException("the trace is not decided yet");

    /// <summary>Whether rows of this log time come too late to change the summary: later than t0 plus the window.</summary>
    public readonly bool IsFrozen(long logTime, long windowMs) => logTime > _firstLogTime + windowMs;

    /// <summary>
    /// Adds the rows of one batch. Contributions come in log order. Those later than t0 plus the window change nothing, and false is returned: they follow the recorded decision.
    /// </summary>
    /// <param name="contribution">The rows, with their bits in the summary's <see cref="PolicyVersion"/> (unless they are late or the first); another version's are refused with <see cref="ArgumentException"/>.</param>
    /// <param name="windowMs">The window in force at t0 (<see cref="DecisionClock.WindowAt"/>), in milliseconds.</param>
    public bool Fold(in TraceContribution contribution, long windowMs)
    {
        if (IsEmpty)
        {
            _firstLogTime = contribution.LogTime;
            _policyVersion = contribution.PolicyVersion;
            _samplerHash = contribution.SamplerHash;
            _firstDataset = contribution.FirstDataset;
            _earliestStartNs = long.MaxValue;
            _latestEndNs = long.MinValue;
        }
        else if (IsFrozen(contribution.LogTime, windowMs))
        {
            return false;
        }
        else if (contribution.PolicyVersion != _policyVersion)
        {
            ThrowOtherVersion(contribution.PolicyVersion);
        }

        _lastLogTime = contribution.LogTime;
        _rowCount += contribution.RowCount;
        _bits |= contribution.Bits;
        _earliestStartNs = Math.Min(_earliestStartNs, contribution.EarliestStartNs);
        _latestEndNs = Math.Max(_latestEndNs, contribution.LatestEndNs);
        _bytes += contribution.Bytes;
        if (contribution.HasError)
        {
            _flags |= SummaryFlags.ErrorSeen;
        }

        if (_rootDatasetPlusOne == 0)
        {
            _rootDatasetPlusOne = contribution.RootDataset + 1;
        }

        return true;
    }

    /// <summary>Records the decision. A trace is decided once: another decision on it is an <see cref="InvalidOperationException"/>, the same one again is not.</summary>
    public void Record(in SamplingDecision decision)
    {
        if (IsDecided && Decision != decision)
        {
            throw new InvalidOperationException($"the trace was decided already: {Decision}, now {decision}");
        }

        _rate = decision.Rate;
        _reason = decision.Reason;
        _ruleIndex = decision.RuleIndex;
        _flags |= SummaryFlags.Decided | (decision.Keep ? SummaryFlags.Kept : 0);
    }

    /// <summary>The summary's bytes, of <see cref="SizeBytes"/>.</summary>
    public static ReadOnlySpan<byte> AsBytes(ref readonly TraceSummary summary) => MemoryMarshal.AsBytes(new ReadOnlySpan<TraceSummary>(in summary));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly void ThrowOtherVersion(int version) =>
        throw new ArgumentException($"the trace follows policy version {_policyVersion}, the contribution's bits are of version {version}");
}
