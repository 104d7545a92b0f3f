using System.Globalization;
using System.Text;

namespace StreamObserve.Core.Querying.Language;

/// <summary>
/// Lengths of time as people write them: one or more numbers, each with its unit, summed: <c>10s</c>, <c>500ms</c>, <c>1d12h</c>, <c>1.5h</c>.
/// Units: w d h m s ms us (or µs) ns, in any case; a day is 24 hours. Zero up to about 292 years, counted in nanoseconds.
/// </summary>
public static class DurationText
{
    private const long Second = 1_000_000_000;

    // Largest first, as they are written; each unit at most once.
    private static readonly (string Name, long Nanoseconds)[] Written =
    [
        ("d", 86_400 * Second), ("h", 3_600 * Second), ("m", 60 * Second), ("s", Second), ("ms", 1_000_000), ("us", 1_000), ("ns", 1),
    ];

    /// <summary>Reads a length of time in nanoseconds; false when it is anything else (also a number without a unit), too long, or finer than a nanosecond.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out long nanoseconds)
    {
        nanoseconds = 0;
        if (text.IsEmpty)
        {
            return false;
        }

        var sum = 0m;
        while (!text.IsEmpty)
        {
            var numberLength = LengthWhile(text, static c => char.IsAsciiDigit(c) || c == '.');
            var unitLength = LengthWhile(text[numberLength..], char.IsLetter);
            if (numberLength == 0
                || !decimal.TryParse(text[..numberLength], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                || UnitNanoseconds(text.Slice(numberLength, unitLength)) is not { } unit
                || number > (decimal)long.MaxValue / unit)
            {
                return false;
            }

            sum += number * unit;
            text = text[(numberLength + unitLength)..];
        }

        if (sum > long.MaxValue || sum != decimal.Truncate(sum))
        {
            return false;
        }

        nanoseconds = (long)sum;
        return true;
    }

    /// <summary>Reads a length of time; one that isn't a multiple of 100 ns is refused as well.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out TimeSpan duration)
    {
        var read = TryParse(text, out long nanoseconds) && nanoseconds % 100 == 0;
        duration = read ? TimeSpan.FromTicks(nanoseconds / 100) : default;
        return read;
    }

    /// <summary>The shortest exact form with whole numbers, largest unit (days) first; zero is <c>0s</c>. Not negative.</summary>
    public static string Format(long nanoseconds)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(nanoseconds);
        if (nanoseconds == 0)
        {
            return "0s";
        }

        var text = new StringBuilder();
        foreach (var (name, unit) in Written)
        {
            var count = Math.DivRem(nanoseconds, unit, out nanoseconds);
            if (count > 0)
            {
                text.Append(count.ToString(CultureInfo.InvariantCulture)).Append(name);
            }
        }

        return text.ToString();
    }

    /// <summary>The same of a <see cref="TimeSpan"/>.</summary>
    public static string Format(TimeSpan duration) => Format(checked(duration.Ticks * 100));

    internal static string FormatSeconds(long seconds) => Format(checked(seconds * Second));

    private static int LengthWhile(ReadOnlySpan<char> text, Func<char, bool> holds)
    {
        var length = 0;
        while (length < text.Length && holds(text[length]))
        {
            length++;
        }

        return length;
    }

    private static long? UnitNanoseconds(ReadOnlySpan<char> name)
    {
        if (name.Equals("w", StringComparison.OrdinalIgnoreCase))
        {
            return 7 * 86_400 * Second;
        }

        // Both the micro sign and the Greek letter.
        if (name is "µs" or "μs")
        {
            return 1_000;
        }

        foreach (var (written, nanoseconds) in Written)
        {
            if (name.Equals(written, StringComparison.OrdinalIgnoreCase))
            {
                return nanoseconds;
            }
        }

        return null;
    }
}
