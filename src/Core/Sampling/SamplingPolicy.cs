using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using StreamObserve.Core.Sampling.SamplingPolicies;

namespace StreamObserve.Core.Sampling;

/// <summary>The sampling rules of one dataset, or of all that have none of their own (<see cref="DefaultDataset"/>). Immutable and validated.</summary>
public sealed record SamplingPolicy
{
    /// <summary>The name under which the policy of all other datasets is kept.</summary>
    public const string DefaultDataset = "__default__";

    /// <summary>The policy without rules: everything is kept.</summary>
    public static SamplingPolicy KeepAll { get; } = new();

    /// <summary>The rules; the first that matches decides.</summary>
    public IReadOnlyList<SamplingRule> Rules { get; init; } = [];

    /// <summary>Policies of the Collector's types, all of which are asked; in place of <see cref="Rules"/>. Empty where there are rules.</summary>
    public IReadOnlyList<CollectorPolicy> Policies { get; init; } = [];

    /// <summary>The cluster's window in milliseconds; only in <see cref="DefaultDataset"/>. Null: as configured.</summary>
    public long? WindowMs { get; init; }

    /// <summary>
    /// Reads a policy as sent to <c>PUT /api/v1/sampling/{dataset}</c>. Never throws for bad input: all that is wrong is in <paramref name="errors"/>, each with rule, field and value.
    /// </summary>
    /// <param name="json">UTF-8 JSON.</param>
    /// <param name="dataset">The dataset it is for; <see cref="DefaultDataset"/> may have a window.</param>
    /// <param name="policy">The policy, when true is returned.</param>
    /// <param name="errors">What is wrong, when false is returned; else empty.</param>
    public static bool TryParse(ReadOnlyMemory<byte> json, string dataset, [NotNullWhen(true)] out SamplingPolicy? policy, out IReadOnlyList<SamplingPolicyError> errors)
    {
        var reader = new SamplingPolicyReader();
        policy = reader.ReadDocument(json, root => reader.ReadPolicy(root, dataset, path: ""));
        errors = reader.Errors;
        return policy is not null;
    }

    /// <summary>The policy as JSON, which <see cref="TryParse"/> reads back to an equal one.</summary>
    public byte[] ToJson() => SamplingPolicyWriter.ToUtf8(WriteTo);

    /// <summary>Writes the policy as a JSON object.</summary>
    public void WriteTo(Utf8JsonWriter writer) => SamplingPolicyWriter.Write(writer, this);
}
