namespace StreamObserve.Core.Querying.BubbleUp;

/// <summary>Bounds of a comparison of a selection with the rest: they bound its memory and what a leaf sends. None is an error: past each the answer is less fine.</summary>
public static class BubbleUpLimits
{
    /// <summary>Fields compared. Past it further ones are not, and the answer says so.</summary>
    public const int FieldsMax = 2_000;

    /// <summary>Text values kept of a field, where fields are few. Past it the lighter half goes, so that a share may be told too low by some 0.05 %.</summary>
    public const int ValuesMax = 4_096;

    /// <summary>Text values kept of all fields together: with more than 16 fields each has less, down to <see cref="ValuesMin"/>. It bounds them to 17 MB.</summary>
    public const int ValuesOfAllMax = 65_536;

    /// <summary>Text values kept of a field, where fields are very many.</summary>
    public const int ValuesMin = 32;

    /// <summary>A value below this share of both sides is not sent where a field has more than <see cref="SegmentValuesMax"/>: ids, mostly.</summary>
    public const double SentShareMin = 0.0005;

    /// <summary>Fields whose numbers have a distribution, 2 to 64 KB each. Of the numbers of further ones only few distinct ones are told apart.</summary>
    public const int MeasuresMax = 500;

    /// <summary>Text values of one segment from which on those below a thousandth of both sides are left out: nearly unique texts, which explain nothing.</summary>
    public const int SegmentValuesMax = 1_024;

    /// <summary>Bytes by which texts are told apart. Longer texts that begin alike are one value.</summary>
    public const int ValueBytesMax = 256;

    /// <summary>Distinct numbers of a field that are a dimension, such as status codes. Past it the field is a measure.</summary>
    public const int NumbersMax = 100;

    /// <summary>Rows of each side kept to see which fields say the same.</summary>
    public const int SampledRowsMax = 512;

    /// <summary>Fields that have cells in the kept rows, which bounds them to 4 MB and what is sent of them to some 3 MB. Further ones are never folded into others.</summary>
    public const int SampledFieldsMax = 512;

    /// <summary>Rows of a side and segment that are looked at in a column of nearly unique texts, at least; more in large segments (a sixteenth of the rows).</summary>
    public const int WideRowsMin = 1_024;

    /// <summary>Values of a dimension in the answer.</summary>
    public const int AnswerValuesMax = 20;

    /// <summary>Buckets of a measure in the answer.</summary>
    public const int AnswerBucketsMax = 30;

    /// <summary>Fields of the best score that are compared with each other. Further ones are never folded into others.</summary>
    public const int RelatedFieldsMax = 64;
}
