namespace StreamObserve.Hosting;

/// <summary>Finds what was probably meant by a mistyped name.</summary>
public static class ClosestMatch
{
    /// <summary>
    /// The candidates, closest first by the number of single-character edits (a swap of two neighbours counts as one, case counts as none); a candidate that
    /// contains what was written, or is contained in it, comes before others of a larger distance. Ties keep the given order.
    /// </summary>
    public static IReadOnlyList<string> Order(string written, IEnumerable<string> candidates) =>
        [.. candidates.Select(c => (Name: c, Score: Score(written, c))).OrderBy(c => c.Score).Select(c => c.Name)];

    /// <summary>The closest candidate if it is near enough to be what was meant (at most a third of its characters differ), else null.</summary>
    public static string? Find(string written, IEnumerable<string> candidates)
    {
        string? best = Order(written, candidates).FirstOrDefault();
        return best is not null && Score(written, best) <= Math.Max(1, Math.Min(best.Length, written.Length) / 3) ? best : null;
    }

    private static int Score(string written, string candidate)
    {
        string a = written.ToLowerInvariant();
        string b = candidate.ToLowerInvariant();
        int distance = Distance(a, b);
        bool contained = a.Length >= 3 && b.Length >= 3 && (a.Contains(b, StringComparison.Ordinal) || b.Contains(a, StringComparison.Ordinal));
        return contained ? Math.Min(distance, 1) : distance;
    }

    /// <summary>Optimal string alignment distance: insert, delete, replace, swap neighbours.</summary>
    internal static int Distance(string a, string b)
    {
        var rows = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            rows[i, 0] = i;
        }

        for (int j = 0; j <= b.Length; j++)
        {
            rows[0, j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = rows[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                rows[i, j] = Math.Min(replace, Math.Min(rows[i - 1, j], rows[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
                }
            }
        }

        return rows[a.Length, b.Length];
    }
}
