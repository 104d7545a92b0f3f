using StreamObserve.Core.Events;

namespace StreamObserve.Core.Sampling;

/// <summary>A row as conditions see it.</summary>
public interface ISamplingRow
{
    /// <summary>True for a trace's root, that is a row without a parent, and for every row without a trace, which is a root of its own.</summary>
    bool IsRoot { get; }

    /// <summary>The value of a field; absent when the row lacks it.</summary>
    FieldValue ValueOf(string field);
}

/// <summary>
/// What one condition bit stands for: it is set for a row that meets every condition of the list, and for a trace when any row of its window set it.
/// It is evaluated for the rows of all datasets, since whose policy a trace follows is known only later.
/// </summary>
public sealed class CompiledBit
{
    internal CompiledBit(IReadOnlyList<SamplingCondition> allOnOneRow)
    {
        AllOnOneRow = allOnOneRow;
        RootOnly = allOnOneRow[0].RootOnly;
    }

    /// <summary>The conditions, at least one, that one row must meet together. Either all of them are <see cref="SamplingCondition.RootOnly"/> or none.</summary>
    public IReadOnlyList<SamplingCondition> AllOnOneRow { get; }

    /// <summary>True when only a root row can set the bit (<see cref="ISamplingRow.IsRoot"/>).</summary>
    public bool RootOnly { get; }

    /// <summary>Whether the row sets the bit. The definition that evaluation over columns must equal.</summary>
    public bool Matches<TRow>(in TRow row)
        where TRow : ISamplingRow
    {
        if (RootOnly && !row.IsRoot)
        {
            return false;
        }

        foreach (var condition in AllOnOneRow)
        {
            if (!condition.Matches(row.ValueOf(condition.Field)))
            {
                return false;
            }
        }

        return true;
    }
}
