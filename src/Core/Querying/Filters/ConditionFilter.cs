using System.Numerics;
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
                var any = new ulong[selection.Length];
                var one = new ulong[selection.Length];
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
                break;
            }

            case NodeKind.Not:
            {
                var held = selection.ToArray();
                Narrow(node.Parts[0], segment, held);
                for (var i = 0; i < held.Length; i++)
                {
                    selection[i] &= ~held[i];
                }

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
        var excluded = segment.Excludes(node.Match!);
        if (excluded)
        {
            if (!predicate.IsNegated)
            {
                selection.Clear();
            }

            return;
        }

        _columns.Clear();
        segment.GetColumns(node.Match!.Column, _columns);
        var hits = new ulong[selection.Length];
        foreach (var column in _columns)
        {
            Mark(column, predicate, hits);
        }

        for (var i = 0; i < hits.Length; i++)
        {
            selection[i] &= predicate.IsNegated ? ~hits[i] : hits[i];
        }
    }

    /// <summary>Sets the bits of the rows whose value satisfies the predicate.</summary>
    private static void Mark(ColumnVector column, ValuePredicate predicate, ulong[] hits)
    {
        if (predicate.Op == FilterOp.Exists)
        {
            MarkPresent(column, hits);
            return;
        }

        switch (column.Type)
        {
            case ColumnType.Dictionary:
            {
                // Fast path: each distinct value is tested once.
                var dictionary = column.Strings;
                var holds = new bool[dictionary.Count];
                var any = false;
                for (var code = 0; code < holds.Length; code++)
                {
                    any |= holds[code] = predicate.TestText(dictionary[code]);
                }

                if (any)
                {
                    var codes = column.Codes;
                    MarkWhere(column, hits, k => holds[codes[k]]);
                }

                break;
            }

            case ColumnType.Text:
            {
                var values = column.Strings;
                MarkWhere(column, hits, k => predicate.TestText(values[k]));
                break;
            }

            case ColumnType.Hex:
                MarkHex(column, predicate, hits);
                break;
            case ColumnType.Integer:
            {
                var values = column.Integers;
                MarkWhere(column, hits, k => predicate.TestInteger(values[k]));
                break;
            }

            case ColumnType.Float:
            {
                var values = column.Floats;
                MarkWhere(column, hits, k => predicate.TestFloat(values[k]));
                break;
            }

            default:
            {
                var values = column.Integers;
                bool whenFalse = predicate.TestBool(false), whenTrue = predicate.TestBool(true);
                MarkWhere(column, hits, k => values[k] != 0 ? whenTrue : whenFalse);
                break;
            }
        }
    }

    private static void MarkHex(ColumnVector column, ValuePredicate predicate, ulong[] hits)
    {
        var width = column.HexWidth;
        var bytes = column.HexBytes;
        if (predicate.Op == FilterOp.Equal)
        {
            // Fast path: the wanted text as bytes; text that isn't lower-case hexadecimal of this length equals none.
            var wanted = new byte[width];
            if (Hex.TryDecodeLower(predicate.Texts[0], wanted))
            {
                MarkWhere(column, hits, k => bytes.AsSpan(k * width, width).SequenceEqual(wanted));
            }

            return;
        }

        var text = new byte[width * 2];
        MarkWhere(column, hits, k =>
        {
            Hex.EncodeLower(bytes.AsSpan(k * width, width), text);
            return predicate.TestText(text);
        });
    }

    private static void MarkPresent(ColumnVector column, ulong[] hits)
    {
        if (column.Presence is { } presence)
        {
            for (var i = 0; i < hits.Length; i++)
            {
                hits[i] |= presence[i];
            }

            return;
        }

        for (var row = 0; row < column.Rows; row += 64)
        {
            hits[row >> 6] |= column.Rows - row >= 64 ? ulong.MaxValue : (1UL << (column.Rows - row)) - 1;
        }
    }

    private static void MarkWhere(ColumnVector column, ulong[] hits, Func<int, bool> test)
    {
        if (column.Presence is null)
        {
            for (var row = 0; row < column.Rows; row++)
            {
                if (test(row))
                {
                    hits[row >> 6] |= 1UL << (row & 63);
                }
            }

            return;
        }

        var k = 0;
        for (var word = 0; word < column.Presence.Length; word++)
        {
            for (var bits = column.Presence[word]; bits != 0; bits &= bits - 1)
            {
                if (test(k++))
                {
                    hits[word] |= 1UL << BitOperations.TrailingZeroCount(bits);
                }
            }
        }
    }

    private enum NodeKind : byte
    {
        All, Any, Not, Match,
    }

    private sealed record Node(NodeKind Kind, Node[] Parts, Condition.Match? Match, ValuePredicate? Predicate);
}
