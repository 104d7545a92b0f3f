using StreamObserve.Hosting;

namespace StreamObserve.QueryNode.Http;

/// <summary>What came of reading a part of a request: the value, or the problem to answer with.</summary>
internal readonly struct Reading<T>
{
    private readonly T? _value;

    private Reading(T? value, ProblemDocument? problem)
    {
        _value = value;
        Problem = problem;
    }

    /// <summary>Why there is no value; null when there is one.</summary>
    public ProblemDocument? Problem { get; }

    /// <summary>The value; only without a problem.</summary>
    public T Value => Problem is null ? _value! : throw new InvalidOperationException("nothing was read: " + Problem.Detail);

    /// <summary>A value.</summary>
    public static implicit operator Reading<T>(T value) => new(value, null);

    /// <summary>A problem.</summary>
    public static implicit operator Reading<T>(ProblemDocument problem) => new(default, problem);
}
