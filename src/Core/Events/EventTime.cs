using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace StreamObserve.Core.Events;

/// <summary>
/// Times as they come in events and queries, to and from unix nanoseconds (a 64-bit count, so 1677-09-21T00:12:43.145224192Z to
/// 2262-04-11T23:47:16.854775807Z). Pure; parsing neither allocates nor throws.
/// </summary>
public static class EventTime
{
    /// <summary>Longest text of a time that is looked at, in bytes; a longer one is no time.</summary>
    public const int TextBytesMax = 64;

    private const long NanosPerSecond = 1_000_000_000;

    // The largest magnitudes in seconds, milliseconds and microseconds that fit a 64-bit count of nanoseconds.
    private const long SecondsMax = long.MaxValue / NanosPerSecond;
    private const long MillisMax = long.MaxValue / 1_000_000;
    private const long MicrosMax = long.MaxValue / 1_000;

    /// <summary>
    /// Reads an RFC 3339 date and time: <c>2026-11-23T04:05:06.123456789+01:00</c>. Wider than the standard where producers are:
    /// a space or lower-case t between date and time, a comma before the fraction, lower-case z, offsets <c>+0100</c> and <c>+01</c>, no offset (= UTC).
    /// Fraction digits past the ninth are cut. A leap second (:60) is the first instant of the next minute.
    /// False when the text is anything else, or a time outside the range of <see cref="EventTime"/>.
    /// </summary>
    public static bool TryParseRfc3339(ReadOnlySpan<byte> text, out long unixNs)
    {
        unixNs = 0;
        if (text.Length is < 19 or > TextBytesMax
            || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':'
            || (text[10] | 0x20) is not ('t' or ' '))
        {
            return false;
        }

        // A pair that isn't two digits comes back past 99 and fails its bound.
        var century = Pair(text, 0);
        var yearOfCentury = Pair(text, 2);
        var month = Pair(text, 5);
        var day = Pair(text, 8);
        var hour = Pair(text, 11);
        var minute = Pair(text, 14);
        var second = Pair(text, 17);
        if (century > 99 || yearOfCentury > 99 || month - 1 > 11 || day - 1 > 30 || hour > 23 || minute > 59 || second > 60)
        {
            return false;
        }

        var year = (int)(century * 100 + yearOfCentury);
        if (day > 28 && day > DaysInMonth(year, (int)month))
        {
            return false;
        }

        var at = 19;
        var nanos = 0L;
        if (at < text.Length && text[at] is (byte)'.' or (byte)',' && !TryReadFraction(text, ref at, out nanos))
        {
            return false;
        }

        if (!TryReadOffset(text[at..], out var offsetSeconds))
        {
            return false;
        }

        var seconds = DaysFromEpoch(year, (int)month, (int)day) * 86_400 + hour * 3_600 + minute * 60 + second - offsetSeconds;
        return TryCombine(seconds, nanos, out unixNs);
    }

    /// <summary>The same for UTF-16 text.</summary>
    public static bool TryParseRfc3339(ReadOnlySpan<char> text, out long unixNs)
    {
        unixNs = 0;
        Span<byte> ascii = stackalloc byte[TextBytesMax];
        return text.Length <= TextBytesMax
            && System.Text.Ascii.FromUtf16(text, ascii, out var written) == System.Buffers.OperationStatus.Done
            && TryParseRfc3339(ascii[..written], out unixNs);
    }

    /// <summary>
    /// Reads a whole number since 1970 in seconds, milliseconds, microseconds or nanoseconds: whichever is the coarsest unit in which it still is a
    /// time in range. So up to 9,223,372,036 are seconds (until 2262), up to a thousand times that milliseconds, and so on; every number is a time.
    /// </summary>
    public static long FromEpoch(long epoch)
    {
        var magnitude = epoch == long.MinValue ? long.MaxValue : Math.Abs(epoch);
        return epoch * (magnitude <= SecondsMax ? NanosPerSecond : magnitude <= MillisMax ? 1_000_000 : magnitude <= MicrosMax ? 1_000 : 1);
    }

    /// <summary>
    /// The same for a float, rounded to the microsecond: at today's dates a 64-bit float resolves about a quarter of one, in any of the units.
    /// False when not finite or out of range.
    /// </summary>
    public static bool TryFromEpoch(double epoch, out long unixNs)
    {
        unixNs = 0;
        var magnitude = Math.Abs(epoch);
        if (!(magnitude < long.MaxValue))
        {
            return false;
        }

        var (perSecond, nanosPerUnit) =
            magnitude < SecondsMax ? (1L, NanosPerSecond) : magnitude < MillisMax ? (1_000L, 1_000_000L) : magnitude < MicrosMax ? (1_000_000L, 1_000L) : (NanosPerSecond, 1L);
        var whole = Math.Floor(epoch);
        var seconds = Math.DivRem((long)whole, perSecond, out var units);
        var micros = Math.Round((units * (double)nanosPerUnit + (epoch - whole) * nanosPerUnit) / 1_000d);
        return TryCombine(seconds, (long)micros * 1_000, out unixNs);
    }

