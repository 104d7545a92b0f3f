namespace StreamObserve.Bench.Compare;

/// <summary>Something that the product is held to.</summary>
/// <param name="What">What is measured.</param>
/// <param name="Value">What it came to.</param>
/// <param name="Max">What it may come to.</param>
/// <param name="Unit">Of both.</param>
internal sealed record Bar(string What, double Value, double Max, string Unit)
{
    /// <summary>A bar that is missed by no more than this is a warning: figures on a shared machine differ by as much from run to run.</summary>
    public const double Slack = 0.10;

    /// <summary>Below the bar.</summary>
    public bool IsMet => Value <= Max;

    /// <summary>Missed by more than the slack.</summary>
    public bool IsMissed => !(Value <= Max * (1 + Slack));

    /// <summary>In a word.</summary>
    public string Word => IsMet ? "pass" : IsMissed ? "FAIL" : "nearly";
}
