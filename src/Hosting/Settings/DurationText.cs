using System.Globalization;
using System.Text;

namespace StreamObserve.Hosting;

/// <summary>Durations as people write them: <c>100ms</c>, <c>60s</c>, <c>1m30s</c>, <c>2h</c>, <c>7d</c>.</summary>
public static class DurationText
{
    /// <summary>What <see cref="TryParse"/> reads, for error texts.</summary>
    public const string Syntax = "a duration such as 500ms, 60s, 5m, 2h or 7d";

    // Longest first, as "ms" starts with "m".
    private static readonly (string Unit, long Ticks)[] Units =
    [
        ("ms", TimeSpan.TicksPerMillisecond),
        ("d", TimeSpan.TicksPerDay),
        ("h", TimeSpan.TicksPerHour),
        ("m", TimeSpan.TicksPerMinute),
        ("s", TimeSpan.TicksPerSecond),
    ];

    /// <summary>
    /// Reads one or more number-unit pairs, largest unit first by custom but in any order, each unit at most once. A number without a unit is refused,
    /// as seconds and milliseconds are too easily mistaken for each other. Never negative.
    /// </summary>
    public static bool TryParse(string? text, out TimeSpan duration)
    {
        duration = default;
        ReadOnlySpan<char> rest = text.AsSpan().Trim();
        if (rest.IsEmpty)
        {
            return false;
        }

        decimal ticks = 0;
        int seen = 0;
        while (!rest.IsEmpty)
        {
            int digits = rest.IndexOfAnyExcept("0123456789.");
            if (digits <= 0 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal count))
            {
                return false;
            }

            rest = rest[digits..];
            int unit = UnitAtStart(rest);
            if (unit < 0 || (seen & (1 << unit)) != 0 || count > (decimal)long.MaxValue / Units[unit].Ticks)
            {
                return false;
            }

            seen |= 1 << unit;
            ticks += count * Units[unit].Ticks;
            rest = rest[Units[unit].Unit.Length..];
        }

        if (ticks > long.MaxValue)
        {
            return false;
        }

        duration = new TimeSpan((long)ticks);
        return true;
    }

    /// <summary>The shortest form in whole units, down to milliseconds; <see cref="TryParse"/> reads it back.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration < TimeSpan.FromMilliseconds(1))
        {
            return "0s";
        }

        // One unit where it is exact (90s stays 90s below two minutes), else pairs.
        if (duration.Ticks % TimeSpan.TicksPerSecond == 0 && duration < TimeSpan.FromMinutes(2))
        {
            return $"{duration.Ticks / TimeSpan.TicksPerSecond}s";
        }

        var text = new StringBuilder();
        Append(text, duration.Days, "d");
        Append(text, duration.Hours, "h");
        Append(text, duration.Minutes, "m");
        Append(text, duration.Seconds, "s");
        Append(text, duration.Milliseconds, "ms");
        return text.ToString();
    }

    private static void Append(StringBuilder text, int count, string unit)
    {
        if (count > 0)
        {
            text.Append(count).Append(unit);
        }
    }

    private static int UnitAtStart(ReadOnlySpan<char> text)
    {
        for (int i = 0; i < Units.Length; i++)
        {
            if (text.StartsWith(Units[i].Unit, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }
}
