using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace StreamObserve.Core.Sampling.SamplingPolicies;

/// <summary>A policy's JSON object, its name and where it is; of its settings likewise.</summary>
internal readonly record struct PolicyElement(JsonElement Json, string Name, string Path);

/// <summary>Reads and validates policies of the Collector's types. What is wrong is collected by the reader of the whole document, under the name of the outermost policy.</summary>
internal sealed class CollectorPolicyReader(SamplingPolicyReader document)
{
    private static readonly Dictionary<string, Func<CollectorPolicyReader, PolicyElement, CollectorPolicy?>> ByType = new(StringComparer.Ordinal)
    {
        [AlwaysSamplePolicy.TypeName] = AlwaysSamplePolicy.Read,
        [LatencyPolicy.TypeName] = LatencyPolicy.Read,
        [NumericAttributePolicy.TypeName] = NumericAttributePolicy.Read,
        [ProbabilisticPolicy.TypeName] = ProbabilisticPolicy.Read,
        [StatusCodePolicy.TypeName] = StatusCodePolicy.Read,
        [StringAttributePolicy.TypeName] = StringAttributePolicy.Read,
        [TraceStatePolicy.TypeName] = TraceStatePolicy.Read,
        [TraceFlagsPolicy.TypeName] = TraceFlagsPolicy.Read,
        [RateLimitingPolicy.TypeName] = RateLimitingPolicy.Read,
        [BytesLimitingPolicy.TypeName] = BytesLimitingPolicy.Read,
        [SpanCountPolicy.TypeName] = SpanCountPolicy.Read,
        [BooleanAttributePolicy.TypeName] = BooleanAttributePolicy.Read,
        [AndPolicy.TypeName] = AndPolicy.Read,
        [NotPolicy.TypeName] = NotPolicy.Read,
        [DropPolicy.TypeName] = DropPolicy.Read,
        [CompositePolicy.TypeName] = CompositePolicy.Read,
    };

    private int _depth;

    /// <summary>Reads an array of policies, each of another name.</summary>
    public List<CollectorPolicy> ReadAll(JsonElement array, string path)
    {
        var policies = new List<CollectorPolicy>();
        if (array.ValueKind != JsonValueKind.Array || array.GetArrayLength() is 0 or > SamplingLimits.RulesMax)
        {
            document.Refuse(path, array.GetRawText(), $"an array of 1 to {SamplingLimits.RulesMax} policies is needed");
            return policies;
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        var index = 0;
        foreach (var element in array.EnumerateArray())
        {
            var at = $"{path}[{index++}]";
            if (Read(element, at, index) is { } policy)
            {
                policies.Add(policy);
                if (!names.Add(policy.Name))
                {
                    document.Refuse($"{at}.name", $"\"{policy.Name}\"", "another policy has this name");
                }
            }
        }

        return policies;
    }

    /// <summary>The settings of a policy: the object under the name of its type. Unknown ones are refused, and so is their absence where they are needed.</summary>
    public PolicyElement SettingsOf(PolicyElement policy, bool isNeeded, params ReadOnlySpan<string> known)
    {
        var type = policy.Json.GetProperty("type").GetString()!;
        document.RefuseUnknown(policy.Json, policy.Path, "name", "type", type);
        var path = SamplingPolicyReader.Join(policy.Path, type);
        if (!TryGet(policy.Json, type, out var settings))
        {
            if (isNeeded)
            {
                document.Refuse(path, "", $"the settings of the policy are needed: {string.Join(", ", known)}");
            }

            return policy with { Json = default, Path = path };
        }

        if (!document.IsObject(settings, path, "the settings are an object"))
        {
            return policy with { Json = default, Path = path };
        }

        document.RefuseUnknown(settings, path, known);
        return policy with { Json = settings, Path = path };
    }

    public void Refuse(PolicyElement settings, string name, string reason) =>
        document.Refuse(SamplingPolicyReader.Join(settings.Path, name), TryGet(settings.Json, name, out var value) ? value.GetRawText() : "", reason);

    /// <summary>A whole number; null where there is none, or it was refused.</summary>
    public long? Integer(PolicyElement settings, string name, bool isNeeded, long min)
    {
        if (Number(settings, name, isNeeded) is not { } number)
        {
            return null;
        }

        if (number >= min && number <= (1L << 53) && Math.Floor(number) == number)
        {
            return (long)number;
        }

        Refuse(settings, name, string.Create(CultureInfo.InvariantCulture, $"a whole number from {min} up is needed"));
        return null;
    }

    /// <summary>A number; null where there is none, or it was refused.</summary>
    public double? Number(PolicyElement settings, string name, bool isNeeded = false)
    {
        if (!TryGet(settings.Json, name, out var value))
        {
            if (isNeeded && settings.Json.ValueKind == JsonValueKind.Object)
            {
                Refuse(settings, name, "a number is needed");
            }

            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number))
        {
            return number;
        }

        Refuse(settings, name, "a number is needed");
        return null;
    }

