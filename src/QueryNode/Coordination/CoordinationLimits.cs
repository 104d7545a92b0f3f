namespace StreamObserve.QueryNode.Coordination;

/// <summary>Bounds of asking the partitions.</summary>
internal static class CoordinationLimits
{
    /// <summary>A partition that has not even accepted a question after this long counts as missing: the answer says so within a second.</summary>
    public static readonly TimeSpan AcceptedWithin = TimeSpan.FromMilliseconds(700);

    /// <summary>
    /// The same where an answer without one partition is refused: one that moves to another owner has so long to be back. No longer, since such a question holds its
    /// place among those that are executed.
    /// </summary>
    public static readonly TimeSpan BackWithin = TimeSpan.FromSeconds(3);

    /// <summary>How soon a partition that was not ready is asked again by one who insists on it.</summary>
    public static readonly TimeSpan RefusedAskedAgainAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// A partition that has not accepted a question after this long is asked once more: a message may be lost, or its owner gone, while another is being found. It answers
    /// an id once, however often it is asked.
    /// </summary>
    public static readonly TimeSpan HedgedAfter = TimeSpan.FromMilliseconds(250);

    /// <summary>How often one that has accepted, and not answered, is asked again: the owner may have died over it, and the next one knows nothing of the question.</summary>
    public static readonly TimeSpan HedgedEvery = TimeSpan.FromSeconds(2);

    /// <summary>Longest wait for a partition that has accepted. The request's own time-out is usually shorter.</summary>
    public static readonly TimeSpan AnsweredWithin = TimeSpan.FromSeconds(60);

    /// <summary>How often a tail tells the partitions that it still listens.</summary>
    public static readonly TimeSpan TailRenewedEvery = TimeSpan.FromSeconds(2);

    /// <summary>Longest wait until all partitions follow a new policy version.</summary>
    public static readonly TimeSpan PolicyInForceWithin = TimeSpan.FromSeconds(5);

    /// <summary>How often the partitions are asked whether they do.</summary>
    public static readonly TimeSpan PolicyPolledEvery = TimeSpan.FromMilliseconds(100);
}
