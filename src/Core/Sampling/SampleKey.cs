using System.Globalization;
using System.Text;

namespace StreamObserve.Core.Sampling;

/// <summary>
/// What makes a trace's key for a sampler that treats rare traces otherwise than frequent ones: fields, and perhaps the number of its rows. The text is as in Refinery: of each field, in
/// ascending order, the distinct values in ascending order, each with <c>•</c> behind it, and a comma; then of each <c>root.</c> field the root's value and a comma, if it has
/// one; then the number of rows. Immutable.
/// </summary>
public sealed class SampleKey
{
    private readonly string[] _anyRow;
    private readonly string[] _root;

    /// <summary>The key of these fields, in any order; those that begin with <c>root.</c> are looked for on the root alone.</summary>
    public SampleKey(IEnumerable<string> fields, bool usesTraceLength)
    {
        Fields = [.. fields.Order(StringComparer.Ordinal)];
        UsesTraceLength = usesTraceLength;
        _root = [.. Fields.Where(IsRoot)];
        _anyRow = [.. Fields.Where(field => !IsRoot(field))];
    }

    /// <summary>The key that is the same for all traces.</summary>
    public static SampleKey None { get; } = new([], false);

    /// <summary>The fields as given, in ascending order.</summary>
    public IReadOnlyList<string> Fields { get; }

    /// <summary>Whether the number of rows is part of the key.</summary>
    public bool UsesTraceLength { get; }

    /// <summary>True when all traces have the same key.</summary>
    public bool IsEmpty => Fields.Count == 0 && !UsesTraceLength;

    /// <summary>The key of a trace, or of a row without one.</summary>
    /// <param name="values">Fields, as in <see cref="Fields"/>, and their distinct values, in any order; further fields are left alone.</param>
    /// <param name="rows">Its rows.</param>
    public string TextOf(IEnumerable<(string Field, string Value)> values, long rows)
    {
        var ofField = values.ToLookup(pair => pair.Field, pair => pair.Value, StringComparer.Ordinal);
        var text = new StringBuilder();
        foreach (var field in _anyRow)
        {
            foreach (var value in ofField[field].Order(StringComparer.Ordinal))
            {
                text.Append(value).Append('•');
            }

            text.Append(',');
        }

        foreach (var field in _root)
        {
            // A trace of several roots: one of them, whatever the order in which they came.
            if (ofField[field].Order(StringComparer.Ordinal).FirstOrDefault() is { } value)
            {
                text.Append(value).Append(',');
            }
        }

        if (UsesTraceLength)
        {
            text.Append(CultureInfo.InvariantCulture, $"{rows}");
        }

        return text.ToString();
    }

    private static bool IsRoot(string field) => field.StartsWith(SamplingCondition.RootPrefix, StringComparison.Ordinal);
}
