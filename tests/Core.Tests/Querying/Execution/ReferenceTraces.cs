using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Filters;
using StreamObserve.Core.Querying.Relations;
using StreamObserve.Core.Sketches;
using StreamObserve.Core.Tests.Events;
using StreamObserve.Core.Tests.Querying.Expressions;

namespace StreamObserve.Core.Tests.Querying.Execution;

/// <summary>Calculated and relational fields of events, each looked for among all events: slow and plain.</summary>
internal sealed class ReferenceTraces
{
    private readonly LeafPlan _plan;
    private readonly ILookup<string, ModelEvent> _traces;

    public ReferenceTraces(LeafPlan plan, IEnumerable<ModelEvent> events)
    {
        _plan = plan;
        Events = [.. events];
        const long slackNs = RelationLimits.SlackSeconds * 1_000_000_000L;
        _traces = Events.Where(e => e.TimeNs >= plan.Time.StartNs - slackNs && e.TimeNs < plan.Time.EndNs + slackNs && TraceOf(e) is not null).ToLookup(e => TraceOf(e)!);
    }

    public List<ModelEvent> Events { get; }

    public FieldValue Value(string field, ModelEvent e)
    {
        if (!RelationalField.TryParse(field, out var related))
        {
            return Own(field, e);
        }

        var wanted = _plan.Spec.Where is Condition.All or Condition.Match ? Conditions(Flatten(_plan.Spec.Where), related.Relation) : [];
        var first = Related(related.Relation, e).Where(span => wanted.All(match => Holds(match, span)))
            .OrderBy(span => span.TimeNs).ThenBy(span => Id(span, "trace.span_id") is { } id ? Math.Max(1, Hash64.Of(FieldValue.Of(id))) : 0)
            .ThenBy(span => KeyOf(span, related.Relation), StringComparer.Ordinal).FirstOrDefault();
        return first is null ? FieldValue.Absent : Own(related.Name, first);
    }

    public bool Holds(Condition? condition, ModelEvent e)
    {
        switch (condition)
        {
            case null:
                return true;
            case Condition.Any any:
                return any.Parts.Any(part => Holds(part, e));
            case Condition.Not not:
                return !Holds(not.Part, e);
        }

        // An AND, or a comparison as an AND of one: its comparisons of one prefix are about one span.
        var parts = Flatten(condition);
        foreach (var relation in Enum.GetValues<Relation>())
        {
            var conditions = Conditions(parts, relation);
            if (conditions.Count > 0 && Related(relation, e).Any(span => conditions.All(match => Holds(match, span))) == (relation == Relation.None))
            {
                return false;
            }
        }

        return parts.All(part => part is Condition.Match match
            ? RelationalField.TryParse(match.Column, out _) || ConditionFilter.Holds(match, field => Own(field, e))
            : Holds(part, e));
    }

    private FieldValue Own(string field, ModelEvent e) => _plan.Calculated is { } calculated ? new ReferenceExpression(calculated, name => e[name], e.TimeNs).Field(field) : e[field];

    private IEnumerable<ModelEvent> Related(Relation relation, ModelEvent e)
    {
        if (TraceOf(e) is not { } trace)
        {
            return [];
        }

        return relation switch
        {
            Relation.Root => _traces[trace].Where(span => Id(span, "trace.parent_id") is null),
            Relation.Parent => _traces[trace].Where(span => Id(span, "trace.span_id") is { } id && id == Id(e, "trace.parent_id")),
            Relation.Child => _traces[trace].Where(span => Id(span, "trace.parent_id") is { } id && id == Id(e, "trace.span_id")),
            _ => _traces[trace],
        };
    }

    /// <summary>What breakdowns show of a span, in the order of its bytes: the tie between two of one time and span id.</summary>
    private string KeyOf(ModelEvent span, Relation relation)
    {
        var key = "";
        foreach (var breakdown in _plan.Spec.Breakdowns)
        {
            if (RelationalField.TryParse(breakdown, out var field) && field.Relation == relation)
            {
                var writer = new ByteWriter();
                GroupKey.Write(writer, Own(field.Name, span));
                key += Convert.ToHexString(writer.Written) + " ";
            }
        }

        return key;
    }

    private static string? TraceOf(ModelEvent e) => e["trace.trace_id"] is { Kind: FieldKind.String, AsString.Length: > 0 } id ? id.AsString : null;

    private static string? Id(ModelEvent e, string field) => e[field].ToString() is { Length: > 0 } id ? id : null;

    private static List<Condition> Flatten(Condition condition) => condition is Condition.All all ? [.. all.Parts.SelectMany(Flatten)] : [condition];

    private static List<Condition.Match> Conditions(List<Condition> parts, Relation relation) =>
    [
        .. parts.OfType<Condition.Match>().Where(match => RelationalField.TryParse(match.Column, out var field) && field.Relation == relation)
            .Select(match => RelationalField.TryParse(match.Column, out var field) ? match with { Column = field.Name } : match),
    ];
}