    /// <summary>
    /// Reads a JSON number since 1970 exactly, unit by the magnitude of its whole part as in <see cref="FromEpoch"/>; digits finer than a nanosecond are cut.
    /// A number in scientific notation goes through a float. False when it isn't a number or is out of range.
    /// </summary>
    public static bool TryParseEpoch(ReadOnlySpan<byte> number, out long unixNs)
    {
        unixNs = 0;
        if (number.Length is 0 or > TextBytesMax)
        {
            return false;
        }

        if (!Utf8Parser.TryParse(number, out long whole, out var at) || at == 0 || number[0] == '+')
        {
            return false;
        }

        if (at == number.Length)
        {
            unixNs = FromEpoch(whole);
            return true;
        }

        if (number[at] != '.' || number.IndexOfAny((byte)'e', (byte)'E') >= 0)
        {
            return Utf8Parser.TryParse(number, out double value, out var used) && used == number.Length && TryFromEpoch(value, out unixNs);
        }

        if (!TryReadFraction(number, ref at, out var billionths) || at != number.Length)
        {
            return false;
        }

        var nanosPerUnit = whole == 0 ? NanosPerSecond : FromEpoch(whole) / whole;
        var fraction = billionths / (NanosPerSecond / nanosPerUnit);
        var scaled = FromEpoch(whole);
        unixNs = number[0] == '-' ? scaled - fraction : scaled + fraction;
        return number[0] == '-' ? unixNs <= scaled : unixNs >= scaled;
    }

    /// <summary>The time as RFC 3339 in UTC with as many fraction digits as it needs: <c>2026-11-23T04:05:06.12Z</c>.</summary>
    public static string Format(long unixNs)
    {
        var seconds = Math.DivRem(unixNs, NanosPerSecond, out var nanos);
        if (nanos < 0)
        {
            seconds--;
            nanos += NanosPerSecond;
        }

        var text = new StringBuilder(30).Append(DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture));
        if (nanos != 0)
        {
            text.Append('.').Append(nanos.ToString("D9", CultureInfo.InvariantCulture).TrimEnd('0'));
        }

        return text.Append('Z').ToString();
    }

    private static uint Pair(ReadOnlySpan<byte> text, int at)
    {
        uint tens = (uint)text[at] - '0', ones = (uint)text[at + 1] - '0';
        return tens > 9 || ones > 9 ? 1_000 : tens * 10 + ones;
    }

    // On entry the separator is at `at`; on success `at` is behind the last digit and `billionths` are in 0..999,999,999.
    private static bool TryReadFraction(ReadOnlySpan<byte> text, ref int at, out long billionths)
    {
        billionths = 0;
        var first = ++at;
        var scale = NanosPerSecond;
        for (; at < text.Length; at++)
        {
            var digit = (uint)text[at] - '0';
            if (digit > 9)
            {
                break;
            }

            scale /= 10;
            billionths += digit * scale;
        }

        return at > first;
    }

    private static bool TryReadOffset(ReadOnlySpan<byte> text, out int seconds)
    {
        seconds = 0;
        if (text.Length == 0 || (text.Length == 1 && (text[0] | 0x20) == 'z'))
        {
            return true;
        }

        if (text[0] is not ((byte)'+' or (byte)'-'))
        {
            return false;
        }

        uint hours, minutes;
        switch (text.Length)
        {
            case 6 when text[3] == ':':
                hours = Pair(text, 1);
                minutes = Pair(text, 4);
                break;
            case 5:
                hours = Pair(text, 1);
                minutes = Pair(text, 3);
                break;
            case 3:
                hours = Pair(text, 1);
                minutes = 0;
                break;
            default:
                return false;
        }

        seconds = (int)(hours * 3_600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
        return hours <= 23 && minutes <= 59;
    }

    private static bool TryCombine(long seconds, long nanos, out long unixNs)
    {
        // Exact in 128 bits, so that the range's last second needs no case of its own.
        var total = (Int128)seconds * NanosPerSecond + nanos;
        unixNs = (long)total;
        return total == unixNs;
    }

    private static int DaysInMonth(int year, int month) =>
        month == 2 ? (IsLeapYear(year) ? 29 : 28) : 30 + ((month + (month >> 3)) & 1);

    private static bool IsLeapYear(int year) => (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0);

    // Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that the leap day ends one.
    private static long DaysFromEpoch(int year, int month, int day)
    {
        var marchYear = month > 2 ? year : year - 1;
        var era = (marchYear + 400) / 400 - 1;
        var yearOfEra = marchYear - era * 400;
        var dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
        var dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
        return era * 146_097L + dayOfEra - 719_468;
    }
}
