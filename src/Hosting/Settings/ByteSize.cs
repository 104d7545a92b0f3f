using System.Globalization;

namespace StreamObserve.Hosting;

/// <summary>A number of bytes, 0 or more, as people write it: <c>512MB</c> (10^6), <c>1GiB</c> (2^30), <c>4096</c>.</summary>
public readonly record struct ByteSize(long Bytes) : IComparable<ByteSize>
{
    /// <summary>What <see cref="TryParse"/> reads, for error texts.</summary>
    public const string Syntax = "a size such as 512MB, 1GiB or 65536 (bytes)";

    private static readonly (string Unit, long Factor)[] Units =
    [
        ("B", 1),
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40),
        ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ("K", 1L << 10), ("M", 1L << 20), ("G", 1L << 30), ("T", 1L << 40),
    ];

    /// <summary>A whole number of 2^20 bytes.</summary>
    public static ByteSize MiB(long count) => new(count << 20);

    /// <summary>A whole number of 2^30 bytes.</summary>
    public static ByteSize GiB(long count) => new(count << 30);

    /// <summary>
    /// Reads a size. The unit's case does not matter; KB, MB, GB, TB are powers of 1000, KiB… and the bare letters powers of 1024; a fraction
    /// (<c>1.5GiB</c>) is rounded down to whole bytes. False for anything else, also for what does not fit in 63 bits.
    /// </summary>
    public static bool TryParse(string? text, out ByteSize size)
    {
        size = default;
        if (string.IsNullOrWhiteSpace(text))
        {
            return false;
        }

        ReadOnlySpan<char> span = text.AsSpan().Trim();
        int digits = span.IndexOfAnyExcept("0123456789.");
        ReadOnlySpan<char> number = digits < 0 ? span : span[..digits];
        ReadOnlySpan<char> unit = digits < 0 ? "B" : span[digits..].TrimStart();
        if (!decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal count))
        {
            return false;
        }

        foreach ((string name, long factor) in Units)
        {
            if (unit.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                // Division, as the product of two huge numbers would overflow.
                if (count > (decimal)long.MaxValue / factor)
                {
                    return false;
                }

                size = new ByteSize((long)(count * factor));
                return true;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public int CompareTo(ByteSize other) => Bytes.CompareTo(other.Bytes);

    /// <summary>The shortest exact form; <see cref="TryParse"/> reads it back to the same number.</summary>
    public override string ToString()
    {
        string shortest = Bytes.ToString(CultureInfo.InvariantCulture);
        if (Bytes == 0)
        {
            return shortest;
        }

        foreach ((string name, long factor) in Units.AsSpan(1, 8))
        {
            if (Bytes % factor == 0)
            {
                string text = (Bytes / factor).ToString(CultureInfo.InvariantCulture) + name;
                if (text.Length < shortest.Length)
                {
                    shortest = text;
                }
            }
        }

        return shortest;
    }
}
