namespace StreamObserve.Commands;

/// <summary>What the process's exit code says.</summary>
internal static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>The answer is no, or it failed: events refused, a partial answer refused, a node that can't be reached, a role that can't start.</summary>
    public const int Failed = 1;

    /// <summary>Wrong use: a flag, a value, a query that can't be read.</summary>
    public const int WrongUse = 2;
}