    /// <summary>A truth value; false where there is none.</summary>
    public bool Flag(PolicyElement settings, string name)
    {
        if (!TryGet(settings.Json, name, out var value))
        {
            return false;
        }

        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            Refuse(settings, name, "true or false is needed");
            return false;
        }

        return value.GetBoolean();
    }

    /// <summary>A text; null where there is none, or it was refused.</summary>
    public string? Text(PolicyElement settings, string name)
    {
        if (!TryGet(settings.Json, name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: <= SamplingLimits.TextLengthMax } text)
        {
            return text;
        }

        Refuse(settings, name, $"a text of at most {SamplingLimits.TextLengthMax} characters is needed");
        return null;
    }

    /// <summary>The name of a field, which is needed.</summary>
    public string Field(PolicyElement settings, string name)
    {
        if (settings.Json.ValueKind == JsonValueKind.Object && (Text(settings, name) ?? "") is "" or SamplingCondition.RootPrefix or ['?', '.', ..])
        {
            Refuse(settings, name, "the name of a field is needed");
        }

        return settings.Json.ValueKind == JsonValueKind.Object && TryGet(settings.Json, name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
    }

    /// <summary>A list of texts that are not empty.</summary>
    public List<string> Texts(PolicyElement settings, string name, bool isNeeded)
    {
        var texts = new List<string>();
        if (!TryGet(settings.Json, name, out var array) && !(isNeeded && settings.Json.ValueKind == JsonValueKind.Object))
        {
            return texts;
        }

        if (array.ValueKind == JsonValueKind.Array && array.GetArrayLength() is > 0 and <= SamplingLimits.ListValuesMax)
        {
            foreach (var item in array.EnumerateArray())
            {
                if (item.ValueKind == JsonValueKind.String && item.GetString() is { Length: > 0 and <= SamplingLimits.TextLengthMax } text)
                {
                    texts.Add(text);
                }
            }
        }

        if (texts.Count == 0 || texts.Count != array.GetArrayLength())
        {
            Refuse(settings, name, $"a list of 1 to {SamplingLimits.ListValuesMax} texts is needed, none of them empty");
            texts.Clear();
        }

        return texts;
    }

    /// <summary>Refuses what is no regular expression that runs in linear time.</summary>
    public void CheckPatterns(PolicyElement settings, string name, IReadOnlyList<string> patterns)
    {
        foreach (var pattern in patterns)
        {
            document.ReadPattern(Events.FieldValue.Of(pattern), SamplingPolicyReader.Join(settings.Path, name));
        }

        if (patterns.Sum(pattern => pattern.Length) > SamplingLimits.TextLengthMax)
        {
            Refuse(settings, name, $"all patterns together have at most {SamplingLimits.TextLengthMax} characters");
        }
        else if (patterns.Count > 0)
        {
            // One by one they may be patterns, and together none: a comment that hides the bracket behind it.
            document.ReadPattern(Events.FieldValue.Of(StringAttributePolicy.AnyOf(patterns)), SamplingPolicyReader.Join(settings.Path, name), SamplingLimits.JoinedPatternsMax);
        }
    }

    /// <summary>The policies that another is made of, at least one.</summary>
    public List<CollectorPolicy> Parts(PolicyElement settings, string name)
    {
        if (settings.Json.ValueKind != JsonValueKind.Object)
        {
            return [];
        }

        var path = SamplingPolicyReader.Join(settings.Path, name);
        if (!TryGet(settings.Json, name, out var array))
        {
            document.Refuse(path, "", "the policies that it is made of are needed");
            return [];
        }

        return ReadAll(array, path);
    }

    /// <summary>The one policy that another is made of; null where it was refused.</summary>
    public CollectorPolicy? Part(PolicyElement settings, string name)
    {
        var path = SamplingPolicyReader.Join(settings.Path, name);
        if (TryGet(settings.Json, name, out var part))
        {
            return Read(part, path, 1);
        }

        if (settings.Json.ValueKind == JsonValueKind.Object)
        {
            document.Refuse(path, "", "the policy that it is made of is needed");
        }

        return null;
    }

    /// <summary>The percentages of a composite's parts, where they are given.</summary>
    public Dictionary<string, double> Allocations(PolicyElement settings, string name, List<CollectorPolicy> parts)
    {
        var percents = new Dictionary<string, double>(StringComparer.Ordinal);
        if (!TryGet(settings.Json, name, out var array))
        {
            return percents;
        }

        if (array.ValueKind != JsonValueKind.Array)
        {
            Refuse(settings, name, "an array of objects with \"policy\" and \"percent\" is needed");
            return percents;
        }

        var path = SamplingPolicyReader.Join(settings.Path, name);
        var index = 0;
        foreach (var element in array.EnumerateArray())
        {
            var at = new PolicyElement(element, settings.Name, $"{path}[{index++}]");
            if (!document.IsObject(element, at.Path, "an object with \"policy\" and \"percent\" is needed"))
            {
                continue;
            }

            document.RefuseUnknown(element, at.Path, "policy", "percent");
            var policy = Text(at, "policy");
            if (policy is null || !parts.Exists(part => part.Name == policy) || percents.ContainsKey(policy))
            {
                Refuse(at, "policy", "the name of a part of the composite is needed, each once");
            }
            else if (Number(at, "percent", isNeeded: true) is { } percent)
            {
                percents.Add(policy, percent);
                if (percent is <= 0 or > 100)
                {
                    Refuse(at, "percent", "a percentage is a number above 0 and up to 100");
                }
            }
        }

        // Their sum depends on their order by as much as rounding does, and they are written in another one than they were read in.
        if (percents.Values.Sum() > 100 + 1e-6)
        {
            Refuse(settings, name, "all percentages together are more than 100");
        }

        return percents;
    }

    private CollectorPolicy? Read(JsonElement element, string path, int number)
    {
        if (!document.IsObject(element, path, "a policy is an object with \"name\" and \"type\""))
        {
            return null;
        }

        var name = TryGet(element, "name", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString()! : "";
        if (_depth == 0)
        {
            document.Within(name.Length > 0 ? name : string.Create(CultureInfo.InvariantCulture, $"policy {number}"));
        }

        if (name.Length is 0 or > SamplingLimits.TextLengthMax)
        {
            document.Refuse($"{path}.name", text.ValueKind == JsonValueKind.Undefined ? "" : text.GetRawText(), $"a name of 1 to {SamplingLimits.TextLengthMax} characters is needed");
        }

        var type = TryGet(element, "type", out var ofType) && ofType.ValueKind == JsonValueKind.String ? ofType.GetString()! : "";
        if (!ByType.TryGetValue(type, out var read))
        {
            document.Refuse($"{path}.type", ofType.ValueKind == JsonValueKind.Undefined ? "" : ofType.GetRawText(), $"not a supported policy; supported: {string.Join(", ", ByType.Keys)}");
            return null;
        }

        if (_depth > 0 && type is (DropPolicy.TypeName or CompositePolicy.TypeName))
        {
            document.Refuse($"{path}.type", $"\"{type}\"", "it cannot be part of another policy");
            return null;
        }

        if (_depth > SamplingLimits.PolicyDepthMax)
        {
            document.Refuse(path, "", $"policies are made of others at most {SamplingLimits.PolicyDepthMax} deep");
            return null;
        }

        _depth++;
        try
        {
            return read(this, new(element, name, path));
        }
        finally
        {
            _depth--;
        }
    }

    private static bool TryGet(JsonElement element, string name, out JsonElement value)
    {
        value = default;
        return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;
    }
}
