using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;

namespace StreamObserve.Core.Sampling;

/// <summary>
/// All policies of the cluster in one version. Its JSON is what a control record carries to every partition, so that a version takes effect at one place in each log.
/// Immutable, valid by construction, thread-safe.
/// </summary>
public sealed class SamplingPolicySet
{
    private readonly SortedDictionary<string, SamplingPolicy> _policies;
    private CompiledSamplingPolicy? _compiled;

    private SamplingPolicySet(int version, SortedDictionary<string, SamplingPolicy> policies)
    {
        Version = version;
        _policies = policies;
    }

    /// <summary>Version 0: no policies, everything is kept.</summary>
    public static SamplingPolicySet Empty { get; } = CompiledOrThrow(new SamplingPolicySet(0, NewPolicies()));

    /// <summary>The version; each change makes the next.</summary>
    public int Version { get; }

    /// <summary>The policies by dataset, in ordinal order of the names, which ignore case; <see cref="SamplingPolicy.DefaultDataset"/> is for all others.</summary>
    public IReadOnlyDictionary<string, SamplingPolicy> Policies => _policies;

    /// <summary>The set ready to use.</summary>
    public CompiledSamplingPolicy Compiled => _compiled!;

    /// <summary>The policy of a dataset by its own name; null when it has none.</summary>
    public SamplingPolicy? PolicyOf(string dataset) => _policies.GetValueOrDefault(dataset);

    /// <summary>The next version, with the dataset's policy put in place of the one it had. False, with the reason, when the set would pass a limit.</summary>
    public bool TryWith(string dataset, SamplingPolicy policy, [NotNullWhen(true)] out SamplingPolicySet? next, [NotNullWhen(false)] out SamplingPolicyError? error)
    {
        ArgumentNullException.ThrowIfNull(policy);
        var policies = NewPolicies(_policies);
        policies.Remove(dataset);
        policies.Add(dataset, policy);
        return TryCompile(new SamplingPolicySet(Version + 1, policies), out next, out error);
    }

    /// <summary>The next version, in which the dataset has no policy of its own.</summary>
    public SamplingPolicySet Without(string dataset)
    {
        var policies = NewPolicies(_policies);
        policies.Remove(dataset);
        return CompiledOrThrow(new SamplingPolicySet(Version + 1, policies));
    }

    /// <summary>The set as JSON: <c>{"version":N,"policies":{dataset:policy}}</c>, which <see cref="TryParse"/> reads back to an equal one. Equal sets give equal bytes.</summary>
    public byte[] ToJson() => SamplingPolicyWriter.ToUtf8(writer =>
    {
        writer.WriteStartObject();
        writer.WriteNumber("version", Version);
        writer.WriteStartObject("policies");
        foreach (var (dataset, policy) in _policies)
        {
            writer.WritePropertyName(dataset);
            policy.WriteTo(writer);
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
    });

    /// <summary>Reads what <see cref="ToJson"/> wrote. Never throws for bad input: all that is wrong is in <paramref name="errors"/>.</summary>
    public static bool TryParse(ReadOnlyMemory<byte> json, [NotNullWhen(true)] out SamplingPolicySet? set, out IReadOnlyList<SamplingPolicyError> errors)
    {
        var reader = new SamplingPolicyReader();
        var read = reader.ReadDocument(json, root => Read(reader, root));
        errors = reader.Errors;
        set = null;
        if (read is null)
        {
            return false;
        }

        if (!TryCompile(read, out set, out var error))
        {
            errors = [error];
            return false;
        }

        return true;
    }

    private static SamplingPolicySet? Read(SamplingPolicyReader reader, JsonElement root)
    {
        if (!reader.IsObject(root, "", "a set of policies is an object with \"version\" and \"policies\""))
        {
            return null;
        }

        reader.RefuseUnknown(root, "", "version", "policies");
        if (!root.TryGetProperty("version", out var versionElement) || versionElement.ValueKind != JsonValueKind.Number || !versionElement.TryGetInt32(out var version) || version < 0)
        {
            reader.Refuse("version", versionElement.ValueKind == JsonValueKind.Undefined ? "" : versionElement.GetRawText(), "an integer from 0 up is needed");
            return null;
        }

        var policies = NewPolicies();
        if (!root.TryGetProperty("policies", out var policiesElement))
        {
            reader.Refuse("policies", "", "an object of policies by dataset is needed");
            return null;
        }

        if (!reader.IsObject(policiesElement, "policies", "an object of policies by dataset is needed"))
        {
            return null;
        }

        foreach (var property in policiesElement.EnumerateObject())
        {
            var path = SamplingPolicyReader.Join("policies", property.Name);
            if (reader.ReadPolicy(property.Value, property.Name, path) is { } policy && !policies.TryAdd(property.Name, policy))
            {
                reader.Refuse(path, "", "the dataset comes twice (names ignore case)");
            }
        }

        return new SamplingPolicySet(version, policies);
    }

    private static bool TryCompile(SamplingPolicySet set, [NotNullWhen(true)] out SamplingPolicySet? compiled, [NotNullWhen(false)] out SamplingPolicyError? error)
    {
        compiled = null;
        foreach (var dataset in set._policies.Keys)
        {
            if (dataset.Length is 0 or > SamplingLimits.TextLengthMax)
            {
                error = new SamplingPolicyError("dataset", null, $"\"{dataset}\"", $"a dataset's name has from 1 to {SamplingLimits.TextLengthMax} characters");
                return false;
            }
        }

        if (set._policies.Count > SamplingLimits.PoliciesMax)
        {
            error = new SamplingPolicyError("dataset", null, string.Create(CultureInfo.InvariantCulture, $"{set._policies.Count} policies"), $"at most {SamplingLimits.PoliciesMax} datasets have a policy of their own");
            return false;
        }

        set._compiled = SamplingPolicyCompiler.Compile(set, out error);
        compiled = set._compiled is null ? null : set;
        return compiled is not null;
    }

    private static SamplingPolicySet CompiledOrThrow(SamplingPolicySet set) =>
        TryCompile(set, out var compiled, out var error) ? compiled : throw new InvalidOperationException($"fewer policies cannot pass a limit: {error}");

    private static SortedDictionary<string, SamplingPolicy> NewPolicies(IDictionary<string, SamplingPolicy>? from = null)
    {
        var policies = new SortedDictionary<string, SamplingPolicy>(StringComparer.OrdinalIgnoreCase);
        foreach (var (dataset, policy) in from ?? new Dictionary<string, SamplingPolicy>())
        {
            policies.Add(dataset, policy);
        }

        return policies;
    }
}
