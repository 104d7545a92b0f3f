using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Tests.Querying.Variance;

/// <summary>
/// A population of traces from a seed: 1 to 40 spans, most of them few; durations that differ between traces and within; three routes, a trace's spans mostly on one;
/// a tenth sure to be kept (rate 1), the others at one of two rates. Samples of it are what a sampler that decides whole traces would leave.
/// </summary>
internal sealed class SampledTraces
{
    private static readonly Utf8Strings Routes = Utf8Strings.From(["a", "b", "c"]);
    private static readonly Utf8Strings Datasets = Utf8Strings.From(["shop"]);
    private readonly List<Trace> _traces = [];

    public SampledTraces(int seed, int count, double rate, double sizePower, double spread)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var spans = new Span[1 + (int)(40 * Math.Pow(random.NextDouble(), sizePower))];
            var route = random.Next(3);
            var slow = Normal(random) * spread;
            for (var k = 0; k < spans.Length; k++)
            {
                spans[k] = new(random.Next(10) < 7 ? route : random.Next(3), Math.Exp(3 + slow + (Normal(random) * spread)));
            }

            var id = new byte[16];
            random.NextBytes(id);
            _traces.Add(new(id, random.Next(10) switch { 0 => 1, < 4 => rate / 2, _ => rate }, spans));
        }
    }

    public static ResolvedTime Time => new(0, 60_000_000_000, 60);

    /// <summary>What the answer would be over all spans, by calculation; of one route or of all.</summary>
    public double[] Truth(int? route, CalculationOp[] ops)
    {
        var durations = _traces.SelectMany(trace => trace.Spans).Where(span => route is null || span.Route == route).Select(span => span.Duration).ToArray();
        Array.Sort(durations);
        double At(double q) => durations[(int)(q * (durations.Length - 1))];
        return [.. ops.Select(op => op switch
        {
            CalculationOp.Count => durations.Length,
            CalculationOp.Sum => durations.Sum(),
            CalculationOp.Avg => durations.Average(),
            _ => At(op.Quantile()!.Value),
        })];
    }

    /// <summary>Keeps each trace by its rate and scans what is left: the leaves' results merged, each leaf with its own traces, a trace's spans in two segments.</summary>
    public PartialResult Scan(LeafPlan plan, Random random, int leaves)
    {
        var rows = new List<(Trace Trace, int Span)>[leaves * 2];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = [];
        }

        foreach (var trace in _traces)
        {
            if (random.NextDouble() * trace.Rate < 1)
            {
                for (var k = 0; k < trace.Spans.Length; k++)
                {
                    rows[(trace.Id[3] % leaves * 2) + (k & 1)].Add((trace, k));
                }
            }
        }

        var result = new PartialResult(plan);
        for (var leaf = 0; leaf < leaves; leaf++)
        {
            var part = new PartialResult(plan);
            var scan = new RowScan(plan, part);
            scan.Add(Segment(rows[leaf * 2]), 0, Time.EndNs);
            scan.Add(Segment(rows[(leaf * 2) + 1]), 0, Time.EndNs);
            var bytes = new ByteWriter();
            part.Export(bytes);
            result.Import(bytes.Written);
        }

        return result;
    }

    private static EventBatch Segment(List<(Trace Trace, int Span)> rows)
    {
        var times = new long[rows.Count];
        var weights = new double[rows.Count];
        var ids = new byte[rows.Count * 16];
        var durations = new double[rows.Count];
        var routes = new int[rows.Count];
        for (var i = 0; i < rows.Count; i++)
        {
            var (trace, span) = rows[i];
            times[i] = 1 + (trace.Id[0] * 100_000_000L) + span;
            weights[i] = trace.Rate;
            trace.Id.CopyTo(ids, i * 16);
            durations[i] = trace.Spans[span].Duration;
            routes[i] = trace.Spans[span].Route;
        }

        return new(
            times, weights, new int[rows.Count], Datasets,
            [
                new("trace.trace_id", ColumnVector.OfHex(rows.Count, null, ids, 16)),
                new("duration_ms", ColumnVector.OfFloats(rows.Count, null, durations)),
                new("route", ColumnVector.OfDictionary(rows.Count, null, routes, Routes)),
                new("meta.sample.rate", ColumnVector.OfFloats(rows.Count, null, weights)),
            ],
            isSampled: true);
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private sealed record Trace(byte[] Id, double Rate, Span[] Spans);

    private sealed record Span(int Route, double Duration);
}
