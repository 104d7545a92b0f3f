namespace StreamObserve.Core;

/// <summary>The bounds of an event and of what is kept of it. Each says its unit, its reason and what happens past it.</summary>
public static class Limits
{
    /// <summary>Fields of one event after flattening. Past it the event is refused (<c>too-many-fields</c>): a wider one is a map with data in its keys.</summary>
    public const int EventFieldsMax = 2_000;

    /// <summary>Bytes of one event's JSON text. Past it the event is refused (<c>event-too-large</c>): batches must stay under the broker's record limit.</summary>
    public const int EventBytesMax = 1_000_000;

    /// <summary>UTF-8 bytes of one string. Past it the string is cut at a character's edge and the field named in <c>meta.truncated</c>.</summary>
    public const int StringBytesMax = 65_536;

    /// <summary>UTF-8 bytes of one field name. Past it the event is refused (<c>field-name-too-long</c>).</summary>
    public const int FieldNameBytesMax = 1_024;

    /// <summary>Levels of nesting in one event. Past it the event is refused (<c>too-deep</c>): a bounded parser stack.</summary>
    public const int NestingDepthMax = 64;

    /// <summary>Field names an <see cref="Events.EventRouter"/> remembers. Past it the table starts anew at the next empty moment: the cost is some look-ups, not memory.</summary>
    public const int RememberedFieldsMax = 50_000;

    /// <summary>Uncompressed bytes after which a partition's waiting rows become a batch of their own: keeps a log record near a megabyte.</summary>
    public const int BatchBytesMax = 1_500_000;

    /// <summary>Rows after which a partition's waiting rows become a batch of their own: bounds a partition actor's single step.</summary>
    public const int BatchRowsMax = 8_192;

    /// <summary>Levels of the dataset name's length in UTF-8 bytes. Past it the event is refused (<c>dataset-name-too-long</c>).</summary>
    public const int DatasetNameBytesMax = 255;
}
