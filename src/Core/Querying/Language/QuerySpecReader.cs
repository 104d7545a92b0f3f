using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Language;

/// <summary>
/// Reads the JSON form: shapes, types, names. What can't be read is reported and replaced by something harmless in its place,
/// so that the paths of later errors still count right; what has errors is never handed out.
/// </summary>
internal sealed partial class QuerySpecReader
{
    private static readonly string[] SpecMembers =
    [
        "breakdowns", "calculations", "filters", "filter_combination", "where", "calculated_fields", "formulas", "orders", "havings", "limit",
        "granularity", "time_range", "start_time", "end_time", "compare_time_offset_seconds", "usage_mode",
    ];

    private static readonly string[] CalculationMembers = ["op", "column", "name", "filters", "filter_combination", "where"];
    private static readonly string[] FilterMembers = ["column", "op", "value"];
    private static readonly string[] ConditionMembers = ["and", "or", "not", "column", "op", "value"];
    private static readonly string[] NamedMembers = ["name", "expression"];
    private static readonly string[] OrderMembers = ["column", "op", "order"];
    private static readonly string[] HavingMembers = ["calculate_op", "column", "op", "value"];

    public ErrorList Errors { get; } = new();

    public QuerySpec Read(JsonElement element)
    {
        var spec = new QuerySpec();
        var where = new ConditionParts();
        foreach (var (name, value, path) in ReadMembers(element, "", SpecMembers))
        {
            switch (name)
            {
                case "breakdowns":
                    spec = spec with { Breakdowns = ReadList(value, path, ReadName) };
                    break;
                case "calculations":
                    var calculations = ReadList(value, path, ReadCalculation);
                    spec = calculations.Count == 0 ? spec : spec with { Calculations = calculations };
                    break;
                case "calculated_fields":
                    spec = spec with { CalculatedFields = ReadList(value, path, ReadNamed) };
                    break;
                case "formulas":
                    spec = spec with { Formulas = ReadList(value, path, ReadNamed) };
                    break;
                case "orders":
                    spec = spec with { Orders = ReadList(value, path, ReadOrder) };
                    break;
                case "havings":
                    spec = spec with { Havings = ReadList(value, path, ReadHaving) };
                    break;
                case "limit":
                    spec = spec with { Limit = (int)(ReadWhole(value, path, int.MaxValue) ?? QueryLimits.LimitDefault) };
                    break;
                case "granularity":
                    spec = spec with { GranularitySeconds = (int?)ReadWhole(value, path, int.MaxValue) };
                    break;
                case "time_range":
                    spec = spec with { TimeRangeSeconds = ReadWhole(value, path, long.MaxValue) };
                    break;
                case "start_time":
                    spec = spec with { StartTimeNs = ReadTime(value, path) };
                    break;
                case "end_time":
                    spec = spec with { EndTimeNs = ReadTime(value, path) };
                    break;
                case "compare_time_offset_seconds":
                    spec = spec with { CompareOffsetSeconds = ReadWhole(value, path, long.MaxValue) };
                    break;
                case "usage_mode":
                    spec = spec with { UsageMode = ReadBool(value, path) };
                    break;
                default:
                    ReadConditionPart(name, value, path, ref where);
                    break;
            }
        }

        return spec with { Where = Combine(where, "") };
    }

    private Calculation ReadCalculation(JsonElement element, string path)
    {
        CalculationOp? op = null;
        string? column = null, name = null;
        var filter = new ConditionParts();
        var before = Errors.Count;
        foreach (var (member, value, at) in ReadMembers(element, path, CalculationMembers))
        {
            switch (member)
            {
                case "op":
                    op = ReadCalculationOp(value, at);
                    break;
                case "column":
                    column = ReadName(value, at);
                    break;
                case "name":
                    name = ReadName(value, at);
                    break;
                default:
                    ReadConditionPart(member, value, at, ref filter);
                    break;
            }
        }

        Require(op is not null, before, path, "op");
        var condition = Combine(filter, path);
        return op is { } known ? new Calculation(known, column, name, condition) : Calculation.Count;
    }

    private NamedExpression ReadNamed(JsonElement element, string path)
    {
        string? name = null, expression = null;
        var before = Errors.Count;
        foreach (var (member, value, at) in ReadMembers(element, path, NamedMembers))
        {
            if (member == "name")
            {
                name = ReadName(value, at);
            }
            else
            {
                expression = ReadName(value, at);
            }
        }

        Require(name is not null, before, path, "name");
        Require(expression is not null, before, path, "expression");
        return new NamedExpression(name ?? "", expression ?? "");
    }

