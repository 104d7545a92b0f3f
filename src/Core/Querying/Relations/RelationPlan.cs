using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Relations;

/// <summary>
/// What has to be known of related spans: those of a relation that meet a condition (null = all), whether there is one under <see cref="Column"/>, and values of the
/// first one under the relation's prefix.
/// </summary>
/// <param name="Relation">The relation.</param>
/// <param name="Condition">What the related span meets, in its own fields.</param>
/// <param name="Column">A made-up field of truth values that stands for the condition in the rewritten query.</param>
public sealed record RelatedSpans(Relation Relation, Condition? Condition, string Column)
{
    /// <summary>Fields of the span that breakdowns show, each once.</summary>
    public List<string> Fields { get; } = [];
}

/// <summary>
/// Takes the relational fields out of a query's conditions: the comparisons of one prefix that are joined by AND become one made-up field that a first pass over
/// the rows fills in. A comparison elsewhere (in an OR, under a NOT) speaks of a span of its own. Immutable once made.
/// </summary>
public sealed class RelationPlan
{
    private const string ColumnPrefix = "\u0001related:";     // no event has a field with a control character in front by chance

    private readonly List<RelatedSpans> _spans = [];

    /// <summary>Takes a query apart; <see cref="Of"/> with null for a query without relational fields.</summary>
    private RelationPlan(QuerySpec spec)
    {
        Where = Rewrite(spec.Where);
        var ofWhere = _spans.Count;
        Filters = [.. spec.Calculations.Select(calculation => Rewrite(calculation.Filter))];
        foreach (var breakdown in spec.Breakdowns)
        {
            if (RelationalField.TryParse(breakdown, out var field))
            {
                SpansOfBreakdown(field.Relation, spec.Where, ofWhere).Fields.Add(field.Name);
            }
        }
    }

    /// <summary>The query's condition over events and made-up fields.</summary>
    public Condition? Where { get; }

    /// <summary>The calculations' conditions, likewise.</summary>
    public IReadOnlyList<Condition?> Filters { get; }

    /// <summary>What the first pass finds.</summary>
    public IReadOnlyList<RelatedSpans> Spans => _spans;

    /// <summary>The plan of a query; null when it has no relational field.</summary>
    public static RelationPlan? Of(QuerySpec spec) => new RelationPlan(spec) is { Spans.Count: > 0 } plan ? plan : null;

    /// <summary>The spans whose values a breakdown shows: those that the comparisons of its prefix at the top of WHERE speak of, else all.</summary>
    private RelatedSpans SpansOfBreakdown(Relation relation, Condition? where, int ofWhere)
    {
        var isTop = where is Condition.Match || where is Condition.All;
        for (var i = 0; i < _spans.Count; i++)
        {
            var spans = _spans[i];
            if (spans.Relation == relation && (i >= ofWhere ? spans.Condition is null : isTop && IsAtTop(Where!, spans.Column)))
            {
                return spans;
            }
        }

        return Add(relation, null);
    }

    private static bool IsAtTop(Condition where, string column) => where switch
    {
        Condition.Match match => match.Column == column,
        Condition.All all => all.Parts.Any(part => part is Condition.Match match && match.Column == column),
        _ => false,
    };

    private Condition? Rewrite(Condition? condition)
    {
        switch (condition)
        {
            case null:
                return null;
            case Condition.Match match:
                return RelationalField.TryParse(match.Column, out var field) ? Test(field.Relation, match with { Column = field.Name }) : match;
            case Condition.Any any:
                return new Condition.Any([.. any.Parts.Select(part => Rewrite(part)!)]);
            case Condition.Not not:
                return new Condition.Not(Rewrite(not.Part)!);
            case Condition.All all:
                return RewriteAll(all);
            default:
                throw new InvalidOperationException($"a condition of type {condition.GetType()}");
        }
    }

    private Condition RewriteAll(Condition.All all)
    {
        var parts = new List<Condition>();
        var related = new SortedDictionary<Relation, List<Condition>>();
        Collect(all, parts, related);
        foreach (var (relation, comparisons) in related)
        {
            parts.Add(Test(relation, comparisons is [var only] ? only : new Condition.All(comparisons)));
        }

        return parts is [var part] ? part : new Condition.All(parts);
    }

    /// <summary>Brackets of ANDs within an AND are part of it.</summary>
    private void Collect(Condition.All all, List<Condition> parts, SortedDictionary<Relation, List<Condition>> related)
    {
        foreach (var part in all.Parts)
        {
            switch (part)
            {
                case Condition.All inner:
                    Collect(inner, parts, related);
                    break;
                case Condition.Match match when RelationalField.TryParse(match.Column, out var field):
                    if (!related.TryGetValue(field.Relation, out var comparisons))
                    {
                        related[field.Relation] = comparisons = [];
                    }

                    comparisons.Add(match with { Column = field.Name });
                    break;
                default:
                    parts.Add(Rewrite(part)!);
                    break;
            }
        }
    }

    private Condition.Match Test(Relation relation, Condition condition) => new(Add(relation, condition).Column, FilterOp.Equal, [FieldValue.Of(true)]);

    private RelatedSpans Add(Relation relation, Condition? condition)
    {
        var spans = new RelatedSpans(relation, condition, ColumnPrefix + _spans.Count.ToString(System.Globalization.CultureInfo.InvariantCulture));
        _spans.Add(spans);
        return spans;
    }
}
