using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.BubbleUp;

/// <summary>Events with planted differences: what a person would see in them is known.</summary>
internal static class Planted
{
    private const long Second = 1_000_000_000;

    /// <summary>Everything.</summary>
    public static LeafPlan Plan { get; } = new(LeafPlan.AllDatasets, new QuerySpec(), new(0, long.MaxValue / 2, int.MaxValue));

    public static ModelEvent Event(int number, params (string Name, FieldValue Value)[] fields) => Weighted(number, 1, fields);

    public static ModelEvent Weighted(int number, double weight, params (string Name, FieldValue Value)[] fields)
    {
        var json = new Dictionary<string, object?> { ["time"] = EventTime.Format(EventMaker.StartNs + (number * Second / 10)), ["sampleRate"] = weight };
        foreach (var (name, value) in fields)
        {
            json[name] = value.Kind switch
            {
                FieldKind.String => value.AsString,
                FieldKind.Integer => value.AsInteger,
                FieldKind.Float => value.AsDouble,
                FieldKind.Bool => value.AsBool,
                _ => null,
            };
        }

        return new(EventMaker.DefaultDataset, EventMaker.StartNs + (number * Second / 10), weight, fields.ToDictionary(field => field.Name, field => field.Value), JsonSerializer.Serialize(json));
    }

    /// <summary>
    /// A shop of 6,000 requests; the slow ones (`duration_ms` of 2,000 and more) are those of build `b7` in zone `east-1`, some 90 % of the selection, beside some of any kind.
    /// </summary>
    public static List<ModelEvent> Shop(int seed, Func<Random, Request, IEnumerable<(string, FieldValue)>> more)
    {
        var random = new Random(seed);
        var events = new List<ModelEvent>();
        for (var i = 0; i < 6_000; i++)
        {
            var build = random.Next(10);
            var zone = random.Next(6);
            var isCause = build == 7 && zone == 1 && random.Next(10) < 8;
            var isSlow = isCause || random.Next(700) == 0;
            var request = new Request(i, build, zone, isSlow, isSlow ? 2_000 + random.Next(3_000) : 1 + (random.NextDouble() * 500));
            events.Add(Event(i, [.. request.Fields, .. more(random, request)]));
        }

        return events;
    }

    public static BubbleUpSelection Slow { get; } = BubbleUpSelection.Box(null, null, "duration_ms", 2_000, null);

    public static BubbleUpAnswer Compare(IReadOnlyList<ModelEvent> events, BubbleUpSelection selection) =>
        BubbleUpRanking.Rank(BubbleUpScanTests.Scan(Plan, selection, Batches.Of(events, 1, 1_000)[0]), selection);

    internal sealed record Request(int Number, int Build, int Zone, bool IsSlow, double DurationMs)
    {
        public IEnumerable<(string, FieldValue)> Fields =>
        [
            ("build_id", FieldValue.Of($"b{Build}")), ("zone", FieldValue.Of($"{(Zone < 3 ? "east" : "west")}-{Zone}")), ("duration_ms", FieldValue.Of(DurationMs)),
        ];
    }
}
