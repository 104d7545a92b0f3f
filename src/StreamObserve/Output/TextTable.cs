using System.Text;

namespace StreamObserve.Output;

/// <summary>Lines up rows of text: a header, a rule, rows; columns two spaces apart, numbers to the right.</summary>
internal sealed class TextTable
{
    // Longer cells make the others unreadable; the end is cut and marked.
    private const int CellWidthMax = 60;

    private readonly string[] _headers;
    private readonly bool[] _alignRight;
    private readonly List<string[]> _rows = [];

    /// <summary>With these columns; <paramref name="alignRight"/> runs beside <paramref name="headers"/>.</summary>
    public TextTable(IReadOnlyList<string> headers, IReadOnlyList<bool> alignRight)
    {
        _headers = [.. headers.Select(Fit)];
        _alignRight = [.. alignRight];
    }

    /// <summary>Adds a row of as many cells as there are columns.</summary>
    public void Add(IReadOnlyList<string> cells) => _rows.Add([.. cells.Select(Fit)]);

    /// <summary>Writes it; every line ends without spaces.</summary>
    public void Write(TextWriter writer)
    {
        int[] widths = [.. _headers.Select((h, i) => Math.Max(h.Length, _rows.Select(r => r[i].Length).DefaultIfEmpty(0).Max()))];
        WriteRow(writer, _headers, widths);
        writer.WriteLine(string.Join("  ", widths.Select(w => new string('-', w))));
        foreach (string[] row in _rows)
        {
            WriteRow(writer, row, widths);
        }
    }

    private void WriteRow(TextWriter writer, string[] cells, int[] widths)
    {
        var line = new StringBuilder();
        for (int i = 0; i < cells.Length; i++)
        {
            line.Append(i > 0 ? "  " : "").Append(_alignRight[i] ? cells[i].PadLeft(widths[i]) : cells[i].PadRight(widths[i]));
        }

        writer.WriteLine(line.ToString().TrimEnd());
    }

    private static string Fit(string cell)
    {
        string flat = cell.AsSpan().IndexOfAny('\n', '\r', '\t') < 0 ? cell : cell.Replace('\n', ' ').Replace('\r', ' ').Replace('\t', ' ');
        return flat.Length <= CellWidthMax ? flat : flat[..(CellWidthMax - 1)] + "…";
    }
}
