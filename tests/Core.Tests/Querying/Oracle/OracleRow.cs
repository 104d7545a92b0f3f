using System.Globalization;
using System.Text;
using StreamObserve.Core.Events;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>
/// An event as the oracle sees it: a dictionary of plain values (<see cref="string"/>, <see cref="long"/>, <see cref="double"/>, <see cref="bool"/>). A number that is whole
/// and within 2^53 is a <see cref="long"/>, as 3 and 3.0 are one JSON number.
/// </summary>
internal sealed class OracleRow
{
    private readonly Dictionary<string, object> _stored;
    private readonly IReadOnlyDictionary<string, object?> _calculated;

    private OracleRow(string dataset, long timeNs, double weight, Dictionary<string, object> stored, IReadOnlyDictionary<string, object?> calculated)
    {
        Dataset = dataset;
        TimeNs = timeNs;
        Weight = weight;
        _stored = stored;
        _calculated = calculated;
    }

    public string Dataset { get; }

    public long TimeNs { get; }

    /// <summary>How many events it stands for.</summary>
    public double Weight { get; }

    /// <summary>The value of a field, null when it has none; a calculated one hides what is stored under its name.</summary>
    public object? this[string field] => _calculated.TryGetValue(field, out var value) ? value : Stored(field);

    public static OracleRow Of(ModelEvent e) =>
        new(e.Dataset, e.TimeNs, e.Weight, e.Fields.Where(f => f.Value.Kind != FieldKind.Absent).ToDictionary(f => f.Key, f => OracleValue.Of(f.Value)!), new Dictionary<string, object?>());

    /// <summary>The value that came with the event. <c>dataset</c> is the dataset's name, where the event has no field of that name.</summary>
    public object? Stored(string field) => _stored.TryGetValue(field, out var value) ? value : field == "dataset" ? Dataset : null;

    /// <summary>The row with calculated fields.</summary>
    public OracleRow With(IReadOnlyDictionary<string, object?> calculated) => new(Dataset, TimeNs, Weight, _stored, calculated);
}

/// <summary>What can be said of plain values.</summary>
internal static class OracleValue
{
    private const double WholeMax = 9_007_199_254_740_992;

    public static object? Of(FieldValue value) => value.Kind switch
    {
        FieldKind.String => value.AsString,
        FieldKind.Integer => value.AsInteger,
        FieldKind.Float => Number(value.AsDouble),
        FieldKind.Bool => value.AsBool,
        _ => null,
    };

    /// <summary>The way back, for expressions.</summary>
    public static FieldValue ToField(object? value) => value switch
    {
        string text => FieldValue.Of(text),
        long whole => FieldValue.Of(whole),
        double number => FieldValue.Of(number),
        bool flag => FieldValue.Of(flag),
        _ => FieldValue.Absent,
    };

    public static object Number(double value) => Math.Abs(value) <= WholeMax && Math.Floor(value) == value ? (object)(long)value : value;

    public static bool IsNumber(object? value) => value is long or double;

    public static double AsDouble(object value) => value is long whole ? whole : (double)value;

    /// <summary>As text operators see it: numbers as JSON writes them, truth values as words.</summary>
    public static string Text(object value) => value switch
    {
        string text => text,
        bool flag => flag ? "true" : "false",
        long whole => whole.ToString(CultureInfo.InvariantCulture),
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        _ => throw new ArgumentOutOfRangeException(nameof(value), value, "no such value"),
    };

    /// <summary>A truth value, or a text that is the word for one.</summary>
    public static bool? Flag(object value) => value switch { bool flag => flag, "true" => true, "false" => false, _ => null };

    /// <summary>A number, or a text that reads as one.</summary>
    public static object? NumberIn(object value) => value switch
    {
        long or double => value,
        string text when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
        string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => Number(number),
        _ => null,
    };

    /// <summary>Numbers by value; whole ones exactly.</summary>
    public static int CompareNumbers(object a, object b) => a is long x && b is long y ? x.CompareTo(y) : AsDouble(a).CompareTo(AsDouble(b));

    /// <summary>Texts by code point, which is the order of their UTF-8.</summary>
    public static int CompareTexts(string a, string b) => Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b));

    /// <summary>The order of groups: none, truth values, numbers, texts.</summary>
    public static int Compare(object? a, object? b)
    {
        var byRank = Rank(a).CompareTo(Rank(b));
        return byRank != 0 ? byRank : a switch
        {
            null => 0,
            bool flag => flag.CompareTo((bool)b!),
            string text => CompareTexts(text, (string)b!),
            _ => CompareNumbers(a, b!),
        };

        static int Rank(object? value) => value switch { null => 0, bool => 1, string => 3, _ => 2 };
    }
}
