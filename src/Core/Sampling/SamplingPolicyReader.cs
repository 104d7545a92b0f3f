using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling.SamplingPolicies;

namespace StreamObserve.Core.Sampling;

/// <summary>Reads and validates policies from JSON and collects all that is wrong. One instance reads one document.</summary>
internal sealed class SamplingPolicyReader
{
    internal static readonly string[] DatatypeNames = ["", "string", "int", "float", "bool"];

    private static readonly JsonDocumentOptions DocumentOptions = new() { AllowDuplicateProperties = false };

    private readonly List<SamplingPolicyError> _errors = [];
    private string? _rule;

    public IReadOnlyList<SamplingPolicyError> Errors => _errors;

    /// <summary>What <paramref name="read"/> makes of the document; null when anything is wrong with it.</summary>
    public T? ReadDocument<T>(ReadOnlyMemory<byte> json, Func<JsonElement, T?> read)
        where T : class
    {
        if (json.Length > SamplingLimits.JsonBytesMax)
        {
            Refuse("", $"{json.Length} bytes", $"a policy has at most {SamplingLimits.JsonBytesMax} bytes");
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(json, DocumentOptions);
            var result = read(document.RootElement);
            return _errors.Count == 0 ? result : null;
        }
        catch (JsonException malformed)
        {
            Refuse("", "", $"not valid JSON: {malformed.Message}");
            return null;
        }
        catch (InvalidOperationException malformed)
        {
            // Lone surrogates and bytes that are no UTF-8 come to light only when a text is read.
            Refuse("", "", $"not valid JSON: {malformed.Message}");
            return null;
        }
    }

    public void Refuse(string field, string value, string reason)
    {
        var shown = value.Length <= SamplingLimits.ErrorValueLengthMax ? value : value[..SamplingLimits.ErrorValueLengthMax] + "…";
        _errors.Add(new SamplingPolicyError(field, _rule, shown, reason));
    }

    /// <summary>Names what is read next, for errors.</summary>
    public void Within(string rule) => _rule = rule;

    public SamplingPolicy? ReadPolicy(JsonElement element, string dataset, string path)
    {
        if (!IsObject(element, path, "a policy is an object with \"rules\""))
        {
            return null;
        }

        RefuseUnknown(element, path, "window", "rules", "policies");
        var isDefault = string.Equals(dataset, SamplingPolicy.DefaultDataset, StringComparison.OrdinalIgnoreCase);
        var windowMs = ReadWindow(element, path, isDefault);
        if (!TryGet(element, "policies", out var policies))
        {
            return new SamplingPolicy { WindowMs = windowMs, Rules = ReadRules(element, path) };
        }

        if (TryGet(element, "rules", out var rules))
        {
            Refuse(Join(path, "rules"), rules.GetRawText(), "a policy has either rules, of which the first that matches decides, or policies, all of which are asked");
        }

        var read = new CollectorPolicyReader(this).ReadAll(policies, Join(path, "policies"));
        _rule = null;
        return new SamplingPolicy { WindowMs = windowMs, Policies = read };
    }

