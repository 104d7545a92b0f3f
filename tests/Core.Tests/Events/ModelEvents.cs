using System.Globalization;
using System.Text;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Tests.Events;

/// <summary>An event as the contract reads its JSON: what decoding must give.</summary>
internal sealed record ModelEvent(string Dataset, long TimeNs, double Weight, IReadOnlyDictionary<string, FieldValue> Fields, string Json)
{
    /// <summary>The value of a field; the dataset's name under <c>dataset</c> where the event has no field of that name.</summary>
    public FieldValue this[string field] =>
        Fields.TryGetValue(field, out var value) ? value : field == EventBatch.DatasetField ? FieldValue.Of(Dataset) : FieldValue.Absent;

    public override string ToString() => EventText.Of(Dataset, TimeNs, Weight, Fields);
}

/// <summary>One event as one line that differs when anything in it does; 3 and 3.0 are one number.</summary>
internal static class EventText
{
    public static string Of(string dataset, long timeNs, double weight, IReadOnlyDictionary<string, FieldValue> fields)
    {
        var text = new StringBuilder($"{dataset} {timeNs} x{weight.ToString("R", CultureInfo.InvariantCulture)}");
        foreach (var (name, value) in fields.OrderBy(field => field.Key, StringComparer.Ordinal))
        {
            text.Append(" | ").Append(name).Append('=').Append(Of(value));
        }

        return text.ToString();
    }

    public static string Of(FieldValue value)
    {
        var canonical = value.Kind == FieldKind.Float ? ColumnVector.FloatValue(value.AsDouble) : value;
        return $"{canonical.Kind}:{canonical}";
    }

    /// <summary>Every row of a segment; a row with two values of one field fails.</summary>
    public static List<string> Rows(IRowSegment segment)
    {
        var fields = Enumerable.Range(0, segment.Rows).Select(_ => new Dictionary<string, FieldValue>()).ToList();
        foreach (var field in segment.FieldNames.ToList())
        {
            var columns = new List<ColumnVector>();
            segment.GetColumns(field, columns);
            foreach (var column in columns)
            {
                Assert.Equal(segment.Rows, column.Rows);
                var seen = 0;
                for (var row = 0; row < segment.Rows; row++)
                {
                    if (column.Has(row))
                    {
                        Assert.Equal(seen, column.Rank(row));
                        Assert.True(fields[row].TryAdd(field, column.Value(seen++)), $"row {row} has two values of {field}");
                    }
                }

                Assert.Equal(seen, column.Count);
            }
        }

        return [.. fields.Select((row, i) => Of(segment.Datasets.Text(segment.DatasetCodes[i]), segment.TimesNs[i], segment.Weights?[i] ?? 1, row))];
    }
}

/// <summary>
/// Events at random from a seed, with the JSON that carries them: fields whose type changes from event to event, nesting, arrays, nulls, repeated names, every
/// kind of escape, white space, hexadecimal ids, sample rates, several datasets.
/// </summary>
internal sealed class EventMaker(int seed)
{
    public const long StartNs = 1_767_225_600_000_000_000;     // 2026-01-01T00:00:00Z
    public const string DefaultDataset = "default";

    public static readonly string[] Fields =
        ["name", "service.name", "status", "mixed", "duration_ms", "size", "error", "http.method", "a.b.c", "größe 漢", "q\"u\\o\n", "trace.trace_id", "list", "user", "big"];

    public static readonly string[] Texts =
        ["", "GET", "POST", "checkout", "cart", "500", "3", "3.5", "true", "naïve", "漢字 😀", "tab\tnew\nline", "quote\"back\\slash/", "\u0001\u001f", "deadbeef", "deadbeef01", "DEADBEEF"];

    private readonly Random _random = new(seed);

    public List<ModelEvent> Many(int count) => [.. Enumerable.Range(0, count).Select(One)];

