using System.Diagnostics;
using System.Globalization;
using StreamObserve.Bench.Generator;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Bench.BubbleUp;

/// <summary>Comparisons, timed and printed.</summary>
internal static class Runs
{
    private const long Always = long.MaxValue / 2;

    public static long Ns(DateTimeOffset time) => time.ToUnixTimeMilliseconds() * 1_000_000;

    public static Condition? Condition(string? text) => text is null ? null : ConditionText.Parse(text).Value;

    public static (BubbleUpResult Result, BubbleUpAnswer Answer, double Ms) Compare(
        IReadOnlyList<IRowSegment> segments, string? query, (long From, long To)? range, BubbleUpSelection selection)
    {
        var (from, to) = range ?? (-Always, Always);
        var plan = new LeafPlan(LeafPlan.AllDatasets, new QuerySpec { Where = Condition(query) }, new(from, to, int.MaxValue));
        (BubbleUpResult, BubbleUpAnswer, double) best = default;
        for (int pass = 0; pass < 3; pass++)
        {
            long started = Stopwatch.GetTimestamp();
            var result = new BubbleUpResult();
            var scan = new BubbleUpScan(plan, selection, result);
            foreach (IRowSegment segment in segments)
            {
                scan.Add(segment, from, to);
            }

            var answer = BubbleUpRanking.Rank(result, selection);
            double ms = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            best = pass == 0 || ms < best.Item3 ? (result, answer, ms) : best;
        }

        return best;
    }

    public static bool Report(
        ulong seed, string name, IReadOnlyList<IRowSegment> segments, (long From, long To)? range, BubbleUpSelection selection, Incident incident, bool verbose)
    {
        var outcome = Compare(segments, null, range, selection);
        IReadOnlyList<BubbleUpDimension> dimensions = outcome.Answer.Dimensions;
        (string Column, string Value)[] wanted = [("build_id", incident.BuildId), ("http.route", incident.Route), ("availability_zone", incident.Zone)];
        int[] ranks = [.. wanted.Select(want => 1 + dimensions.ToList().FindIndex(d => d.Column == want.Column && d.Values[0].Value.ToString() == want.Value))];
        var exported = new ByteWriter();
        outcome.Result.Export(exported);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"seed {seed} {name}: build {ranks[0]} route {ranks[1]} zone {ranks[2]}; {outcome.Result.Selection.Rows} rows ({outcome.Result.Selection.EffectiveRows:F0}) of {outcome.Result.Baseline.Rows}, {outcome.Ms:F0} ms, {exported.Length / 1024} KB"));
        if (verbose)
        {
            Print(outcome, 10);
        }

        return ranks.All(rank => rank is > 0 and <= 8);
    }

    public static void Print((BubbleUpResult Result, BubbleUpAnswer Answer, double Ms) outcome, int most)
    {
        foreach (BubbleUpDimension d in outcome.Answer.Dimensions.Take(most))
        {
            string values = string.Join(", ", d.Values.Take(3).Select(v => string.Create(CultureInfo.InvariantCulture, $"{(v.Value.Kind == 0 ? "(none)" : v.Value.ToString())} {v.Selection:P1} / {v.Baseline:P1}")));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {d.Score:F3} {d.Column}: {values}{(d.SameAs.Count > 0 ? " = " + string.Join(' ', d.SameAs) : "")}{(d.ImpliedBy is { } by ? " <- " + by : "")}"));
        }

        foreach (BubbleUpMeasure m in outcome.Answer.Measures)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {m.Score:F3} {m.Column} (measure): p50 {m.Selection?.P50:F1} / {m.Baseline?.P50:F1}"));
        }

        Console.WriteLine($"    left out: {string.Join(", ", outcome.Answer.LeftOut.Select(l => $"{l.Column} ({l.Reason})"))}");
    }
}
