using System.Globalization;
using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Golden;

/// <summary>The events that the golden queries are about.</summary>
internal static class GoldenData
{
    /// <summary>Ten minutes of a small shop: an event every two seconds, every seventh standing for four.</summary>
    public static List<ModelEvent> Shop() => [.. Enumerable.Range(0, 300).Select(i =>
    {
        var fields = new Dictionary<string, FieldValue>
        {
            ["service.name"] = FieldValue.Of(((string[])["web", "cart", "payment"])[i % 3]),
            ["name"] = FieldValue.Of($"GET /{(char)('a' + (i * 7 % 5))}"),
            ["duration_ms"] = i % 4 == 0 ? FieldValue.Of(i * 37 % 101L) : FieldValue.Of((i * 53 % 211) + 0.5),
            ["status"] = FieldValue.Of(i % 10 == 3 ? 500L : i % 8 == 1 ? 404L : 200L),
            ["trace.trace_id"] = FieldValue.Of((i / 4).ToString("x32", CultureInfo.InvariantCulture)),
            ["balance"] = FieldValue.Of((i * 29L % 61) - 30),
        };
        fields["trace.span_id"] = FieldValue.Of(i.ToString("x16", CultureInfo.InvariantCulture));
        if (i % 4 != 0)
        {
            fields["trace.parent_id"] = FieldValue.Of((i % 4 == 3 ? i - 1 : i / 4 * 4).ToString("x16", CultureInfo.InvariantCulture));
        }

        if (i % 10 == 3)
        {
            fields["error"] = FieldValue.Of(true);
            fields["message"] = FieldValue.Of(i % 20 == 3 ? "timeout, \"slow\" naïve 漢" : "refused");
        }

        if (i % 2 == 0)
        {
            fields["user"] = FieldValue.Of($"user-{i % 23}");
        }

        return Event(fields["service.name"].AsString, i * 2_000_000_000L, i % 7 == 6 ? 4 : 1, fields);
    })];

    /// <summary>
    /// What is out of the ordinary: a field of every type, empty and long texts, code points past 16 bits, the ends of the number range, times on the edges of cells and a
    /// nanosecond before, weights with a fraction, datasets by service, names that need quoting.
    /// </summary>
    public static List<ModelEvent> Odd()
    {
        FieldValue[] mixed =
        [
            FieldValue.Of(5), FieldValue.Of("5"), FieldValue.Of(5.5), FieldValue.Of("five"), FieldValue.Of(true), FieldValue.Of("true"), FieldValue.Of(""), FieldValue.Absent, FieldValue.Of(-5),
            FieldValue.Of("5.0"), FieldValue.Of(1e300), FieldValue.Of(false), FieldValue.Of("-5"),
        ];
        string[] texts = ["", " ", "a", "A", "ä", "äb", "漢字", "😀", "\uffee", "z😀", "line\nbreak", "a,b", "\"q\"", new string('x', 300)];
        FieldValue[] numbers =
        [
            FieldValue.Of(-1e300), FieldValue.Of(long.MinValue), FieldValue.Of(-1.5), FieldValue.Of(0), FieldValue.Of(1), FieldValue.Of(64), FieldValue.Of(128), FieldValue.Of(0.1),
            FieldValue.Of(9_007_199_254_740_993), FieldValue.Of(long.MaxValue), FieldValue.Of(1e300), FieldValue.Of(-64),
        ];
        long[] offsets = [0, 1, 9_999_999_999, 10_000_000_000, 59_999_999_999, 60_000_000_000, 60_000_000_001, 119_999_999_999, 300_000_000_000, 599_999_999_999];
        string?[] services = ["Alpha", "beta", null, "ALPHA", "Ünï"];
        return [.. Enumerable.Range(0, 130).Select(i =>
        {
            var fields = new Dictionary<string, FieldValue>
            {
                ["seq"] = FieldValue.Of(i),
                ["mixed"] = mixed[i % mixed.Length],
                ["text"] = FieldValue.Of(texts[i % texts.Length]),
                ["n"] = numbers[i % numbers.Length],
                ["small"] = FieldValue.Of((i % 9) - 4L),
                ["half"] = FieldValue.Of(((i % 7) - 3) / 2d),
            };
            if (services[i % services.Length] is { } service)
            {
                fields["service.name"] = FieldValue.Of(service);
            }

            if (i % 3 == 0)
            {
                fields["http response"] = FieldValue.Of(i % 2 == 0 ? "ok" : "no");
                fields["tick`\"quote"] = FieldValue.Of(i % 4);
            }

            if (i % 11 == 0)
            {
                fields["rare"] = FieldValue.Of(i);
            }

            foreach (var (name, value) in fields.ToList())
            {
                if (value.Kind == FieldKind.Absent)
                {
                    fields.Remove(name);
                }
            }

            return Event(services[i % services.Length]?.ToLowerInvariant() ?? EventMaker.DefaultDataset, offsets[i % offsets.Length], ((double[])[1, 1, 2.5, 10])[i % 4], fields);
        })];
    }

    private static ModelEvent Event(string dataset, long offsetNs, double weight, Dictionary<string, FieldValue> fields)
    {
        var timeNs = EventMaker.StartNs + offsetNs;
        var json = string.Join(',', fields.Select(f => $"{JsonSerializer.Serialize(f.Key)}:{(f.Value.Kind == FieldKind.String ? JsonSerializer.Serialize(f.Value.AsString) : f.Value.ToString())}"));
        return new(dataset, timeNs, weight, fields, string.Create(CultureInfo.InvariantCulture, $"{{\"time\":{timeNs},\"samplerate\":{weight},{json}}}"));
    }
}
