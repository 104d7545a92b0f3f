namespace StreamObserve.Core.Sampling;

/// <summary>A version of the policies and the stretch of one partition's log in which traces that begin follow it.</summary>
/// <param name="Set">The version.</param>
/// <param name="FromLogTime">The log time of the control record that brought it, in milliseconds since 1970.</param>
/// <param name="UntilLogTime">The log time of the control record that superseded it; <see cref="long.MaxValue"/> for the one in force.</param>
public readonly record struct PolicyInForce(SamplingPolicySet Set, long FromLogTime, long UntilLogTime);

/// <summary>
/// The policy versions of one partition's log: the one in force, and those before it that remembered traces still follow. A function of the control records of the log.
/// A batch's rows must be evaluated under every version of <see cref="FoldableAt"/>, since each trace's bits are in the version in force at its first row. Single writer.
/// </summary>
public sealed class PolicyTimeline
{
    private readonly List<PolicyInForce> _versions;

    /// <summary>A timeline with one version from the beginning of the log.</summary>
    public PolicyTimeline(SamplingPolicySet initial) => _versions = [new PolicyInForce(initial, 0, long.MaxValue)];

    /// <summary>A timeline as it was when its <see cref="Versions"/> were taken.</summary>
    /// <param name="versions">At least one, ascending, of which only the last is in force, else <see cref="ArgumentException"/>.</param>
    public PolicyTimeline(IReadOnlyList<PolicyInForce> versions)
    {
        ArgumentNullException.ThrowIfNull(versions);
        _versions = [.. versions];
        for (var i = 0; i < _versions.Count; i++)
        {
            var until = i + 1 < _versions.Count ? _versions[i + 1].FromLogTime : long.MaxValue;
            if (_versions[i].UntilLogTime != until || (i > 0 && _versions[i].Set.Version <= _versions[i - 1].Set.Version))
            {
                throw new ArgumentException($"version {_versions[i].Set.Version} does not join the next one", nameof(versions));
            }
        }

        if (_versions.Count == 0)
        {
            throw new ArgumentException("at least one version is needed", nameof(versions));
        }
    }

    /// <summary>The versions still known, oldest first; a part of the cut.</summary>
    public IReadOnlyList<PolicyInForce> Versions => _versions;

    /// <summary>The version that traces beginning now follow.</summary>
    public CompiledSamplingPolicy Current => _versions[^1].Set.Compiled;

    /// <summary>
    /// Takes over a version from a control record. Control records may repeat: false for a version that is not newer than the one in force, which changes nothing.
    /// Records come in log order, else <see cref="ArgumentException"/>.
    /// </summary>
    public bool Apply(long controlLogTime, SamplingPolicySet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        var last = _versions[^1];
        if (controlLogTime < last.FromLogTime)
        {
            throw new ArgumentException($"the record of log time {controlLogTime} comes after one of {last.FromLogTime}", nameof(controlLogTime));
        }

        if (set.Version <= last.Set.Version)
        {
            return false;
        }

        _versions[^1] = last with { UntilLogTime = controlLogTime };
        _versions.Add(new PolicyInForce(set, controlLogTime, long.MaxValue));
        return true;
    }

    /// <summary>The version that a summary names. One that was pruned or never came is an <see cref="InvalidOperationException"/>: an undecided trace's is always there.</summary>
    public CompiledSamplingPolicy Of(int version)
    {
        // Newest first: nearly all traces follow the version in force.
        for (var i = _versions.Count - 1; i >= 0; i--)
        {
            if (_versions[i].Set.Version == version)
            {
                return _versions[i].Set.Compiled;
            }
        }

        throw new InvalidOperationException($"policy version {version} is not known at this place of the log; known are {_versions[0].Set.Version} to {_versions[^1].Set.Version}");
    }

    /// <summary>The versions that rows of this log time can fold into, newest first: the one in force, and those of traces whose window is still open.</summary>
    public IReadOnlyList<CompiledSamplingPolicy> FoldableAt(long logTime, DecisionClock clock)
    {
        ArgumentNullException.ThrowIfNull(clock);
        var foldable = new List<CompiledSamplingPolicy>(_versions.Count) { Current };
        for (var i = _versions.Count - 2; i >= 0; i--)
        {
            var version = _versions[i];
            if (logTime <= clock.LastFoldableLogTime(version.FromLogTime, version.UntilLogTime))
            {
                foldable.Add(version.Set.Compiled);
            }
        }

        return foldable;
    }

    /// <summary>For how many milliseconds of a stretch of log time a version is in force; at least 1, since records of one millisecond may be on either side of a change.</summary>
    public long MillisecondsWithin(int version, long from, long until)
    {
        var inForce = _versions.Find(known => known.Set.Version == version);
        return Math.Max(1, Math.Min(until, inForce.UntilLogTime) - Math.Max(from, inForce.FromLogTime));
    }

    /// <summary>
    /// Forgets the versions whose traces' windows all ended before this log time. A row that comes later may follow its trace still, so this is the trailing limit
    /// (<see cref="DecisionClock.TrailingLimit"/>) less the time for which traces are remembered: one may be undecided until then, if the log lost its first rows.
    /// </summary>
    public void Prune(long beforeLogTime, DecisionClock clock)
    {
        ArgumentNullException.ThrowIfNull(clock);
        var forgotten = 0;
        while (forgotten < _versions.Count - 1 && clock.LastFoldableLogTime(_versions[forgotten].FromLogTime, _versions[forgotten].UntilLogTime) < beforeLogTime)
        {
            forgotten++;
        }

        _versions.RemoveRange(0, forgotten);
    }
}
