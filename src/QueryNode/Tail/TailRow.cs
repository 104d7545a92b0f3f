namespace StreamObserve.QueryNode.Tail;

/// <summary>
/// One matching event on its way to a subscriber. <paramref name="Json"/> is one flat JSON object in UTF-8, <c>time</c> (RFC 3339) first, then the event's
/// fields; it must not change afterwards. <paramref name="ResumeToken"/> is printable ASCII: a tail that resumes with it goes on behind this row.
/// </summary>
public readonly record struct TailRow(ReadOnlyMemory<byte> Json, string ResumeToken);
