using System.Globalization;
using System.Text;

namespace StreamObserve.Bench.Compare;

/// <summary>Times of answers as horizontal bars on a logarithmic scale, an SVG of its own.</summary>
internal static class Chart
{
    private const int Left = 330, Width = 620, BarHeight = 9, GroupGap = 10, Top = 56;
    private const double MsMin = 0.5;

    /// <summary>Draws one group of bars a question.</summary>
    /// <param name="title">Above it.</param>
    /// <param name="kinds">Name and colour of each bar of a group.</param>
    /// <param name="groups">Label and, for each kind, ms; NaN = not measured.</param>
    public static string Draw(string title, IReadOnlyList<(string Name, string Color)> kinds, IReadOnlyList<(string Label, double[] Ms)> groups)
    {
        double msMax = groups.SelectMany(g => g.Ms).Where(double.IsFinite).Append(100).Max() * 1.3;
        int groupHeight = (kinds.Count * BarHeight) + GroupGap;
        int bottom = Top + (groups.Count * groupHeight);
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Left + Width + 70}\" height=\"{bottom + 30}\" font-family=\"sans-serif\" font-size=\"11\">\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
        AddText(10, 20, "#000", title);
        for (int i = 0; i < kinds.Count; i++)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{10 + (i * 190)}\" y=\"30\" width=\"10\" height=\"10\" fill=\"{kinds[i].Color}\"/>\n");
            AddText(25 + (i * 190), 39, "#000", kinds[i].Name);
        }

        for (double tick = 1; tick <= msMax; tick *= 10)
        {
            double x = X(tick);
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{x:F1}\" y1=\"{Top - 6}\" x2=\"{x:F1}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\n");
            AddText(x + 2, bottom + 14, "#666", tick.ToString("0", CultureInfo.InvariantCulture) + " ms");
        }

        for (int g = 0; g < groups.Count; g++)
        {
            int y = Top + (g * groupHeight);
            AddText(10, y + (kinds.Count * BarHeight / 2) + 4, "#000", groups[g].Label);
            for (int k = 0; k < kinds.Count; k++)
            {
                double ms = groups[g].Ms[k];
                if (!double.IsFinite(ms))
                {
                    continue;
                }

                svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{Left}\" y=\"{y + (k * BarHeight)}\" width=\"{X(ms) - Left:F1}\" height=\"{BarHeight - 1}\" fill=\"{kinds[k].Color}\"/>\n");
                AddText(X(ms) + 3, y + (k * BarHeight) + 8, "#333", ms.ToString("0.0", CultureInfo.InvariantCulture), 9);
            }
        }

        return svg.Append("</svg>\n").ToString();

        double X(double ms) => Left + (Width * Math.Log(Math.Max(ms, MsMin) / MsMin) / Math.Log(msMax / MsMin));

        void AddText(double x, double y, string color, string text, int size = 11) => svg.Append(
            CultureInfo.InvariantCulture, $"<text x=\"{x:F1}\" y=\"{y:F1}\" fill=\"{color}\" font-size=\"{size}\">{text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)}</text>\n");
    }
}