    private Order ReadOrder(JsonElement element, string path)
    {
        CalculationOp? op = null;
        string? column = null;
        var descending = false;
        var before = Errors.Count;
        foreach (var (member, value, at) in ReadMembers(element, path, OrderMembers))
        {
            switch (member)
            {
                case "op":
                    op = ReadCalculationOp(value, at);
                    break;
                case "column":
                    column = ReadName(value, at);
                    break;
                default:
                    descending = ReadOneOf(value, at, "ascending", "descending") == "descending";
                    break;
            }
        }

        // An order that couldn't be read has been reported; the name keeps it from being reported once more as empty.
        return op is null && column is null && Errors.Count > before ? new Order(null, "?", false) : new Order(op, column, descending);
    }

    private Having ReadHaving(JsonElement element, string path)
    {
        CalculationOp? op = null;
        string? column = null;
        FilterOp? comparison = null;
        double? number = null;
        var before = Errors.Count;
        foreach (var (member, value, at) in ReadMembers(element, path, HavingMembers))
        {
            switch (member)
            {
                case "calculate_op":
                    op = ReadCalculationOp(value, at);
                    break;
                case "column":
                    column = ReadName(value, at);
                    break;
                case "op":
                    comparison = ReadFilterOperator(value, at);
                    break;
                default:
                    number = ReadNumber(value, at);
                    break;
            }
        }

        Require(op is not null, before, path, "calculate_op");
        Require(comparison is not null, before, path, "op");
        Require(number is not null, before, path, "value");
        return op is { } known ? new Having(known, column, comparison ?? FilterOp.Equal, number ?? 0) : new Having(CalculationOp.Count, null, FilterOp.Equal, 0);
    }

    // The members that together say a condition: a flat list and how it combines, or a tree.
    private struct ConditionParts
    {
        public IReadOnlyList<Condition>? Filters;
        public bool Any;
        public Condition? Tree;
    }

    private void ReadConditionPart(string name, JsonElement value, string path, ref ConditionParts parts)
    {
        switch (name)
        {
            case "filters":
                parts.Filters = ReadList(value, path, ReadFilter);
                break;
            case "filter_combination":
                parts.Any = ReadOneOf(value, path, "AND", "OR") == "OR";
                break;
            case "where":
                parts.Tree = ReadTree(value, path, 1);
                break;
        }
    }

    private Condition? Combine(ConditionParts parts, string path)
    {
        if (parts.Filters is not { Count: > 0 } filters)
        {
            return parts.Tree;
        }

        if (parts.Tree is not null)
        {
            Errors.Add(Join(path, "where"), "", "give filters or where, not both");
        }

        return ConditionRules.Group(filters, parts.Any);
    }

    private Condition ReadFilter(JsonElement element, string path)
    {
        var match = new MatchParts();
        var before = Errors.Count;
        foreach (var (member, value, at) in ReadMembers(element, path, FilterMembers))
        {
            ReadMatchPart(member, value, at, ref match);
        }

        return ReadMatch(match, before, path);
    }

    private Condition ReadTree(JsonElement element, string path, int depth)
    {
        // What is deeper is not looked at: the rules refuse the whole.
        if (depth > LanguageLimits.ConditionDepthMax)
        {
            return Unread;
        }

        var match = new MatchParts();
        Condition? inner = null;
        var kinds = 0;
        var isMatch = false;
        var before = Errors.Count;
        foreach (var (member, value, at) in ReadMembers(element, path, ConditionMembers))
        {
            switch (member)
            {
                case "and" or "or":
                    var parts = ReadList(value, at, (part, partPath) => ReadTree(part, partPath, depth + 1));
                    if (parts.Count == 0 && value.ValueKind == JsonValueKind.Array)
                    {
                        Errors.Add(at, "[]", $"{at} needs at least one condition");
                    }

                    inner = parts.Count == 0 ? Unread : ConditionRules.Group(parts, member == "or");
                    kinds++;
                    break;
                case "not":
                    inner = new Condition.Not(ReadTree(value, at, depth + 1));
                    kinds++;
                    break;
                default:
                    ReadMatchPart(member, value, at, ref match);
                    isMatch = true;
                    break;
            }
        }

        if (Errors.Count == before && kinds + (isMatch ? 1 : 0) != 1)
        {
            Errors.Add(path, Raw(element), $"{path} must be one of {{\"and\":[…]}}, {{\"or\":[…]}}, {{\"not\":{{…}}}} and {{\"column\",\"op\",\"value\"}}");
            return Unread;
        }

        return inner ?? ReadMatch(match, before, path);
    }

