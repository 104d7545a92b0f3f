using System.Globalization;

namespace StreamObserve.Core.Sampling;

/// <summary>Durations as people write them in policies: numbers with the units ms, s, m, h, one after another (<c>60s</c>, <c>1m30s</c>, <c>0.5s</c>).</summary>
internal static class DurationText
{
    /// <summary>The duration in milliseconds; false when the text is none, is negative or not a whole number of milliseconds.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out long milliseconds)
    {
        milliseconds = 0;
        var total = 0m;
        if (text.IsEmpty)
        {
            return false;
        }

        while (!text.IsEmpty)
        {
            var digits = text.IndexOfAnyExcept("0123456789.");
            if (digits <= 0 || !decimal.TryParse(text[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) || number > int.MaxValue)
            {
                return false;
            }

            text = text[digits..];
            var letters = text.IndexOfAny("0123456789.");
            var unit = letters < 0 ? text : text[..letters];
            var unitMs = unit switch { "ms" => 1m, "s" => 1000m, "m" => 60_000m, "h" => 3_600_000m, _ => 0m };
            if (unitMs == 0)
            {
                return false;
            }

            total += number * unitMs;
            text = text[unit.Length..];
        }

        milliseconds = (long)total;
        return milliseconds == total;
    }

    /// <summary>The duration in the greatest unit that divides it.</summary>
    public static string Format(long milliseconds)
    {
        var (number, unit) = milliseconds switch
        {
            _ when milliseconds % 3_600_000 == 0 => (milliseconds / 3_600_000, "h"),
            _ when milliseconds % 60_000 == 0 => (milliseconds / 60_000, "m"),
            _ when milliseconds % 1000 == 0 => (milliseconds / 1000, "s"),
            _ => (milliseconds, "ms"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{number}{unit}");
    }
}
