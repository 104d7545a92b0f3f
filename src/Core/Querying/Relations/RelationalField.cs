namespace StreamObserve.Core.Querying.Relations;

/// <summary>How another span of an event's trace is related to the event.</summary>
public enum Relation : byte
{
    /// <summary>The span without a parent.</summary>
    Root,

    /// <summary>The span whose id is the event's parent id.</summary>
    Parent,

    /// <summary>A span whose parent id is the event's span id.</summary>
    Child,

    /// <summary>Any span of the trace, the event itself too.</summary>
    Any,

    /// <summary>Any span, apart from what <see cref="Any"/> speaks of.</summary>
    Any2,

    /// <summary>Any span, apart from what the other two speak of.</summary>
    Any3,

    /// <summary>No span of the trace.</summary>
    None,
}

/// <summary>A field of a related span, as <c>root.service.name</c>: the relation, its prefix with the dot, and the field's name on that span.</summary>
public readonly record struct RelationalField(Relation Relation, string Prefix, string Name)
{
    // In the order of the enum.
    private static readonly string[] Prefixes = ["root.", "parent.", "child.", "any.", "any2.", "any3.", "none."];

    /// <summary>The prefix of a relation, with its dot.</summary>
    public static string PrefixOf(Relation relation) => Prefixes[(int)relation];

    /// <summary>Takes a name apart; false when it has no such prefix (<c>parent_name</c>, <c>rooted</c>) or nothing behind it.</summary>
    public static bool TryParse(string field, out RelationalField related)
    {
        for (var i = 0; i < Prefixes.Length; i++)
        {
            if (field.Length > Prefixes[i].Length && field.StartsWith(Prefixes[i], StringComparison.Ordinal))
            {
                related = new((Relation)i, Prefixes[i], field[Prefixes[i].Length..]);
                return true;
            }
        }

        related = default;
        return false;
    }
}
