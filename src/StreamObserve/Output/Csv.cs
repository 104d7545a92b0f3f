namespace StreamObserve.Output;

/// <summary>Comma-separated values as RFC 4180 has them, with line feeds.</summary>
internal static class Csv
{
    /// <summary>Writes one record.</summary>
    public static void WriteRecord(TextWriter writer, IEnumerable<string> cells)
    {
        writer.Write(string.Join(',', cells.Select(Quote)));
        writer.Write('\n');
    }

    private static string Quote(string cell) =>
        cell.AsSpan().IndexOfAny("\",\r\n") < 0 ? cell : $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
