namespace StreamObserve.Broker.Records;

/// <summary>The back reference of the LZ77 family.</summary>
internal static class MatchCopy
{
    /// <summary>Appends <paramref name="count"/> bytes that begin <paramref name="distance"/> bytes back; the two may overlap.</summary>
    /// <exception cref="InvalidDataException">The reference points before the start or past the end.</exception>
    public static void Copy(Span<byte> plain, ref int written, int distance, int count)
    {
        if (distance <= 0 || distance > written || count > plain.Length - written)
        {
            throw new InvalidDataException("a back reference points outside of the data");
        }

        if (distance >= count)
        {
            plain.Slice(written - distance, count).CopyTo(plain[written..]);
        }
        else
        {
            for (int i = 0; i < count; i++)
            {
                plain[written + i] = plain[written + i - distance];
            }
        }

        written += count;
    }
}
