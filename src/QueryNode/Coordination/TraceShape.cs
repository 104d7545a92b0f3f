using System.Globalization;
using System.Text.Json;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Coordination;

/// <summary>
/// What the rows of a trace say of each other: whether spans name parents that are not among them, whether there is a root, and whether children start before their parents, which only clocks
/// that differ can make. Pure.
/// </summary>
internal static class TraceShape
{
    /// <summary>Ids and pairs that a sentence names.</summary>
    private const int Named = 3;

    /// <summary>How much earlier than its parent a child may start: times may be whole milliseconds.</summary>
    private const long ToleranceNs = 1_000_000;

    /// <summary>What is wrong, if anything: <c>parent</c>, <c>root</c>, <c>clock_skew</c>.</summary>
    public static IEnumerable<TraceGap> GapsOf(IReadOnlyList<TraceRow> rows)
    {
        var spans = new Dictionary<string, Span>(StringComparer.Ordinal);
        var children = new List<Span>();
        var hasRoot = false;
        foreach (var row in rows)
        {
            var span = Read(row);
            if (span.IsAnnotation)
            {
                continue;       // an event or a link of a span, no span itself
            }

            if (span.Id is { } id)
            {
                spans.TryAdd(id, span);
            }

            if (span.ParentId is null)
            {
                hasRoot |= span.Id is not null;
            }
            else
            {
                children.Add(span);
            }
        }

        if (spans.Count == 0)
        {
            return [];      // log lines that share an id: there is no tree to look at
        }

        var gaps = new List<TraceGap>();
        var orphans = children.Where(child => !spans.ContainsKey(child.ParentId!)).ToList();
        if (orphans.Count > 0)
        {
            var parents = orphans.Select(orphan => orphan.ParentId!).Distinct(StringComparer.Ordinal).ToList();
            gaps.Add(new("parent", Text($"{orphans.Count} {(orphans.Count == 1 ? "span names a parent" : "spans name parents")} that no span here is: {First(parents)}"), parents.Count));
        }

        if (!hasRoot && orphans.Count == 0)
        {
            gaps.Add(new("root", "no span here is without a parent: the root has not come"));
        }

        AddSkew(spans, children, gaps);
        return gaps;
    }

    private static void AddSkew(Dictionary<string, Span> spans, List<Span> children, List<TraceGap> gaps)
    {
        var early = 0;
        var byPair = new Dictionary<(string Child, string Parent), long>();
        foreach (var child in children)
        {
            if (spans.TryGetValue(child.ParentId!, out var parent) && parent.TimeNs - child.TimeNs > ToleranceNs)
            {
                early++;
                var pair = (child.Service, parent.Service);
                byPair[pair] = Math.Max(byPair.GetValueOrDefault(pair), parent.TimeNs - child.TimeNs);
            }
        }

        if (early > 0)
        {
            var worst = byPair.OrderByDescending(pair => pair.Value).Select(pair => Text($"{Name(pair.Key.Child)} before {Name(pair.Key.Parent)} by {pair.Value / 1e6:0.###} ms")).ToList();
            gaps.Add(new(TraceGap.ClockSkew, Text($"{early} {(early == 1 ? "span starts" : "spans start")} before the parent, as only clocks that differ make it look: {First(worst)}")));
        }

        static string Name(string service) => service.Length == 0 ? "a span" : service;
    }

    private static string First(List<string> texts) => string.Join(", ", texts.Take(Named)) + (texts.Count > Named ? Text($" and {texts.Count - Named} more") : "");

    private static Span Read(TraceRow row)
    {
        string? id = null, parent = null;
        var service = "";
        var isAnnotation = false;
        var reader = new Utf8JsonReader(row.Json.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("trace.span_id"u8))
            {
                reader.Read();
                id = TextOf(ref reader);
            }
            else if (reader.ValueTextEquals("trace.parent_id"u8))
            {
                reader.Read();
                parent = TextOf(ref reader);
            }
            else if (reader.ValueTextEquals("service.name"u8))
            {
                reader.Read();
                service = TextOf(ref reader) ?? "";
            }
            else
            {
                isAnnotation |= reader.ValueTextEquals("meta.annotation_type"u8);
                reader.Read();
                reader.TrySkip();
            }
        }

        return new(row.TimeNs, id, parent, service, isAnnotation);
    }

    /// <summary>A text that is not empty; other values name no span.</summary>
    private static string? TextOf(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.String && reader.GetString() is { Length: > 0 } text ? text : null;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private readonly record struct Span(long TimeNs, string? Id, string? ParentId, string Service, bool IsAnnotation);
}
