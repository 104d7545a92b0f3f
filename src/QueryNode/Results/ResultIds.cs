namespace StreamObserve.QueryNode.Results;

/// <summary>Makes the ids of stored answers. Any thread.</summary>
public interface IResultIds
{
    /// <summary>A new id of 1 to <see cref="QueryHttpLimits.ResultIdCharsMax"/> letters and digits, never given before by any node.</summary>
    string Next();
}

/// <summary>
/// Ids of 20 letters and digits: 8 of the time in milliseconds, by which a stored answer is found again without an index, and 12 (71 bits) from a source of random
/// bytes, which the process supplies: a cryptographic one, so that a permanent link cannot be guessed.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="fill">Fills the span with random bytes; called from any thread.</param>
public sealed class TimedResultIds(TimeProvider time, RandomBytes fill) : IResultIds
{
    /// <summary>Letters and digits in the order of their values.</summary>
    public const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    private const int Length = 20;
    private const int TimeLength = 8;       // 62^8 ms: until the year 8888

    /// <inheritdoc/>
    public string Next() => string.Create(Length, (time.GetUtcNow().ToUnixTimeMilliseconds(), fill), static (text, from) =>
    {
        var (ms, fill) = from;
        for (var i = TimeLength - 1; i >= 0; i--)
        {
            text[i] = Alphabet[(int)(ms % Alphabet.Length)];
            ms /= Alphabet.Length;
        }

        // A byte of 248 or more is thrown away: 248 = 4 x 62, so that every letter is equally likely.
        Span<byte> bytes = stackalloc byte[2 * Length];
        var next = bytes.Length;
        for (var i = TimeLength; i < text.Length;)
        {
            if (next == bytes.Length)
            {
                fill(bytes);
                next = 0;
            }

            var random = bytes[next++];
            if (random < 4 * Alphabet.Length)
            {
                text[i++] = Alphabet[random % Alphabet.Length];
            }
        }
    });

    /// <summary>When an id was made, unix milliseconds; false when it is not one of these ids.</summary>
    public static bool TryReadTime(string id, out long unixMs)
    {
        unixMs = 0;
        if (id.Length != Length || id.AsSpan().ContainsAnyExcept(Alphabet))
        {
            return false;
        }

        for (var i = 0; i < TimeLength; i++)
        {
            unixMs = unixMs * Alphabet.Length + Alphabet.IndexOf(id[i], StringComparison.Ordinal);
        }

        return true;
    }
}

/// <summary>Fills a span with random bytes.</summary>
public delegate void RandomBytes(Span<byte> bytes);
