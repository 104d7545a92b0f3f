using System.Globalization;
using System.Text.Json;

namespace StreamObserve.QueryNode.Http;

/// <summary>Times as RFC 3339 text in UTC, with as many of nine decimals as they need.</summary>
internal static class Rfc3339
{
    /// <summary>Bytes of the longest text.</summary>
    public const int BytesMax = 30;

    private const int NsPerTick = 100;
    private const int FractionDigits = 9;
    private const long NsPerSecond = 1_000_000_000;

    /// <summary>Formats unix nanoseconds as ASCII; <paramref name="destination"/> holds at least <see cref="BytesMax"/> bytes. Returns the bytes written.</summary>
    public static int Format(long unixNs, Span<byte> destination)
    {
        var seconds = Math.DivRem(unixNs, NsPerSecond, out var fraction);
        if (fraction < 0)
        {
            (seconds, fraction) = (seconds - 1, fraction + NsPerSecond);
        }

        var time = DateTime.UnixEpoch.AddTicks(seconds * (NsPerSecond / NsPerTick));
        _ = time.TryFormat(destination, out var length, "yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);
        if (fraction != 0)
        {
            destination[length] = (byte)'.';
            var digits = destination.Slice(length + 1, FractionDigits);
            _ = fraction.TryFormat(digits, out _, "D9", CultureInfo.InvariantCulture);
            length += 1 + digits.TrimEnd((byte)'0').Length;
        }

        destination[length] = (byte)'Z';
        return length + 1;
    }

    /// <summary>Writes a member with a time, or null.</summary>
    public static void WriteTime(this Utf8JsonWriter json, JsonEncodedText name, long? unixNs)
    {
        if (unixNs is not { } ns)
        {
            json.WriteNull(name);
            return;
        }

        Span<byte> text = stackalloc byte[BytesMax];
        json.WriteString(name, text[..Format(ns, text)]);
    }
}