    public ModelEvent One(int seq)
    {
        var fields = new List<(string Name, FieldValue Value, string Json)> { Number("seq", seq) };
        foreach (var name in Fields)
        {
            if (_random.Next(10) < 6)
            {
                fields.Add(Field(name));
            }
        }

        if (_random.Next(8) == 0 && fields.Count > 1)
        {
            fields.Add(Field(fields[_random.Next(1, fields.Count)].Name));       // a name repeated: the last value counts
        }

        var timeNs = StartNs + (_random.Next(0, 600) * 1_000_000_000L) + (_random.Next(4) == 0 ? _random.Next(1_000_000_000) : 0);
        if (_random.Next(6) == 0)
        {
            fields.Add(_random.Next(2) == 0 ? Text("timestamp", "not a time") : ("timestamp", FieldValue.Absent, "null"));
        }

        var timeName = (string[])["time", "Timestamp", "@timestamp", "ts"];
        fields.Insert(_random.Next(fields.Count + 1), _random.Next(3) switch
        {
            0 => (timeName[_random.Next(4)], default, timeNs.ToString(CultureInfo.InvariantCulture)),
            1 => (timeName[_random.Next(4)], default, $"\"{timeNs}\""),
            _ => (timeName[_random.Next(4)], default, $"\"{EventTime.Format(timeNs)}\""),
        });
        var weight = 1d;
        if (_random.Next(4) == 0)
        {
            weight = _random.Next(3) switch { 0 => 2.5, 1 => _random.Next(1, 50), _ => 10 };
            var rate = ((string[])["sampleRate", "SampleRate", "samplerate"])[_random.Next(3)];
            fields.Insert(_random.Next(fields.Count + 1), (rate, default, weight.ToString(CultureInfo.InvariantCulture)));
        }

        var expected = new Dictionary<string, FieldValue>();
        foreach (var (name, value, _) in fields)
        {
            expected[name] = value;
        }

        foreach (var (name, value) in expected.ToList())
        {
            if (value.Kind == FieldKind.Absent)
            {
                expected.Remove(name);
            }
        }

        var dataset = expected.GetValueOrDefault("service.name") is { Kind: FieldKind.String, AsString.Length: > 0 } service ? service.AsString.ToLowerInvariant() : DefaultDataset;
        return new(dataset, timeNs, weight, expected, Object(fields));
    }

    private (string Name, FieldValue Value, string Json) Field(string name)
    {
        switch (name)
        {
            case "service.name":
                return _random.Next(12) == 0 ? Number(name, 7) : Text(name, ((string[])["Shop", "cart", "ÜBER"])[_random.Next(3)]);
            case "trace.trace_id":
                return _random.Next(10) == 0 ? Text(name, Texts[_random.Next(Texts.Length)]) : Text(name, $"{_random.Next(20):x8}{0xabcdef01:x8}{_random.Next(2):x16}");
            case "duration_ms":
                return _random.Next(4) == 0 ? Number(name, _random.Next(-3, 200)) : Float(name, Math.Round(_random.NextDouble() * 1000, _random.Next(7)));
            case "status":
                return _random.Next(12) == 0 ? Text(name, "500") : Number(name, 200 + (_random.Next(4) * 100));
            case "size":
                return Number(name, _random.Next(100_000));
            case "error":
                return Bool(name, _random.Next(3) == 0);
            case "big":
                return _random.Next(6) switch
                {
                    0 => Number(name, long.MaxValue - _random.Next(2)),
                    1 => Number(name, long.MinValue),
                    2 => Number(name, 9_007_199_254_740_992L + _random.Next(-1, 2)),
                    3 => Float(name, 1e15),
                    4 => Float(name, double.Epsilon * _random.Next(1, 3)),
                    _ => Float(name, 1.7976931348623157e300),
                };
            case "list":
                return List(name);
            default:
                return _random.Next(8) switch
                {
                    0 => Number(name, _random.Next(-5, 6)),
                    1 => Float(name, _random.Next(-8, 9) / 2d),
                    2 => Float(name, _random.NextDouble()),
                    3 => Bool(name, _random.Next(2) == 0),
                    4 => (name, FieldValue.Absent, "null"),
                    _ => Text(name, Texts[_random.Next(Texts.Length)]),
                };
        }
    }

    private (string, FieldValue, string) List(string name)
    {
        var json = ((string[])["[]", "[ ]", "[1, 2,3]", "[\"a\",{\"b\":[null,true]}]", "[-0.5e+3 , \"]\\\"\\u00e9\"]", "[[[]]]"])[_random.Next(6)];
        return (name, FieldValue.Of(json), json);
    }

    private static (string, FieldValue, string) Number(string name, long value) => (name, FieldValue.Of(value), value.ToString(CultureInfo.InvariantCulture));

    private (string, FieldValue, string) Float(string name, double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        return (name, FieldValue.Of(value), text.AsSpan().IndexOfAny(".E") < 0 && _random.Next(2) == 0 ? text + ".0" : _random.Next(3) == 0 ? text.Replace('E', 'e') : text);
    }

    private static (string, FieldValue, string) Bool(string name, bool value) => (name, FieldValue.Of(value), value ? "true" : "false");

    private (string, FieldValue, string) Text(string name, string value) => (name, FieldValue.Of(value), Quote(value));

