using System.Globalization;
using System.Text.Json;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Language;

/// <summary>Writes the JSON form of a query.</summary>
internal static class QuerySpecWriter
{
    private const long Second = 1_000_000_000;

    public static void Write(Utf8JsonWriter writer, QuerySpec spec)
    {
        writer.WriteStartObject();
        WriteList(writer, "breakdowns", spec.Breakdowns, static (writer, breakdown) => writer.WriteStringValue(breakdown));
        WriteList(writer, "calculations", spec.Calculations, WriteCalculation);
        WriteConditionMembers(writer, spec.Where);
        WriteList(writer, "calculated_fields", spec.CalculatedFields, WriteNamed);
        WriteList(writer, "formulas", spec.Formulas, WriteNamed);
        WriteList(writer, "orders", spec.Orders, WriteOrder);
        WriteList(writer, "havings", spec.Havings, WriteHaving);
        writer.WriteNumber("limit", spec.Limit);
        WriteNumber(writer, "granularity", spec.GranularitySeconds);
        WriteNumber(writer, "time_range", spec.TimeRangeSeconds);
        WriteTime(writer, "start_time", spec.StartTimeNs);
        WriteTime(writer, "end_time", spec.EndTimeNs);
        WriteNumber(writer, "compare_time_offset_seconds", spec.CompareOffsetSeconds);
        if (spec.UsageMode)
        {
            writer.WriteBoolean("usage_mode", true);
        }

        writer.WriteEndObject();
    }

    private static void WriteCalculation(Utf8JsonWriter writer, Calculation calculation)
    {
        writer.WriteStartObject();
        writer.WriteString("op", calculation.Op.Name());
        WriteText(writer, "column", calculation.Column);
        WriteText(writer, "name", calculation.Name);
        WriteConditionMembers(writer, calculation.Filter);
        writer.WriteEndObject();
    }

    // One level is a flat list, as in the specification; anything else is the extension.
    private static void WriteConditionMembers(Utf8JsonWriter writer, Condition? condition)
    {
        switch (condition)
        {
            case null:
                break;
            case Condition.Match match:
                WriteFilters(writer, [match]);
                break;
            case Condition.All { Parts: var parts } when IsFlat(parts):
                WriteFilters(writer, parts);
                break;
            case Condition.Any { Parts: var parts } when IsFlat(parts):
                WriteFilters(writer, parts);
                writer.WriteString("filter_combination", "OR");
                break;
            default:
                writer.WritePropertyName("where");
                WriteCondition(writer, condition);
                break;
        }
    }

    private static bool IsFlat(IReadOnlyList<Condition> parts)
    {
        foreach (var part in parts)
        {
            if (part is not Condition.Match)
            {
                return false;
            }
        }

        return true;
    }

    private static void WriteFilters(Utf8JsonWriter writer, IReadOnlyList<Condition> matches)
    {
        writer.WriteStartArray("filters");
        foreach (var match in matches)
        {
            WriteCondition(writer, match);
        }

        writer.WriteEndArray();
    }

    private static void WriteCondition(Utf8JsonWriter writer, Condition condition)
    {
        writer.WriteStartObject();
        switch (condition)
        {
            case Condition.All all:
                WriteList(writer, "and", all.Parts, WriteCondition);
                break;
            case Condition.Any any:
                WriteList(writer, "or", any.Parts, WriteCondition);
                break;
            case Condition.Not not:
                writer.WritePropertyName("not");
                WriteCondition(writer, not.Part);
                break;
            case Condition.Match match:
                WriteMatchMembers(writer, match);
                break;
        }

        writer.WriteEndObject();
    }

    private static void WriteMatchMembers(Utf8JsonWriter writer, Condition.Match match)
    {
        writer.WriteString("column", match.Column);
        writer.WriteString("op", match.Op.Name());
        if (match.Op.TakesNothing())
        {
            return;
        }

        writer.WritePropertyName("value");
        if (!match.Op.TakesList())
        {
            WriteValue(writer, match.Values[0]);
            return;
        }

        writer.WriteStartArray();
        foreach (var value in match.Values)
        {
            WriteValue(writer, value);
        }

        writer.WriteEndArray();
    }

    private static void WriteValue(Utf8JsonWriter writer, FieldValue value)
    {
        switch (value.Kind)
        {
            case FieldKind.String:
                writer.WriteStringValue(value.AsString);
                break;
            case FieldKind.Bool:
                writer.WriteBooleanValue(value.AsBool);
                break;
            case FieldKind.Absent:
                writer.WriteNullValue();
                break;
            default:
                writer.WriteRawValue(NumberText.Format(value));
                break;
        }
    }

    private static void WriteNamed(Utf8JsonWriter writer, NamedExpression named)
    {
        writer.WriteStartObject();
        writer.WriteString("name", named.Name);
        writer.WriteString("expression", named.Expression);
        writer.WriteEndObject();
    }

    private static void WriteOrder(Utf8JsonWriter writer, Order order)
    {
        writer.WriteStartObject();
        WriteText(writer, "column", order.Column);
        WriteText(writer, "op", order.Op?.Name());
        writer.WriteString("order", order.Descending ? "descending" : "ascending");
        writer.WriteEndObject();
    }

    private static void WriteHaving(Utf8JsonWriter writer, Having having)
    {
        writer.WriteStartObject();
        WriteText(writer, "calculate_op", having.Op?.Name());
        WriteText(writer, "column", having.Column);
        writer.WriteString("op", having.Comparison.Name());
        writer.WriteNumber("value", having.Value);
        writer.WriteEndObject();
    }

    private static void WriteList<T>(Utf8JsonWriter writer, string name, IReadOnlyList<T> items, Action<Utf8JsonWriter, T> write)
    {
        if (items.Count == 0)
        {
            return;
        }

        writer.WriteStartArray(name);
        foreach (var item in items)
        {
            write(writer, item);
        }

        writer.WriteEndArray();
    }

    private static void WriteText(Utf8JsonWriter writer, string name, string? text)
    {
        if (text is not null)
        {
            writer.WriteString(name, text);
        }
    }

    private static void WriteNumber(Utf8JsonWriter writer, string name, long? number)
    {
        if (number is { } value)
        {
            writer.WriteNumber(name, value);
        }
    }

    // Unix seconds, with a fraction where the time has one.
    private static void WriteTime(Utf8JsonWriter writer, string name, long? unixNs)
    {
        if (unixNs is not { } time)
        {
            return;
        }

        var seconds = Math.DivRem(time, Second, out var nanos);
        var sign = time < 0 ? "-" : "";
        var text = string.Create(CultureInfo.InvariantCulture, $"{sign}{Math.Abs(seconds)}");
        if (nanos != 0)
        {
            text += string.Create(CultureInfo.InvariantCulture, $".{Math.Abs(nanos):D9}").TrimEnd('0');
        }

        writer.WritePropertyName(name);
        writer.WriteRawValue(text);
    }
}