    private static Condition Unread { get; } = new Condition.Match("?", FilterOp.Exists, []);

    private struct MatchParts
    {
        public string? Column;
        public FilterOp? Op;
        public JsonElement? Value;
        public string ValuePath;
    }

    private void ReadMatchPart(string member, JsonElement value, string path, ref MatchParts match)
    {
        switch (member)
        {
            case "column":
                match.Column = ReadName(value, path);
                break;
            case "op":
                match.Op = ReadFilterOperator(value, path);
                break;
            default:
                match.Value = value;
                match.ValuePath = path;
                break;
        }
    }

    private Condition ReadMatch(MatchParts match, int errorsBefore, string path)
    {
        Require(match.Column is not null, errorsBefore, path, "column");
        Require(match.Op is not null, errorsBefore, path, "op");
        if (match.Op is not { } op || match.Column is null)
        {
            return Unread;
        }

        if (match.Value is not { } element)
        {
            if (!op.TakesNothing())
            {
                Errors.Add(Join(path, "value"), "", $"{op.Name()} needs a value");
                return Unread;
            }

            return new Condition.Match(match.Column, op, []);
        }

        if (op.TakesList() != (element.ValueKind == JsonValueKind.Array) && !op.TakesNothing())
        {
            Errors.Add(match.ValuePath, Raw(element), op.TakesList() ? $"{op.Name()} takes an array, not {Raw(element)}" : $"{op.Name()} takes one value, not an array");
            return Unread;
        }

        var before = Errors.Count;
        IReadOnlyList<FieldValue> values = op.TakesList() ? ReadList(element, match.ValuePath, ReadScalar) : [ReadScalar(element, match.ValuePath)];
        if (Errors.Count == before && ConditionRules.Explain(op, values) is { } problem)
        {
            Errors.Add(match.ValuePath, Raw(element), problem);
        }

        return new Condition.Match(match.Column, op, values);
    }