    private string Object(List<(string Name, FieldValue Value, string Json)> fields)
    {
        var json = new StringBuilder("{");
        for (var i = 0; i < fields.Count; i++)
        {
            json.Append(i == 0 ? "" : ",").Append(Space());
            var (name, _, value) = fields[i];
            var dot = name.IndexOf('.', StringComparison.Ordinal);
            if (dot > 0 && _random.Next(2) == 0)
            {
                // Nested: the rest of the path within, an empty object and white space thrown in.
                var rest = name[(dot + 1)..];
                json.Append(Quote(name[..dot])).Append(':').Append(Space()).Append('{').Append(Space());
                json.Append(_random.Next(4) == 0 ? "\"nothing\":{ }," : "");
                json.Append(Quote(rest)).Append(Space()).Append(':').Append(value).Append(Space()).Append('}');
            }
            else
            {
                json.Append(Quote(name)).Append(Space()).Append(':').Append(Space()).Append(value);
            }

            json.Append(Space());
        }

        return json.Append('}').ToString();
    }

    private string Space() => _random.Next(6) switch { 0 => " ", 1 => "\t ", _ => "" };

    private string Quote(string text)
    {
        var json = new StringBuilder("\"");
        var escapeAll = _random.Next(6) == 0;
        foreach (var c in text)
        {
            json.Append(c switch
            {
                _ when escapeAll => $"\\u{(int)c:x4}",
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\t' => "\\t",
                '/' when _random.Next(2) == 0 => "\\/",
                < ' ' => $"\\u{(int)c:X4}",
                _ => c.ToString(),
            });
        }

        return json.Append('"').ToString();
    }
}

/// <summary>Keeps what was refused.</summary>
internal sealed class Refusals : IRefusalSink
{
    public List<(int Index, string Reason, string Detail, byte[] Bytes)> All { get; } = [];

    public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes)
    {
        Assert.NotEqual("", reason);
        Assert.NotEqual("", detail);
        All.Add((index, reason, detail, bytes.ToArray()));
    }
}

/// <summary>Events through the router into batches.</summary>
internal static class Batches
{
    public static readonly RecordSource Source = new(null, EventMaker.DefaultDataset, EventMaker.StartNs);

    /// <summary>One router over all events, in the given number of records and partitions; a batch is taken after each record.</summary>
    public static List<List<EventBatch>> Of(IReadOnlyList<ModelEvent> events, int partitions = 1, int eventsPerRecord = int.MaxValue)
    {
        var router = new EventRouter(partitions);
        var batches = Enumerable.Range(0, partitions).Select(_ => new List<EventBatch>()).ToList();
        var readers = Enumerable.Range(0, partitions).Select(_ => new EventBatchReader()).ToList();
        foreach (var chunk in events.Chunk(Math.Min(eventsPerRecord, Math.Max(1, events.Count))))
        {
            var refusals = new Refusals();
            var payload = Encoding.UTF8.GetBytes(string.Join('\n', chunk.Select(e => e.Json)));
            Assert.Equal(chunk.Length, router.Append(payload, PayloadEncoding.Json, Source, refusals));
            Assert.Empty(refusals.All);
            for (var partition = 0; partition < partitions; partition++)
            {
                while (router.TryTakeBatch(partition, out var record))
                {
                    Assert.True(EventBatchReader.IsEventBatch(record));
                    batches[partition].Add(readers[partition].Read(record));
                }
            }

            Assert.Equal(0, router.Rows);
        }

        return batches;
    }

    /// <summary>The records of the log that one partition's batches come from.</summary>
    public static List<byte[]> Records(IReadOnlyList<ModelEvent> events, int eventsPerRecord)
    {
        var router = new EventRouter(1);
        var records = new List<byte[]>();
        foreach (var chunk in events.Chunk(eventsPerRecord))
        {
            router.Append(Encoding.UTF8.GetBytes(string.Join('\n', chunk.Select(e => e.Json))), PayloadEncoding.Json, Source, new Refusals());
            while (router.TryTakeBatch(0, out var record))
            {
                records.Add(record);
            }
        }

        return records;
    }

    /// <summary>A sealed block of batches, opened again.</summary>
    public static ColumnBlock Seal(IReadOnlyList<EventBatch> batches, TextNumbering? numbering = null)
    {
        using var writer = new ColumnBlockWriter();
        return ColumnBlock.Open(new Chunks(writer.Seal(batches)), numbering);
    }

    private sealed class Chunks(SealedColumns block) : IChunkSource
    {
        public ReadOnlyMemory<byte> Read(int chunk, LentBuffer scratch) => block.Chunks[chunk];
    }
}
