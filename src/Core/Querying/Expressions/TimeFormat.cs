using System.Globalization;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>A format of FORMAT_TIME: POSIX strftime in UTC, English names. Immutable.</summary>
internal sealed class TimeFormat
{
    private const string Known = "aAbBcCdDeFgGhHIjklLmMnNpPrRsStTuUVwWxXyYzZ%";

    private readonly string _format;

    private TimeFormat(string format) => _format = format;

    /// <summary>The format, or null with what is wrong with it.</summary>
    public static TimeFormat? Compile(string format, out string error)
    {
        error = "";
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] == '%' && (++i == format.Length || !Known.Contains(format[i], StringComparison.Ordinal)))
            {
                error = i == format.Length
                    ? $"the format {format} ends in a lone %; %% is a percent sign"
                    : $"FORMAT_TIME knows no %{format[i]}; it knows %{string.Join(" %", Known.ToCharArray())}";
                return null;
            }
        }

        return new(format);
    }

    /// <summary>Writes a time in unix seconds; false when it is outside of the years 1 to 9999.</summary>
    public bool TryWrite(double seconds, ByteWriter writer)
    {
        if (!(seconds >= -62_135_596_800 && seconds < 253_402_300_800))
        {
            return false;
        }

        // Rounded to microseconds, which is what a float of unix seconds holds.
        var time = DateTime.UnixEpoch.AddTicks((long)Math.Round(seconds * 1e6) * 10);
        var literal = 0;
        for (var i = 0; i < _format.Length; i++)
        {
            if (_format[i] == '%')
            {
                Raw(writer, _format.AsSpan(literal, i - literal));
                Write(_format[++i], time, writer);
                literal = i + 1;
            }
        }

        Raw(writer, _format.AsSpan(literal));
        return true;
    }

    private static void Write(char conversion, DateTime time, ByteWriter writer)
    {
        switch (conversion)
        {
            case 'a': Text("ddd"); break;
            case 'A': Text("dddd"); break;
            case 'b' or 'h': Text("MMM"); break;
            case 'B': Text("MMMM"); break;
            case 'c': Text("ddd MMM "); Number(time.Day, 2, ' '); Text(" HH:mm:ss yyyy"); break;
            case 'C': Number(time.Year / 100, 2); break;
            case 'd': Number(time.Day, 2); break;
            case 'D' or 'x': Text("MM/dd/yy"); break;
            case 'e': Number(time.Day, 2, ' '); break;
            case 'F': Text("yyyy-MM-dd"); break;
            case 'g': Number(ISOWeek.GetYear(time) % 100, 2); break;
            case 'G': Number(ISOWeek.GetYear(time), 4); break;
            case 'H': Number(time.Hour, 2); break;
            case 'I': Number(TwelveHours(), 2); break;
            case 'j': Number(time.DayOfYear, 3); break;
            case 'k': Number(time.Hour, 2, ' '); break;
            case 'l': Number(TwelveHours(), 2, ' '); break;
            case 'L': Number(time.Millisecond, 3); break;
            case 'm': Number(time.Month, 2); break;
            case 'M': Number(time.Minute, 2); break;
            case 'n': writer.U8((byte)'\n'); break;
            case 'N': Number((int)(time.Ticks % TimeSpan.TicksPerSecond) * 100, 9); break;
            case 'p': Text(time.Hour < 12 ? "'AM'" : "'PM'"); break;
            case 'P': Text(time.Hour < 12 ? "'am'" : "'pm'"); break;
            case 'r': Number(TwelveHours(), 2); Text(time.Hour < 12 ? ":mm:ss 'AM'" : ":mm:ss 'PM'"); break;
            case 'R': Text("HH:mm"); break;
            case 's': Number((long)Math.Floor((time - DateTime.UnixEpoch).TotalSeconds), 1); break;
            case 'S': Number(time.Second, 2); break;
            case 't': writer.U8((byte)'\t'); break;
            case 'T' or 'X': Text("HH:mm:ss"); break;
            case 'u': Number(time.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)time.DayOfWeek, 1); break;
            case 'U': Number((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7, 2); break;
            case 'V': Number(ISOWeek.GetWeekOfYear(time), 2); break;
            case 'w': Number((int)time.DayOfWeek, 1); break;
            case 'W': Number((time.DayOfYear + 6 - (((int)time.DayOfWeek + 6) % 7)) / 7, 2); break;
            case 'y': Number(time.Year % 100, 2); break;
            case 'Y': Number(time.Year, 4); break;
            case 'z': Raw(writer, "+0000"); break;
            case 'Z': Raw(writer, "UTC"); break;
            default: writer.U8((byte)'%'); break;
        }

        int TwelveHours() => time.Hour % 12 == 0 ? 12 : time.Hour % 12;

        void Text(string format)
        {
            Span<char> text = stackalloc char[48];
            time.TryFormat(text, out var written, format, CultureInfo.InvariantCulture);
            Raw(writer, text[..written]);
        }

        void Number(long value, int width, char pad = '0')
        {
            Span<char> text = stackalloc char[24];
            value.TryFormat(text, out var written, default, CultureInfo.InvariantCulture);
            for (var i = written; i < width; i++)
            {
                writer.U8((byte)pad);
            }

            Raw(writer, text[..written]);
        }
    }

    private static void Raw(ByteWriter writer, ReadOnlySpan<char> text) =>
        System.Text.Encoding.UTF8.GetBytes(text, writer.Take(System.Text.Encoding.UTF8.GetByteCount(text)));
}
