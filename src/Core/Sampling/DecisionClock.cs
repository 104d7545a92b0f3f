using System.Globalization;

namespace StreamObserve.Core.Sampling;

/// <summary>A stretch of log time; traces that began in it are decided together.</summary>
/// <param name="Start">Its first millisecond of log time.</param>
/// <param name="End">The millisecond after its last.</param>
/// <param name="WindowMs">The window of its traces, in milliseconds.</param>
public readonly record struct Epoch(long Start, long End, long WindowMs)
{
    /// <summary>The log time of the head from which on the epoch can be decided: no row that is still to come can fall into the window of any of its traces.</summary>
    public long DecidableFrom => End + WindowMs;

    /// <summary>Whether a head at this log time has passed the epoch's end plus the window.</summary>
    public bool IsDecidable(long headLogTime) => headLogTime >= DecidableFrom;
}

/// <summary>From which log time on a window holds.</summary>
/// <param name="FromLogTime">The first millisecond of log time at which traces that begin have this window.</param>
/// <param name="WindowMs">The window, in milliseconds.</param>
public readonly record struct WindowChange(long FromLogTime, long WindowMs);

/// <summary>
/// Maps log time to epochs and says how far the trailing cursor may go. A function of the log alone: of the windows that control records in it have set, and of log times, in milliseconds since 1970 (0 and up).
/// An epoch is min(10 s, window) long, aligned to multiples of its length, and cut where the window changes. Single writer.
/// </summary>
public sealed class DecisionClock
{
    private readonly List<WindowChange> _changes;

    /// <summary>A clock with one window from the beginning of the log.</summary>
    /// <param name="windowMs">From <see cref="SamplingLimits.WindowMsMin"/> to <see cref="SamplingLimits.WindowMsMax"/>, else <see cref="ArgumentOutOfRangeException"/>.</param>
    public DecisionClock(long windowMs)
    {
        CheckWindow(windowMs);
        _changes = [new WindowChange(0, windowMs)];
    }

    /// <summary>A clock as it was when its <see cref="Changes"/> were taken.</summary>
    /// <param name="changes">At least one, in ascending order of log time, else <see cref="ArgumentException"/>.</param>
    public DecisionClock(IReadOnlyList<WindowChange> changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        _changes = [.. changes];
        for (var i = 0; i < _changes.Count; i++)
        {
            CheckWindow(_changes[i].WindowMs);
            if (i > 0 && _changes[i].FromLogTime <= _changes[i - 1].FromLogTime)
            {
                throw new ArgumentException($"window changes must ascend: {_changes[i]} after {_changes[i - 1]}", nameof(changes));
            }
        }

        if (_changes.Count == 0)
        {
            throw new ArgumentException("at least one window is needed", nameof(changes));
        }
    }

    /// <summary>The windows so far; a part of the cut.</summary>
    public IReadOnlyList<WindowChange> Changes => _changes;

    /// <summary>The epoch's length for a window, both in milliseconds.</summary>
    public static long EpochLengthMs(long windowMs) => Math.Min(SamplingLimits.EpochMsMax, windowMs);

    /// <summary>
    /// Sets the window by a control record. It holds for traces that begin after the record's log time, so that rows of that same millisecond agree on it whichever side of the record they are on.
    /// Records come in log order, else <see cref="ArgumentException"/>.
    /// </summary>
    public void ChangeWindow(long controlLogTime, long windowMs)
    {
        CheckWindow(windowMs);
        var from = controlLogTime + 1;
        var last = _changes[^1];
        if (from < last.FromLogTime)
        {
            throw new ArgumentException($"the record of log time {controlLogTime} comes after one that set the window from {last.FromLogTime} on", nameof(controlLogTime));
        }

        if (from == last.FromLogTime)
        {
            _changes.RemoveAt(_changes.Count - 1);
        }

        if (_changes.Count == 0 || _changes[^1].WindowMs != windowMs)
        {
            _changes.Add(new WindowChange(from, windowMs));
        }
    }

    /// <summary>The window of the traces that began at this log time, in milliseconds.</summary>
    public long WindowAt(long logTime) => _changes[ChangeAt(logTime)].WindowMs;

    /// <summary>The epoch of the traces that began at this log time.</summary>
    public Epoch EpochOf(long logTime)
    {
        var index = ChangeAt(logTime);
        var (from, windowMs) = _changes[index];
        var length = EpochLengthMs(windowMs);
        var start = FloorToMultiple(logTime, length);
        return new Epoch(Math.Max(start, from), Math.Min(start + length, UntilOf(index)), windowMs);
    }

    /// <summary>
    /// The log time up to which, exclusive, the trailing cursor may pass when the head has come to <paramref name="headLogTime"/>: the start of the earliest epoch that is not decidable yet.
    /// Never falls as the head rises.
    /// </summary>
    public long TrailingLimit(long headLogTime)
    {
        for (var index = 0; ; index++)
        {
            var (from, windowMs) = _changes[index];
            var until = UntilOf(index);
            if (until == long.MaxValue || headLogTime < until + windowMs)
            {
                return Math.Max(from, FloorToMultiple(headLogTime - windowMs, EpochLengthMs(windowMs)));
            }
        }
    }

    /// <summary>The last log time at which rows can still fall into the window of a trace that began within the given log times, both inclusive.</summary>
    public long LastFoldableLogTime(long fromLogTime, long toLogTime)
    {
        var last = long.MinValue;
        for (var index = ChangeAt(fromLogTime); index < _changes.Count && _changes[index].FromLogTime <= toLogTime; index++)
        {
            last = Math.Max(last, Math.Min(toLogTime, UntilOf(index) - 1) + _changes[index].WindowMs);
        }

        return last;
    }

    /// <summary>Forgets windows that ended before this log time; it must not be asked about earlier times any more.</summary>
    public void Prune(long beforeLogTime) => _changes.RemoveRange(0, ChangeAt(beforeLogTime));

    private static void CheckWindow(long windowMs)
    {
        if (windowMs is < SamplingLimits.WindowMsMin or > SamplingLimits.WindowMsMax)
        {
            throw new ArgumentOutOfRangeException(
                nameof(windowMs), windowMs, string.Create(CultureInfo.InvariantCulture, $"a window is from {SamplingLimits.WindowMsMin} to {SamplingLimits.WindowMsMax} ms"));
        }
    }

    // Of negative values (a head within the first window after 1970) it does not matter which multiple near 0 it is: the first change, from 0 on, is the floor.
    private static long FloorToMultiple(long value, long length) => value - (value % length);

    private int ChangeAt(long logTime)
    {
        var index = _changes.Count - 1;
        while (index > 0 && _changes[index].FromLogTime > logTime)
        {
            index--;
        }

        return index;
    }

    private long UntilOf(int index) => index + 1 < _changes.Count ? _changes[index + 1].FromLogTime : long.MaxValue;
}
