using System.Globalization;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Language;

/// <summary>Numbers in both forms: as in JSON. What has neither a fraction nor an exponent and fits 64 bits is an integer, all else a float.</summary>
internal static class NumberText
{
    /// <summary>Reads a number; false when it isn't one or not finite.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out FieldValue value)
    {
        value = default;
        var digits = text.StartsWith("-") ? text[1..] : text;
        if (digits.IsEmpty || !char.IsAsciiDigit(digits[0]))
        {
            return false;
        }

        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole))
        {
            value = FieldValue.Of(whole);
            return true;
        }

        const NumberStyles Float = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        if (!double.TryParse(text, Float, CultureInfo.InvariantCulture, out var number) || !double.IsFinite(number))
        {
            return false;
        }

        value = FieldValue.Of(number);
        return true;
    }

    /// <summary>Writes a number such that reading gives the same kind and value.</summary>
    public static string Format(FieldValue number) => number.Kind == FieldKind.Integer ? number.ToString() : Format(number.AsDouble);

    /// <summary>Writes a finite float with a fraction or an exponent.</summary>
    public static string Format(double number)
    {
        var text = number.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().IndexOfAny('.', 'E') < 0 ? text + ".0" : text;
    }
}