    private FieldValue ReadScalar(JsonElement element, string path)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                return TryText(element, path, out var text) ? FieldValue.Of(text) : default;
            case JsonValueKind.True or JsonValueKind.False:
                return FieldValue.Of(element.ValueKind == JsonValueKind.True);
            case JsonValueKind.Number when NumberText.TryParse(element.GetRawText(), out var number):
                return number;
            case JsonValueKind.Number:
                Errors.Add(path, Raw(element), $"{path} {Raw(element)} is past a 64-bit float");
                return default;
            case JsonValueKind.Null:
                return default;
            default:
                Mistyped(element, path, "text, a number, true or false");
                return default;
        }
    }

    private IReadOnlyList<T> ReadList<T>(JsonElement element, string path, Func<JsonElement, string, T> read)
    {
        if (element.ValueKind != JsonValueKind.Array)
        {
            Mistyped(element, path, "an array");
            return [];
        }

        var items = new List<T>(element.GetArrayLength());
        foreach (var item in element.EnumerateArray())
        {
            items.Add(read(item, $"{path}[{items.Count}]"));
        }

        return items;
    }

    // Members that are known, each once and not null; anything else is reported.
    private IEnumerable<(string Name, JsonElement Value, string Path)> ReadMembers(JsonElement element, string path, string[] known)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            Mistyped(element, path.Length == 0 ? "query" : path, "an object");
            yield break;
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in element.EnumerateObject())
        {
            if (!TryName(member, out var name) || Array.IndexOf(known, name) < 0)
            {
                var shown = string.IsNullOrEmpty(name) ? "\"\"" : ErrorList.Cut(name);
                Errors.Add(Join(path, shown), Raw(member.Value), $"{(path.Length == 0 ? "a query" : path)} has no member {shown}; it has {string.Join(' ', known)}");
            }
            else if (!seen.Add(name))
            {
                Errors.Add(Join(path, name), Raw(member.Value), $"{Join(path, name)} is given twice");
            }
            else if (member.Value.ValueKind != JsonValueKind.Null)
            {
                yield return (name, member.Value, Join(path, name));
            }
        }
    }

    private string ReadName(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.String)
        {
            Mistyped(element, path, "text");
            return "?";
        }

        if (!TryText(element, path, out var text))
        {
            return "?";
        }

        if (text.Length == 0)
        {
            Errors.Add(path, "\"\"", $"{path} must not be empty");
        }

        return text;
    }

    private CalculationOp? ReadCalculationOp(JsonElement element, string path)
    {
        if (element.ValueKind == JsonValueKind.String && TryText(element, path, out var name) && OperatorNames.TryParse(name, out CalculationOp op))
        {
            return op;
        }

        Errors.Add(path, Raw(element), $"{path} must be one of {OperatorNames.CalculationList}, not {Raw(element)}");
        return null;
    }

    private FilterOp? ReadFilterOperator(JsonElement element, string path)
    {
        if (element.ValueKind == JsonValueKind.String && TryText(element, path, out var name) && OperatorNames.TryParse(name, out FilterOp op))
        {
            return op;
        }

        Errors.Add(path, Raw(element), $"{path} must be one of {OperatorNames.FilterList}, not {Raw(element)}");
        return null;
    }

    private string? ReadOneOf(JsonElement element, string path, string first, string second)
    {
        if (element.ValueKind == JsonValueKind.String && TryText(element, path, out var text))
        {
            if (text.Equals(first, StringComparison.OrdinalIgnoreCase))
            {
                return first;
            }

            if (text.Equals(second, StringComparison.OrdinalIgnoreCase))
            {
                return second;
            }
        }

        Errors.Add(path, Raw(element), $"{path} must be {first} or {second}, not {Raw(element)}");
        return null;
    }

    // A whole number however it is written (100, 100.0, 1e2), within 64 bits and max either side of zero.
    private long? ReadWhole(JsonElement element, string path, long max)
    {
        if (element.ValueKind == JsonValueKind.Number)
        {
            if (element.TryGetInt64(out var whole) && whole <= max && whole >= -max)
            {
                return whole;
            }

            if (element.TryGetDouble(out var number) && number == Math.Floor(number) && Math.Abs(number) <= Math.Min(max, 1L << 53))
            {
                return (long)number;
            }
        }

        Mistyped(element, path, "a whole number");
        return null;
    }

    private double? ReadNumber(JsonElement element, string path)
    {
        if (element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var number) && double.IsFinite(number))
        {
            return number;
        }

        Mistyped(element, path, "a number");
        return 0;
    }

    private bool ReadBool(JsonElement element, string path)
    {
        if (element.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            Mistyped(element, path, "true or false");
        }

        return element.ValueKind == JsonValueKind.True;
    }

    private long? ReadTime(JsonElement element, string path)
    {
        var read = element.ValueKind switch
        {
            JsonValueKind.Number => EventTime.TryParseEpoch(JsonMarshal.GetRawUtf8Value(element), out var fromNumber) ? fromNumber : (long?)null,
            JsonValueKind.String => TryText(element, path, out var text) && EventTime.TryParseRfc3339(text, out var fromText) ? fromText : null,
            _ => null,
        };
        if (read is null)
        {
            Mistyped(element, path, "unix seconds");
        }

        return read;
    }

    private void Require(bool given, int errorsBefore, string path, string member)
    {
        // Silent where the object already has an error: the member may have been the one that couldn't be read.
        if (!given && Errors.Count == errorsBefore)
        {
            Errors.Add(Join(path, member), "", $"{path} needs {member}");
        }
    }

    private void Mistyped(JsonElement element, string path, string expected) => Errors.Add(path, Raw(element), $"{path} must be {expected}, not {Raw(element)}");

    // JSON can escape half of a surrogate pair, which no text is.
    private bool TryText(JsonElement element, string path, [NotNullWhen(true)] out string? text)
    {
        try
        {
            text = element.GetString()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            text = null;
            Errors.Add(path, Raw(element), $"{path} is not valid Unicode: {Raw(element)}");
            return false;
        }
    }

    private static bool TryName(JsonProperty member, [NotNullWhen(true)] out string? name)
    {
        try
        {
            name = member.Name;
            return true;
        }
        catch (InvalidOperationException)
        {
            name = null;
            return false;
        }
    }

    // As written, cut short before it is made a string: the body may be large.
    private static string Raw(JsonElement element)
    {
        var raw = JsonMarshal.GetRawUtf8Value(element);
        const int BytesMax = LanguageLimits.ErrorValueCharsMax * 4;
        return ErrorList.Cut(Encoding.UTF8.GetString(raw.Length > BytesMax ? raw[..BytesMax] : raw));
    }

    private static string Join(string path, string member) => path.Length == 0 ? member : $"{path}.{member}";
}
