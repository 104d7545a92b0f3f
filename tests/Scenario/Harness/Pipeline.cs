namespace StreamObserve.Scenario.Harness;

/// <summary>Waiting until a pipeline has everything it was fed.</summary>
public static class Pipeline
{
    /// <summary>Waits until aggregates have counted exactly this many events.</summary>
    /// <exception cref="InvalidOperationException">They have counted more.</exception>
    public static Task<QueryAnswer> CountsAsync(this ApiClient api, long events, VaryingRange range, TimeSpan within, string source = "aggregates") =>
        Eventually.AsksAsync(
            $"{source} count {events} events",
            within,
            () => api.QueryAsync(new QueryRequest { Calculations = ["COUNT"], Range = range.Next(), Source = source }),
            answer =>
            {
                double count = answer.Single("COUNT");
                return count <= events ? count == events : throw new InvalidOperationException($"{source} count {count} of {events} events: some more than once; {answer}");
            },
            answer => answer.ToString());

    /// <summary>
    /// Waits until the trailing cursor of every partition has passed everything that the head cursor had read when this was
    /// called, so that blocks hold every row that is kept.
    /// </summary>
    public static async Task BlocksAreCompleteAsync(this ApiClient api, VaryingRange range, TimeSpan within)
    {
        QueryAnswer now = await api.QueryAsync(new QueryRequest { Calculations = ["COUNT"], Range = range.Next() });
        Dictionary<int, long> heads = now.Covered.ToDictionary(c => c.Partition, c => c.HeadOffset);
        await Eventually.AsksAsync(
            $"trailing cursors pass {string.Join(", ", heads.Select(h => $"{h.Key}:{h.Value}"))}",
            within,
            () => api.QueryAsync(new QueryRequest { Calculations = ["COUNT"], Range = range.Next() }),
            answer => heads.All(h => answer.Covered.Any(c => c.Partition == h.Key && c.TrailingOffset >= h.Value)),
            answer => string.Join(", ", answer.Covered));
    }

    /// <summary>
    /// Rows, weight and sum of durations of every trace that blocks hold, asked in slices of trace ids so that none exceeds
    /// the limit of groups.
    /// </summary>
    public static async Task<Dictionary<string, KeptTrace>> KeptTracesAsync(this ApiClient api, VaryingRange range, int prefixDigits)
    {
        var kept = new Dictionary<string, KeptTrace>(StringComparer.Ordinal);
        for (int slice = 0; slice < 1 << (4 * prefixDigits); slice++)
        {
            string prefix = slice.ToString($"x{prefixDigits}");
            var weighted = new QueryRequest
            {
                Calculations = ["COUNT"],
                Breakdowns = ["trace.trace_id"],
                Filters = [("trace.trace_id", "starts-with", prefix)],
                Range = range.Next(),
                Source = "blocks",
            };
            QueryAnswer weights = await api.QueryAsync(weighted);
            QueryAnswer rows = await api.QueryAsync(weighted with { Calculations = ["COUNT", "SUM(duration_ms)"], Unweighted = true, Range = range.Next() });
            if (rows.Rows.Count >= weighted.Limit)
            {
                throw new InvalidOperationException($"{rows.Rows.Count} traces start with {prefix}: ask for longer prefixes");
            }

            Dictionary<string, double> weightOf = weights.By("trace.trace_id", "COUNT");
            Dictionary<string, double> sumOf = rows.By("trace.trace_id", "SUM(duration_ms)");
            foreach ((string id, double count) in rows.By("trace.trace_id", "COUNT"))
            {
                kept.Add(id, new KeptTrace((long)count, weightOf.GetValueOrDefault(id), Math.Round(sumOf[id], 3)));
            }
        }

        return kept;
    }
}

/// <summary>A trace in blocks.</summary>
/// <param name="Rows">Rows stored.</param>
/// <param name="Weight">Events that they stand for.</param>
/// <param name="DurationMsSum">Sum of the stored rows' durations, unweighted, to 1 us.</param>
public readonly record struct KeptTrace(long Rows, double Weight, double DurationMsSum);
