namespace StreamObserve.Core.Events;

/// <summary>How a record's bytes are to be read.</summary>
public enum PayloadEncoding : byte
{
    /// <summary>A JSON object, a JSON array of objects, or one object a line; told apart by the bytes.</summary>
    Json,

    /// <summary>Plain text, one event a line, in field <c>body</c>.</summary>
    Text,
}

/// <summary>
/// Where a record came from. <paramref name="Dataset"/> (from a path or a header) wins over the event's own fields; <paramref name="DefaultDataset"/> serves
/// events that name none; <paramref name="ArrivalNs"/> (unix nanoseconds) is the time of events that carry none.
/// </summary>
public readonly record struct RecordSource(string? Dataset, string DefaultDataset, long ArrivalNs);

/// <summary>Takes the events that could not be read. Called on the decoding thread; the bytes are valid during the call only.</summary>
public interface IRefusalSink
{
    /// <summary>Takes one refused event: its index within the record, a stable reason, a text for people, and the bytes that are refused.</summary>
    void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes);
}

/// <summary>The reasons for which an event is refused; they are dead-letter headers and metric labels.</summary>
public static class RefusalReasons
{
    /// <summary>Nothing but white space.</summary>
    public const string Empty = "empty";

    /// <summary>Not JSON as RFC 8259 has it.</summary>
    public const string InvalidJson = "invalid-json";

    /// <summary>Bytes that are not UTF-8.</summary>
    public const string InvalidUtf8 = "invalid-utf8";

    /// <summary>JSON, but not an object.</summary>
    public const string NotAnObject = "not-an-object";

    /// <summary>Past <see cref="Limits.EventFieldsMax"/>.</summary>
    public const string TooManyFields = "too-many-fields";

    /// <summary>Past <see cref="Limits.EventBytesMax"/>.</summary>
    public const string EventTooLarge = "event-too-large";

    /// <summary>Past <see cref="Limits.NestingDepthMax"/>.</summary>
    public const string TooDeep = "too-deep";

    /// <summary>Past <see cref="Limits.FieldNameBytesMax"/>.</summary>
    public const string FieldNameTooLong = "field-name-too-long";

    /// <summary>Past <see cref="Limits.DatasetNameBytesMax"/>.</summary>
    public const string DatasetNameTooLong = "dataset-name-too-long";
}
