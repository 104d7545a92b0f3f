namespace StreamObserve.QueryNode.Results;

/// <summary>Makes the ids of stored answers. Any thread.</summary>
public interface IResultIds
{
    /// <summary>A new id of 1 to <see cref="QueryHttpLimits.ResultIdCharsMax"/> letters and digits, never given before by any node.</summary>
    string Next();
}

/// <summary>
/// Ids of 20 letters and digits (119 bits) from a source of random bytes, which the process supplies: a cryptographic one, so that a permanent link cannot be guessed.
/// </summary>
/// <param name="fill">Fills the span with random bytes; called from any thread.</param>
public sealed class RandomResultIds(RandomBytes fill) : IResultIds
{
    private const int Length = 20;
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// <inheritdoc/>
    public string Next() => string.Create(Length, fill, static (text, fill) =>
    {
        // A byte of 248 or more is thrown away: 248 = 4 x 62, so that every letter is equally likely.
        Span<byte> bytes = stackalloc byte[2 * Length];
        var next = bytes.Length;
        for (var i = 0; i < text.Length;)
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
}

/// <summary>Fills a span with random bytes.</summary>
public delegate void RandomBytes(Span<byte> bytes);
