using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>
/// Which spans are related to an event, by looking through its whole trace. <paramref name="rows"/> are those that can be seen: the range's and ten minutes before and after, of all
/// datasets.
/// </summary>
internal sealed class OracleTraces(IEnumerable<OracleRow> rows)
{
    private static readonly string[] Prefixes = ["root.", "parent.", "child.", "any.", "any2.", "any3.", "none."];

    private readonly Lazy<ILookup<string, OracleRow>> _traces = new(() => rows.Where(row => TraceOf(row) is not null).ToLookup(row => TraceOf(row)!));

    /// <summary>The prefix of a relational field and the field's name on the related span; null of a field of the event itself.</summary>
    public static (string Prefix, string Name)? Split(string field) =>
        Array.Find(Prefixes, prefix => field.Length > prefix.Length && field.StartsWith(prefix, StringComparison.Ordinal)) is { } found ? (found, field[found.Length..]) : null;

    /// <summary>The spans that a prefix can speak of, of an event.</summary>
    public IEnumerable<OracleRow> Related(string prefix, OracleRow row)
    {
        if (TraceOf(row) is not { } trace)
        {
            return [];
        }

        return prefix switch
        {
            "root." => _traces.Value[trace].Where(span => Id(span, "trace.parent_id") is null),
            "parent." => _traces.Value[trace].Where(span => Id(span, "trace.span_id") is { } id && id == Id(row, "trace.parent_id")),
            "child." => _traces.Value[trace].Where(span => Id(span, "trace.parent_id") is { } id && id == Id(row, "trace.span_id")),
            _ => _traces.Value[trace],
        };
    }

    /// <summary>
    /// What a breakdown shows of an event: of a related span the first by time, then by span id (the order of ids is that of their hashes, which is the engine's own choice), of
    /// those that the condition of the question speaks of.
    /// </summary>
    public object? Shown(string field, OracleRow row, Condition? where)
    {
        if (Split(field) is not { } related)
        {
            return row[field];
        }

        var spoken = where is Condition.All or Condition.Match ? OracleCondition.Together(where).OfType<Condition.Match>().Where(match => Split(match.Column)?.Prefix == related.Prefix).ToList() : [];
        return Related(related.Prefix, row)
            .Where(span => spoken.All(match => OracleCondition.Holds(match, span[Split(match.Column)!.Value.Name])))
            .OrderBy(span => span.TimeNs).ThenBy(span => Id(span, "trace.span_id") is { } id ? Hash64.Of(FieldValue.Of(id)) : 0)
            .FirstOrDefault()?[related.Name];
    }

    /// <summary>Only text is a trace's id.</summary>
    private static string? TraceOf(OracleRow row) => row.Stored("trace.trace_id") is string { Length: > 0 } id ? id : null;

    private static string? Id(OracleRow row, string field) => row.Stored(field) is { } id && OracleValue.Text(id) is { Length: > 0 } text ? text : null;
}
