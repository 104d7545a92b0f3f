using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Filters;

/// <summary>
/// A condition tree made ready to narrow a segment's rows, a column at a time. Immutable apart from its scratch memory: one instance a thread.
/// </summary>
public sealed class ConditionFilter
{
    private readonly Node _root;
    private readonly List<ColumnVector> _columns = [];
    private readonly ColumnMarks _marks = new();
    private readonly Stack<ulong[]> _idle = new();

    /// <summary>Prepares the tree.</summary>
    public ConditionFilter(Condition condition)
    {
        Condition = condition;
        _root = Make(condition);
    }

    /// <summary>The tree.</summary>
    public Condition Condition { get; }

    /// <summary>All fields that a tree compares.</summary>
    public static IEnumerable<string> FieldsOf(Condition? condition) => condition switch
    {
        null => [],
        Condition.All all => all.Parts.SelectMany(FieldsOf),
        Condition.Any any => any.Parts.SelectMany(FieldsOf),
        Condition.Not not => FieldsOf(not.Part),
        Condition.Match match => [match.Column],
        _ => throw new InvalidOperationException($"a condition of type {condition.GetType()}"),
    };

    /// <summary>The slow form, over one event given by a look-up of its fields (<see cref="FieldValue.Absent"/> where it has none): the reference of the fast one.</summary>
    public static bool Holds(Condition condition, Func<string, FieldValue> field) => condition switch
    {
        Condition.All all => all.Parts.All(part => Holds(part, field)),
        Condition.Any any => any.Parts.Any(part => Holds(part, field)),
        Condition.Not not => !Holds(not.Part, field),
        Condition.Match match => new ValuePredicate(match) is var predicate && predicate.Test(field(match.Column)) != predicate.IsNegated,
        _ => throw new InvalidOperationException($"a condition of type {condition.GetType()}"),
    };

    /// <summary>Clears the bits of <paramref name="selection"/> (one a row) at which the condition does not hold.</summary>
    public void Narrow(IRowSegment segment, Span<ulong> selection) => Narrow(_root, segment, selection);

    /// <summary>What, of a segment's statistics alone, shows that the condition holds for no row of it.</summary>
    public SegmentExclusion ExclusionOf(IRowSegment segment) => ExclusionOf(_root, segment);

    private static SegmentExclusion ExclusionOf(Node node, IRowSegment segment)
    {
        switch (node.Kind)
        {
            case NodeKind.All:
                foreach (var part in node.Parts)
                {
                    if (ExclusionOf(part, segment) is var found && found != SegmentExclusion.None)
                    {
                        return found;
                    }
                }

                return SegmentExclusion.None;
            case NodeKind.Any:
                var all = SegmentExclusion.None;
                foreach (var part in node.Parts)
                {
                    if ((all = ExclusionOf(part, segment)) == SegmentExclusion.None)
                    {
                        break;
                    }
                }

                return all;
            case NodeKind.Match when !node.Predicate!.IsNegated:
                return segment.ExclusionOf(node.Match!, node.Predicate);
            default:
                return SegmentExclusion.None;
        }
    }

    private static Node Make(Condition condition) => condition switch
    {
        Condition.All all => new Node(NodeKind.All, [.. all.Parts.Select(Make)], null, null),
        Condition.Any any => new Node(NodeKind.Any, [.. any.Parts.Select(Make)], null, null),
        Condition.Not not => new Node(NodeKind.Not, [Make(not.Part)], null, null),
        Condition.Match match => new Node(NodeKind.Match, [], match, new ValuePredicate(match)),
        _ => throw new InvalidOperationException($"a condition of type {condition.GetType()}"),
    };

    private void Narrow(Node node, IRowSegment segment, Span<ulong> selection)
    {
        switch (node.Kind)
        {
            case NodeKind.All:
                foreach (var part in node.Parts)
                {
                    if (selection.IndexOfAnyExcept(0UL) < 0)
                    {
                        return;
                    }

                    Narrow(part, segment, selection);
                }

                break;
            case NodeKind.Any:
            {
                ulong[] anyArray = Take(selection.Length), oneArray = Take(selection.Length);
                Span<ulong> any = anyArray.AsSpan(0, selection.Length), one = oneArray.AsSpan(0, selection.Length);
                any.Clear();
                foreach (var part in node.Parts)
                {
                    // Rows that an earlier part let through need no second look.
                    for (var i = 0; i < one.Length; i++)
                    {
                        one[i] = selection[i] & ~any[i];
                    }

                    Narrow(part, segment, one);
                    for (var i = 0; i < one.Length; i++)
                    {
                        any[i] |= one[i];
                    }
                }

                any.CopyTo(selection);
                _idle.Push(anyArray);
                _idle.Push(oneArray);
                break;
            }

            case NodeKind.Not:
            {
                var heldArray = Take(selection.Length);
                var held = heldArray.AsSpan(0, selection.Length);
                selection.CopyTo(held);
                Narrow(node.Parts[0], segment, held);
                for (var i = 0; i < held.Length; i++)
                {
                    selection[i] &= ~held[i];
                }

                _idle.Push(heldArray);
                break;
            }

            default:
                NarrowMatch(node, segment, selection);
                break;
        }
    }

    private void NarrowMatch(Node node, IRowSegment segment, Span<ulong> selection)
    {
        var predicate = node.Predicate!;
        if (segment.ExclusionOf(node.Match!, predicate) != SegmentExclusion.None)
        {
            if (!predicate.IsNegated)
            {
                selection.Clear();
            }

            return;
        }

        _columns.Clear();
        segment.GetColumns(node.Match!.Column, _columns);
        var array = Take(selection.Length);
        var hits = array.AsSpan(0, selection.Length);
        hits.Clear();
        foreach (var column in _columns)
        {
            _marks.Mark(column, predicate, selection, hits);
        }

        if (predicate.IsNegated)
        {
            for (var i = 0; i < hits.Length; i++)
            {
                selection[i] &= ~hits[i];
            }
        }
        else
        {
            for (var i = 0; i < hits.Length; i++)
            {
                selection[i] &= hits[i];
            }
        }

        _idle.Push(array);
    }

    private ulong[] Take(int words) => _idle.TryPop(out var idle) && idle.Length >= words ? idle : new ulong[words];

    private enum NodeKind : byte
    {
        All, Any, Not, Match,
    }

    private sealed record Node(NodeKind Kind, Node[] Parts, Condition.Match? Match, ValuePredicate? Predicate);
}
