using System.Globalization;
using StreamObserve.Core.Events;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Oracle;

/// <summary>Makes spans of events: each gets an id of its own and, mostly, a parent among those before it in its trace; some parents are empty or not there.</summary>
internal static class RandomSpans
{
    public static List<ModelEvent> Of(IReadOnlyList<ModelEvent> events, int seed)
    {
        var random = new Random(seed);
        var traces = new Dictionary<string, List<string>>();
        return [.. events.Select((e, i) =>
        {
            var id = random.Next(4) == 0 ? $"s{i}" : i.ToString("x16", CultureInfo.InvariantCulture);
            var trace = e["trace.trace_id"].ToString();
            var before = traces.TryGetValue(trace, out var known) ? known : traces[trace] = [];
            var parent = random.Next(8) switch
            {
                0 => "",
                1 => "gone",
                2 => null,
                _ => before.Count > 0 ? before[random.Next(before.Count)] : null,
            };
            before.Add(id);
            var span = With(e, "trace.span_id", id);
            return parent is null ? span : With(span, "trace.parent_id", parent);
        })];
    }

    private static ModelEvent With(ModelEvent e, string field, string value) =>
        e with { Fields = new Dictionary<string, FieldValue>(e.Fields) { [field] = FieldValue.Of(value) }, Json = $"{e.Json[..^1]},\"{field}\":\"{value}\"}}" };
}