    public bool IsObject(JsonElement element, string path, string reason)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            return true;
        }

        Refuse(path, element.GetRawText(), reason);
        return false;
    }

    public void RefuseUnknown(JsonElement element, string path, params ReadOnlySpan<string> known)
    {
        foreach (var property in element.EnumerateObject())
        {
            if (!known.Contains(property.Name))
            {
                Refuse(Join(path, property.Name), property.Value.GetRawText(), $"not a known field; known are {string.Join(", ", known)}");
            }
        }
    }

    public static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private static bool TryGet(JsonElement element, string name, out JsonElement value) =>
        element.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    private long? ReadWindow(JsonElement element, string path, bool isDefault)
    {
        if (!TryGet(element, "window", out var window))
        {
            return null;
        }

        path = Join(path, "window");
        if (!isDefault)
        {
            Refuse(path, window.GetRawText(), $"the window is the whole cluster's: only the policy of {SamplingPolicy.DefaultDataset} may set it");
        }
        else if (window.ValueKind != JsonValueKind.String || !DurationText.TryParse(window.GetString(), out var milliseconds))
        {
            Refuse(path, window.GetRawText(), "not a duration; write e.g. \"60s\" or \"1m30s\" (units ms, s, m, h)");
        }
        else if (milliseconds is < SamplingLimits.WindowMsMin or > SamplingLimits.WindowMsMax)
        {
            Refuse(path, window.GetRawText(), $"a window is from {DurationText.Format(SamplingLimits.WindowMsMin)} to {DurationText.Format(SamplingLimits.WindowMsMax)}");
        }
        else
        {
            return milliseconds;
        }

        return null;
    }

    private List<SamplingRule> ReadRules(JsonElement element, string path)
    {
        var rules = new List<SamplingRule>();
        path = Join(path, "rules");
        if (!element.TryGetProperty("rules", out var array) || array.ValueKind != JsonValueKind.Array)
        {
            Refuse(path, array.ValueKind == JsonValueKind.Undefined ? "" : array.GetRawText(), "an array of rules is needed (an empty one keeps everything), or \"policies\"");
            return rules;
        }

        if (array.GetArrayLength() > SamplingLimits.RulesMax)
        {
            Refuse(path, $"{array.GetArrayLength()} rules", $"a policy has at most {SamplingLimits.RulesMax} rules");
            return rules;
        }

        foreach (var rule in array.EnumerateArray())
        {
            rules.Add(ReadRule(rule, $"{path}[{rules.Count}]", rules.Count));
            _rule = null;
        }

        return rules;
    }

    private SamplingRule ReadRule(JsonElement element, string path, int index)
    {
        _rule = string.Create(CultureInfo.InvariantCulture, $"rule {index + 1}");
        if (!IsObject(element, path, "a rule is an object"))
        {
            return new SamplingRule { Name = _rule, Conditions = [] };
        }

        _rule = ReadText(element, path, "name") is { Length: > 0 } name ? name : _rule;
        RefuseUnknown(element, path, "name", "scope", "conditions", "keep", "drop", "rate", "sampler");
        var rule = new SamplingRule
        {
            Name = _rule,
            Scope = ReadScope(element, path),
            Conditions = ReadConditions(element, path),
            Keep = ReadFlag(element, path, "keep"),
            Drop = ReadFlag(element, path, "drop"),
            Rate = TryGet(element, "rate", out var rate) ? ReadRate(rate, Join(path, "rate")) : null,
            Sampler = TryGet(element, "sampler", out var sampler) ? ReadSampler(sampler, Join(path, "sampler")) : null,
        };
        var hasAction = rule.Keep || rule.Drop || TryGet(element, "rate", out _) || TryGet(element, "sampler", out _);
        if (!hasAction)
        {
            Refuse(path, "", "what to do is missing: one of \"keep\": true, \"drop\": true, \"rate\": N, \"sampler\": {…}");
        }
        else if (rule.Keep && rule.Drop)
        {
            Refuse(Join(path, "drop"), "true", "the rule also says \"keep\": true");
        }

        return rule;
    }

    private SamplingScope ReadScope(JsonElement element, string path)
    {
        switch (ReadText(element, path, "scope"))
        {
            case null or "trace":
                return SamplingScope.Trace;
            case "span":
                return SamplingScope.Span;
            default:
                Refuse(Join(path, "scope"), element.GetProperty("scope").GetRawText(), "a scope is trace or span");
                return SamplingScope.Trace;
        }
    }

    private bool ReadFlag(JsonElement element, string path, string name)
    {
        if (!TryGet(element, name, out var value))
        {
            return false;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        Refuse(Join(path, name), value.GetRawText(), "true or false is needed");
        return false;
    }

    private double? ReadRate(JsonElement value, string path)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var rate) && rate is >= 1 and <= SamplingLimits.RateMax)
        {
            return rate;
        }

        Refuse(path, value.GetRawText(), string.Create(CultureInfo.InvariantCulture, $"a rate is a number from 1 to {SamplingLimits.RateMax}: one in so many is kept"));
        return null;
    }

    private NestedSampler? ReadSampler(JsonElement element, string path)
    {
        if (!IsObject(element, path, "a sampler is an object with \"type\""))
        {
            return null;
        }

        var type = ReadText(element, path, "type");
        if (!NestedSampler.TryParseType(type, out var action))
        {
            var given = element.TryGetProperty("type", out var value) ? value.GetRawText() : "";
            Refuse(Join(path, "type"), given, $"not a supported sampler; supported: {string.Join(", ", NestedSampler.TypeNames)}");
            return null;
        }

        var errorsBefore = _errors.Count;
        var sampler = action switch
        {
            SamplingActionKind.Probabilistic => ReadProbabilistic(element, path),
            SamplingActionKind.Dynamic => ReadDynamic(element, path),
            SamplingActionKind.Throughput => ReadThroughput(element, path),
            _ => ReadDeterministic(element, path),
        };
        return _errors.Count == errorsBefore ? sampler : null;
    }

    private NestedSampler ReadDeterministic(JsonElement element, string path)
    {
        RefuseUnknown(element, path, "type", "rate");
        return new(SamplingActionKind.Deterministic) { Rate = ReadNeededRate(element, path, "rate", "the deterministic sampler needs a rate") };
    }

    private NestedSampler ReadProbabilistic(JsonElement element, string path)
    {
        RefuseUnknown(element, path, "type", "percent", "salt");
        var percent = 100d;
        if (!TryGet(element, "percent", out var value))
        {
            Refuse(Join(path, "percent"), "", "the probabilistic sampler needs a percentage");
        }
        else if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out percent) || !(percent > 0 && percent <= 100) || 100 / percent > SamplingLimits.RateMax)
        {
            Refuse(Join(path, "percent"), value.GetRawText(), "a percentage is a number above 0 and up to 100; \"drop\": true keeps none");
        }

        return new(SamplingActionKind.Probabilistic) { Percent = percent, Salt = ReadText(element, path, "salt") ?? NestedSampler.DefaultSalt };
    }

    private NestedSampler ReadDynamic(JsonElement element, string path)
    {
        RefuseUnknown(element, path, "type", "goal_rate", "key", "use_trace_length");
        return new(SamplingActionKind.Dynamic)
        {
            Rate = ReadNeededRate(element, path, "goal_rate", "the dynamic sampler needs a goal: one in how many is kept on average"),
            Key = ReadKey(element, path),
        };
    }

    private NestedSampler ReadThroughput(JsonElement element, string path)
    {
        RefuseUnknown(element, path, "type", "goal_per_second", "key", "use_trace_length");
        var goal = 1d;
        if (!TryGet(element, "goal_per_second", out var value))
        {
            Refuse(Join(path, "goal_per_second"), "", "the throughput sampler needs a goal: how many events a second are kept");
        }
        else if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out goal) || !(goal > 0 && goal <= SamplingLimits.GoalPerSecondMax))
        {
            Refuse(Join(path, "goal_per_second"), value.GetRawText(), string.Create(CultureInfo.InvariantCulture, $"a goal is a number above 0 and up to {SamplingLimits.GoalPerSecondMax}"));
        }

        return new(SamplingActionKind.Throughput) { GoalPerSecond = goal, Key = ReadKey(element, path) };
    }

    private double ReadNeededRate(JsonElement element, string path, string name, string reason)
    {
        if (TryGet(element, name, out var value))
        {
            return ReadRate(value, Join(path, name)) ?? 1;
        }

        Refuse(Join(path, name), "", reason);
        return 1;
    }

    private SampleKey ReadKey(JsonElement element, string path)
    {
        var fields = new List<string>();
        if (TryGet(element, "key", out var array))
        {
            path = Join(path, "key");
            if (array.ValueKind != JsonValueKind.Array || array.GetArrayLength() > SamplingLimits.KeyFieldsMax)
            {
                Refuse(path, array.GetRawText(), $"an array of at most {SamplingLimits.KeyFieldsMax} fields is needed");
                return SampleKey.None;
            }

            foreach (var field in array.EnumerateArray())
            {
                var name = field.ValueKind == JsonValueKind.String ? field.GetString()! : "";
                if (name is "" or SamplingCondition.RootPrefix || name.Length > SamplingLimits.TextLengthMax || fields.Contains(name))
                {
                    Refuse($"{path}[{fields.Count}]", field.GetRawText(), "the name of a field is needed, each once");
                    return SampleKey.None;
                }

                fields.Add(name);
            }
        }

        return new(fields, ReadFlag(element, path, "use_trace_length"));
    }

    private List<SamplingCondition> ReadConditions(JsonElement element, string path)
    {
        var conditions = new List<SamplingCondition>();
        if (!TryGet(element, "conditions", out var array))
        {
            return conditions;
        }

        path = Join(path, "conditions");
        if (array.ValueKind != JsonValueKind.Array)
        {
            Refuse(path, array.GetRawText(), "an array of conditions is needed");
            return conditions;
        }

        if (array.GetArrayLength() > SamplingLimits.ConditionsMax)
        {
            Refuse(path, $"{array.GetArrayLength()} conditions", $"a rule has at most {SamplingLimits.ConditionsMax} conditions");
            return conditions;
        }

        var index = 0;
        foreach (var condition in array.EnumerateArray())
        {
            if (ReadCondition(condition, $"{path}[{index++}]") is { } read)
            {
                conditions.Add(read);
            }
        }

        return conditions;
    }

    private SamplingCondition? ReadCondition(JsonElement element, string path)
    {
        if (!IsObject(element, path, "a condition is an object with \"field\", \"op\" and \"value\""))
        {
            return null;
        }

        RefuseUnknown(element, path, "field", "op", "value", "datatype");
        var errorsBefore = _errors.Count;
        var opText = ReadText(element, path, "op");
        if (!SamplingOperators.TryParse(opText, out var op))
        {
            if (_errors.Count == errorsBefore)
            {
                Refuse(Join(path, "op"), opText is null ? "" : element.GetProperty("op").GetRawText(), $"an operator is one of {string.Join(" ", SamplingOperators.Names)}");
            }

            return null;
        }

        var field = ReadConditionField(element, path, op);
        var datatype = ReadDatatype(element, path, op);
        var values = ReadValues(element, Join(path, "value"), op, datatype);
        var pattern = op == SamplingOperator.Matches && values.Count == 1 ? ReadPattern(values[0], Join(path, "value")) : null;
        return _errors.Count == errorsBefore ? new SamplingCondition(field, op, values, datatype, pattern) : null;
    }

    private string ReadConditionField(JsonElement element, string path, SamplingOperator op)
    {
        if (op == SamplingOperator.HasRootSpan)
        {
            return "";
        }

        var errorsBefore = _errors.Count;
        var field = ReadText(element, path, "field");
        path = Join(path, "field");
        if (field is null or "" or SamplingCondition.RootPrefix)
        {
            if (_errors.Count == errorsBefore)
            {
                Refuse(path, field is null ? "" : $"\"{field}\"", "the name of a field is needed");
            }
        }
        else if (field.StartsWith("?.", StringComparison.Ordinal) && field != SamplingCondition.DescendantCountField)
        {
            Refuse(path, $"\"{field}\"", $"not a computed field; there is {SamplingCondition.DescendantCountField}");
        }

        return field ?? "";
    }

    private SamplingDatatype ReadDatatype(JsonElement element, string path, SamplingOperator op)
    {
        var text = ReadText(element, path, "datatype") ?? "";
        var index = Array.IndexOf(DatatypeNames, text);
        if (index < 0)
        {
            Refuse(Join(path, "datatype"), $"\"{text}\"", "a datatype is string, int, float or bool");
            return SamplingDatatype.AsIs;
        }

        var datatype = (SamplingDatatype)index;
        if (datatype == SamplingDatatype.Bool && op is not (SamplingOperator.Equal or SamplingOperator.NotEqual))
        {
            Refuse(Join(path, "datatype"), $"\"{text}\"", $"{SamplingOperators.NameOf(op)} cannot compare truth values; only = and != can");
        }

        return datatype;
    }

    private List<FieldValue> ReadValues(JsonElement element, string path, SamplingOperator op, SamplingDatatype datatype)
    {
        var values = new List<FieldValue>();
        var given = TryGet(element, "value", out var value);
        switch (op)
        {
            case SamplingOperator.Exists or SamplingOperator.NotExists:
                if (given)
                {
                    Refuse(path, value.GetRawText(), $"{SamplingOperators.NameOf(op)} takes no value");
                }

                return values;
            case SamplingOperator.HasRootSpan:
                values.Add(FieldValue.Of(!given || ReadRootSpanFlag(value, path)));
                return values;
            case SamplingOperator.In or SamplingOperator.NotIn when given && value.ValueKind == JsonValueKind.Array:
                ReadList(value, path, datatype, values);
                return values;
        }

        if (!given)
        {
            Refuse(path, "", $"{SamplingOperators.NameOf(op)} needs a value");
        }
        else
        {
            ReadScalar(value, path, datatype, values);
        }

        return values;
    }

    private bool ReadRootSpanFlag(JsonElement value, string path)
    {
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        if (value.ValueKind == JsonValueKind.String && bool.TryParse(value.GetString(), out var flag))
        {
            return flag;
        }

        Refuse(path, value.GetRawText(), "has-root-span needs true or false");
        return false;
    }

    private void ReadList(JsonElement array, string path, SamplingDatatype datatype, List<FieldValue> values)
    {
        var length = array.GetArrayLength();
        if (length is 0 or > SamplingLimits.ListValuesMax)
        {
            Refuse(path, $"{length} values", $"a list has from 1 to {SamplingLimits.ListValuesMax} values");
            return;
        }

        var index = 0;
        foreach (var item in array.EnumerateArray())
        {
            ReadScalar(item, $"{path}[{index++}]", datatype, values);
        }
    }

    private void ReadScalar(JsonElement element, string path, SamplingDatatype datatype, List<FieldValue> values)
    {
        FieldValue value;
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                value = FieldValue.Of(element.GetString()!);
                break;
            case JsonValueKind.True or JsonValueKind.False:
                value = FieldValue.Of(element.GetBoolean());
                break;
            case JsonValueKind.Number when element.TryGetInt64(out var integer):
                value = FieldValue.Of(integer);
                break;
            case JsonValueKind.Number when element.TryGetDouble(out var number) && double.IsFinite(number):
                value = FieldValue.Of(number);
                break;
            default:
                Refuse(path, element.GetRawText(), "a text, a number, true or false is needed");
                return;
        }

        if (!SamplingCondition.TryConvert(value, datatype, out _))
        {
            Refuse(path, element.GetRawText(), $"does not convert to the datatype {DatatypeNames[(int)datatype]}");
            return;
        }

        values.Add(value);
    }

    public Regex? ReadPattern(FieldValue value, string path, int lengthMax = SamplingLimits.TextLengthMax)
    {
        var text = value.ToString();
        if (text.Length > lengthMax)
        {
            Refuse(path, text, $"a pattern has at most {SamplingLimits.TextLengthMax} characters");
            return null;
        }

        try
        {
            return new Regex(text, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception refused) when (refused is ArgumentException or NotSupportedException)
        {
            Refuse(path, text, $"not a regular expression that runs in linear time: {refused.Message}");
            return null;
        }
    }

    /// <summary>A property that must be text where it is there; null where it is not, or refused.</summary>
    private string? ReadText(JsonElement element, string path, string name)
    {
        if (!TryGet(element, name, out var value))
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            Refuse(Join(path, name), value.GetRawText(), "a text is needed");
            return null;
        }

        var text = value.GetString()!;
        if (text.Length > SamplingLimits.TextLengthMax)
        {
            Refuse(Join(path, name), text, $"it has at most {SamplingLimits.TextLengthMax} characters");
            return null;
        }

        return text;
    }
}
