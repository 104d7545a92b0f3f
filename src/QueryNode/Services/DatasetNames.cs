namespace StreamObserve.QueryNode.Services;

/// <summary>The names of datasets as the HTTP face hands them on.</summary>
public static class DatasetNames
{
    /// <summary>All datasets together; in queries and tails.</summary>
    public const string All = "__all__";

    /// <summary>The policy of every dataset that has none of its own; in sampling.</summary>
    public const string Default = "__default__";

    /// <summary>The one spelling of a name that is compared: dataset names ignore case.</summary>
    public static string Normalise(string name) => name.Trim().ToLowerInvariant();
}
