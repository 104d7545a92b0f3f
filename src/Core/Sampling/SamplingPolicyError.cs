namespace StreamObserve.Core.Sampling;

/// <summary>What is wrong with a policy.</summary>
/// <param name="Field">The path of the offending field, e.g. <c>rules[2].conditions[0].op</c>; empty for the document as a whole.</param>
/// <param name="Rule">The name of the rule it is in, if any.</param>
/// <param name="Value">The offending value as JSON, cut to <see cref="SamplingLimits.ErrorValueLengthMax"/> characters; empty when it is missing.</param>
/// <param name="Reason">Why it is refused and what would be accepted.</param>
public sealed record SamplingPolicyError(string Field, string? Rule, string Value, string Reason)
{
    /// <summary>The error as one line for people.</summary>
    public override string ToString()
    {
        var where = Rule is null ? Field : $"rule \"{Rule}\", {Field}";
        return Value.Length == 0 ? $"{where}: {Reason}" : $"{where} = {Value}: {Reason}";
    }
}
