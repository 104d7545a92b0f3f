using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.BubbleUp;

namespace StreamObserve.Core.Querying.Language;

/// <summary>The part that reads what a comparison selects.</summary>
internal sealed partial class QuerySpecReader
{
    private static readonly string[] SelectionMembers = ["start_time", "end_time", "column", "min", "max", "group", "where"];

    public BubbleUpSelection ReadSelection(JsonElement element, string path)
    {
        long? start = null, end = null;
        double? min = null, max = null;
        string? column = null;
        Condition? where = null;
        IReadOnlyList<KeyValuePair<string, FieldValue>>? group = null;
        var before = Errors.Count;
        foreach (var (member, value, at) in ReadMembers(element, path, SelectionMembers))
        {
            switch (member)
            {
                case "start_time":
                    start = ReadTime(value, at);
                    break;
                case "end_time":
                    end = ReadTime(value, at);
                    break;
                case "column":
                    column = ReadName(value, at);
                    break;
                case "min":
                    min = ReadNumber(value, at);
                    break;
                case "max":
                    max = ReadNumber(value, at);
                    break;
                case "group":
                    group = ReadGroup(value, at);
                    break;
                default:
                    where = ReadSelectionCondition(value, at);
                    break;
            }
        }

        if (Errors.Count == before)
        {
            CheckSelection(element, path, start, end, column, min, max, group, where);
        }

        return column is not null ? BubbleUpSelection.Box(start, end, column, min, max)
            : group is { Count: > 0 } ? BubbleUpSelection.Group(group) with { StartNs = start, EndNs = end }
            : new(start, end, where);
    }

    private void CheckSelection(
        JsonElement element, string path, long? start, long? end, string? column, double? min, double? max, IReadOnlyList<KeyValuePair<string, FieldValue>>? group,
        Condition? where)
    {
        if ((column is null ? 0 : 1) + (group is null ? 0 : 1) + (where is null ? 0 : 1) > 1)
        {
            Errors.Add(path, Raw(element), $"{path} takes one of column, group and where");
        }
        else if (column is null && group is null && where is null && start is null && end is null)
        {
            Errors.Add(path, Raw(element), $"{path} must select something: a box (start_time, end_time, column, min, max), a group or a where");
        }

        if (column is null && (min ?? max) is not null)
        {
            Errors.Add(Join(path, "column"), "", $"{path} needs the column of which min and max are");
        }

        if (min >= max)
        {
            Errors.Add(Join(path, "min"), NumberText.Format(Columns.ColumnVector.FloatValue(min.Value)), $"{path}.min must be less than {path}.max");
        }

        if (start >= end)
        {
            Errors.Add(Join(path, "start_time"), EventTime.Format(start.Value), $"{path}.start_time {EventTime.Format(start.Value)} must be before {path}.end_time {EventTime.Format(end.Value)}");
        }

        if (group?.Count is 0 or > QueryLimits.BreakdownsMax)
        {
            Errors.Add(Join(path, "group"), Raw(element), $"{path}.group takes 1 to {QueryLimits.BreakdownsMax} fields, not {group.Count}");
        }

        QueryRules.CheckConditions(new QuerySpec { Where = where }, Errors);
    }

    private List<KeyValuePair<string, FieldValue>> ReadGroup(JsonElement element, string path)
    {
        var values = new List<KeyValuePair<string, FieldValue>>();
        if (element.ValueKind != JsonValueKind.Object)
        {
            Mistyped(element, path, "an object of fields and values");
            return values;
        }

        foreach (var member in element.EnumerateObject())
        {
            // null is a value here: the group of the events without the field.
            if (TryName(member, out var name) && name.Length > 0)
            {
                values.Add(new(name, ReadScalar(member.Value, Join(path, name))));
            }
            else
            {
                Errors.Add(path, Raw(element), $"{path} has a field without a name");
            }
        }

        return values;
    }

    private Condition? ReadSelectionCondition(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.String)
        {
            return ReadTree(element, path, 1);
        }

        if (!TryText(element, path, out var text))
        {
            return null;
        }

        var parsed = ConditionText.Parse(text);
        foreach (var error in parsed.Errors)
        {
            Errors.Add(path, error.Value, error.Offset is { } offset ? $"{error.Message} (character {offset + 1})" : error.Message);
        }

        if (parsed.Ok && parsed.Value is null)
        {
            Errors.Add(path, "\"\"", $"{path} must not be empty");
        }

        return parsed.Ok ? parsed.Value : null;
    }
}

/// <summary>What a comparison selects as JSON (docs/http-api.md).</summary>
public static class BubbleUpSelectionJson
{
    /// <summary>Reads and checks a selection. Errors have paths that begin with <paramref name="path"/>. Never throws on input.</summary>
    public static Parsed<BubbleUpSelection> Read(JsonElement element, string path)
    {
        var reader = new QuerySpecReader();
        var selection = reader.ReadSelection(element, path);
        return reader.Errors.Count == 0 ? Parsed<BubbleUpSelection>.Of(selection) : Parsed<BubbleUpSelection>.Failed(reader.Errors.Errors);
    }
}
