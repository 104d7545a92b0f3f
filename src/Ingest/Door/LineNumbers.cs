using StreamObserve.Core.Events;

namespace StreamObserve.Ingest.Door;

/// <summary>Finds where in a request's body a refused event is, for people. Only used when something was refused.</summary>
internal static class LineNumbers
{
    /// <summary>
    /// For each event index (ascending): the line, from 1, on which it stands in a body of one event a line; in a JSON array its place, from 1.
    /// </summary>
    public static int[] Of(ReadOnlySpan<byte> body, PayloadEncoding encoding, ReadOnlySpan<int> indexes)
    {
        var lines = new int[indexes.Length];
        var isArray = encoding == PayloadEncoding.Json && body.TrimStart(" \t\r\n"u8) is [(byte)'[', ..];
        if (isArray)
        {
            for (var i = 0; i < indexes.Length; i++)
            {
                lines[i] = indexes[i] + 1;
            }

            return lines;
        }

        int line = 0, index = -1, found = 0;
        while (!body.IsEmpty && found < indexes.Length)
        {
            line++;
            var end = body.IndexOf((byte)'\n');
            var text = end < 0 ? body : body[..end];
            body = end < 0 ? [] : body[(end + 1)..];
            if (text.Trim(" \t\r"u8).IsEmpty)
            {
                continue;
            }

            index++;
            while (found < indexes.Length && indexes[found] == index)
            {
                lines[found++] = line;
            }
        }

        for (; found < indexes.Length; found++)
        {
            lines[found] = line; // an object laid out over many lines: its events have no line of their own
        }

        return lines;
    }
}
