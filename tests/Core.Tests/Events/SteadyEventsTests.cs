using System.Globalization;
using System.Text;
using System.Text.Json;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Tests.Events;

/// <summary>
/// Events as a service writes them: compact, their fields in one order, many values the same as before; with lines between that are broken somewhere. What is remembered from event to
/// event (the order of names, last values, texts and their codes) may never show. The judge of each line is the platform's reader.
/// </summary>
public sealed class SteadyEventsTests
{
    private const string LongName = "a.name.that.is.longer.than.one.vector.of.bytes";

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 7)]
    [InlineData(3, 200)]
    [InlineData(4, 2_000)]
    public void WhatIsRememberedOfEventsBeforeNeverShows(int seed, int linesPerRecord)
    {
        var maker = new Maker(seed);
        var router = new EventRouter(1);
        int good = 0, bad = 0;
        for (var batch = 0; batch < 12; batch++)
        {
            var expected = new List<string>();
            for (var record = 0; record < Math.Max(1, 2_000 / linesPerRecord); record++)
            {
                var lines = Enumerable.Range(0, linesPerRecord).Select(_ => maker.Line()).ToList();
                var rows = lines.Select(Judge).ToList();
                var refusals = new Refusals();
                var taken = router.Append(Encoding.UTF8.GetBytes(string.Join('\n', lines)), PayloadEncoding.Json, Batches.Source, refusals);
                expected.AddRange(rows.OfType<string>());
                Assert.Equal(rows.Count(row => row is not null), taken);
                Assert.Equal(lines.Zip(rows).Where(pair => pair.Second is null).Select(pair => pair.First), refusals.All.Select(r => Encoding.UTF8.GetString(r.Bytes)));
                (good, bad) = (good + taken, bad + refusals.All.Count);
            }

            var actual = new List<string>();
            while (router.TryTakeBatch(0, out var bytes))
            {
                actual.AddRange(EventText.Rows(new EventBatchReader().Read(bytes)));
            }

            Assert.Equal(expected, actual);
        }

        Assert.True(good > 15_000 && bad > 500, $"{good} good lines and {bad} bad ones");
    }

    [Fact]
    public void TextsPastWhatIsRememberedKeepTheirValuesDatasetsAndPartitions()
    {
        var router = new EventRouter(3);
        for (var batch = 0; batch < 6; batch++)
        {
            // Few enough a batch to have codes, many enough over all that the fields' texts are forgotten more than once; the last trace is the first one again, whose code the next batch gives to another.
            var values = Enumerable.Range(0, 15_003).Select(i => $"Value {(batch * 2_500) + (i / 3 % 5_000)}").ToList();
            var lines = values.Select(v => $"{{\"kind\":\"steady\",\"service.name\":\"{v}\",\"trace.trace_id\":\"{v}\",\"end\":1}}");
            router.Append(Encoding.UTF8.GetBytes(string.Join('\n', lines)), PayloadEncoding.Json, Batches.Source, new Refusals());
            for (var partition = 0; partition < 3; partition++)
            {
                Assert.True(router.TryTakeBatch(partition, out var bytes));
                Assert.Equal(
                    values.Where(v => TraceKey.Of(v).PartitionOf(3) == partition)
                        .Select(v => $"{v.ToLowerInvariant()} {EventMaker.StartNs} x1 | end=Integer:1 | kind=String:steady | service.name=String:{v} | trace.trace_id=String:{v}"),
                    EventText.Rows(new EventBatchReader().Read(bytes)));
            }
        }
    }

    [Fact]
    public void ARecordTakenForOnePartitionLeavesTheOthersToBeTaken()
    {
        var router = new EventRouter(4);
        router.Append(Encoding.UTF8.GetBytes(string.Join('\n', Enumerable.Range(0, 100).Select(i => $"{{\"n\":{i}}}"))), PayloadEncoding.Json, Batches.Source, new Refusals());
        Assert.True(router.TryTakeBatch(2, out var first));
        Assert.False(router.TryTakeBatch(2, out _));
        Assert.Equal(75, router.Rows);
        router.Append("{\"n\":100}\n{\"n\":101}\n{\"n\":102}\n{\"n\":103}"u8, PayloadEncoding.Json, Batches.Source, new Refusals());
        Assert.Equal(79, router.Rows);
        var numbers = new List<byte[]> { first };
        for (var partition = 0; partition < 4; partition++)
        {
            while (router.TryTakeBatch(partition, out var record))
            {
                numbers.Add(record);
            }
        }

        Assert.Equal(0, router.Rows);
        Assert.Equal(0, router.ApproximateBytes);
        Assert.Equal(
            Enumerable.Range(0, 104).Select(i => $"default {EventMaker.StartNs} x1 | n=Integer:{i}").Order(),
            numbers.SelectMany(record => EventText.Rows(new EventBatchReader().Read(record))).Order());
    }

    [Theory]
    [InlineData(true)]      // nearly all names
    [InlineData(false)]     // nearly all texts, each long, and the same in another trace's events before
    public void BatchesOfOneTraceStayFarBelowWhatARecordMayHold(bool names)
    {
        var router = new EventRouter(2);
        var records = new List<byte[]>();
        foreach (var trace in (string[])["a", "b", "c", "d"])
        {
            for (var i = 0; i < 10; i++)
            {
                var salt = names ? $"{trace}{i}" : $"{i}";
                var fields = names
                    ? Enumerable.Range(0, 900).Select(f => $"\"{salt}.{f}.{new string('n', 980)}\":{f}")
                    : Enumerable.Range(0, 14).Select(f => $"\"f{f}\":\"{Noise(HashCode.Combine(i, f), 60_000)}\"");
                router.Append(Encoding.UTF8.GetBytes($"{{\"trace.trace_id\":\"{trace}\",{string.Join(',', fields)}}}"), PayloadEncoding.Json, Batches.Source, new Refusals());
                for (var partition = 0; partition < 2; partition++)
                {
                    while (router.IsFull(partition) && router.TryTakeBatch(partition, out var record))
                    {
                        records.Add(record);
                    }
                }
            }
        }

        Assert.InRange(records.Count, 8, 60);
        Assert.All(records, record => Assert.InRange(record.Length, 1, 3_000_000));

        static string Noise(int seed, int length)
        {
            var noise = new Random(seed);
            return string.Create(length, noise, (text, r) =>
            {
                for (var k = 0; k < text.Length; k++)
                {
                    text[k] = (char)r.Next('0', 'z' + 1) is var c && c == '\\' ? '0' : c;
                }
            });
        }
    }

    [Fact]
    public void AFieldThatWasLongNotSeenIsKnownAsAnyOther()
    {
        // Often enough emptied that the memory of fields that are not used is given back, more than once.
        var router = new EventRouter(1);
        for (var batch = 0; batch < 3_200; batch++)
        {
            var rare = batch % 1_500 == 7 ? $"\"service.name\":\"Rare{batch}\",\"rare\":\"value {batch}\",\"n\":{batch}," : "";
            router.Append(Encoding.UTF8.GetBytes($"{{{rare}\"kind\":\"steady\",\"end\":1}}"), PayloadEncoding.Json, Batches.Source, new Refusals());
            Assert.True(router.TryTakeBatch(0, out var bytes));
            var expected = rare.Length > 0
                ? $"rare{batch} {EventMaker.StartNs} x1 | end=Integer:1 | kind=String:steady | n=Integer:{batch} | rare=String:value {batch} | service.name=String:Rare{batch}"
                : $"default {EventMaker.StartNs} x1 | end=Integer:1 | kind=String:steady";
            Assert.Equal([expected], EventText.Rows(new EventBatchReader().Read(bytes)));
        }
    }

    [Fact]
    public void ARecordThatFailedHalfwayLeavesNothingToTheNext()
    {
        var writer = new EventBatchWriter();
        Write(writer);
        writer.AddColumn("left"u8, ColumnType.Integer, 1, ChunkCompression.Never);
        writer.Body.U8(1);
        Write(writer);
        var fresh = new EventBatchWriter();
        Write(fresh);
        Assert.Equal(fresh.Finish(), writer.Finish());

        static void Write(EventBatchWriter writer)
        {
            writer.Begin([1, 2, 3], ChunkCompression.Never);
            writer.Body.I64(7);
            writer.AddChunk(ChunkCompression.Never);
        }
    }

    [Fact]
    public void EventsThatAreRefusedLeaveNothingBehind()
    {
        var router = new EventRouter(1);
        for (var i = 0; i < 3_000; i++)
        {
            var refusals = new Refusals();
            router.Append(Encoding.UTF8.GetBytes($"{{\"field{i}\":1,\"text\":\"value {i}\",\"id\":\"{i:x32}\",\"broken\":}}"), PayloadEncoding.Json, Batches.Source, refusals);
            Assert.Single(refusals.All);
        }

        Assert.Equal(0, router.Rows);
        Assert.False(router.TryTakeBatch(0, out _));
        router.Append("{\"field7\":2,\"text\":\"value 1\"}"u8, PayloadEncoding.Json, Batches.Source, new Refusals());
        Assert.True(router.TryTakeBatch(0, out var bytes));
        Assert.Equal([$"default {EventMaker.StartNs} x1 | field7=Integer:2 | text=String:value 1"], EventText.Rows(new EventBatchReader().Read(bytes)));
        Assert.Equal(0, router.ApproximateBytes);
    }

    /// <summary>The row that a line must become; null when it is to be refused.</summary>
    private static string? Judge(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
            {
                return null;
            }

            var fields = new Dictionary<string, FieldValue>();
            return TryAdd(fields, "", json.RootElement)
                ? EventText.Of("default", EventMaker.StartNs, 1, fields.Where(f => f.Value.Kind != FieldKind.Absent).ToDictionary())
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool TryAdd(Dictionary<string, FieldValue> fields, string prefix, JsonElement element)
    {
        foreach (var property in element.EnumerateObject())
        {
            var name = prefix + property.Name;
            switch (property.Value.ValueKind)
            {
                case JsonValueKind.Object:
                    if (!TryAdd(fields, name + ".", property.Value))
                    {
                        return false;
                    }

                    break;
                case JsonValueKind.Number when property.Value.TryGetInt64(out var integer) && property.Value.GetRawText().IndexOfAny(['.', 'e', 'E']) < 0:
                    fields[name] = FieldValue.Of(integer);
                    break;
                case JsonValueKind.Number when double.IsFinite(property.Value.GetDouble()):
                    fields[name] = FieldValue.Of(property.Value.GetDouble());
                    break;
                case JsonValueKind.Number:
                    return false;
                case JsonValueKind.True or JsonValueKind.False:
                    fields[name] = FieldValue.Of(property.Value.GetBoolean());
                    break;
                case JsonValueKind.Null:
                    fields[name] = FieldValue.Absent;
                    break;
                default:
                    fields[name] = FieldValue.Of(property.Value.ValueKind == JsonValueKind.Array ? property.Value.GetRawText() : property.Value.GetString()!);
                    break;
            }
        }

        return true;
    }

    private sealed class Maker(int seed)
    {
        private const string Breaking = "\"{}[]:,0123456789.eE+-tfnu\\ xé";

        private static readonly string[] Names = ["method", "status", LongName, "ok", "customer", "ratio", "name \\\"quoted\\\"", "text", "id", "n", "last"];

        private readonly Random _random = new(seed);
        private readonly Dictionary<string, string> _last = [];

        public string Line()
        {
            var line = new StringBuilder("{");
            foreach (var name in Names)
            {
                if (_random.Next(12) > 0)
                {
                    Add(line, name);
                    if (_random.Next(60) == 0)
                    {
                        Add(line, name);        // once more: the last one counts
                    }
                }
            }

            line.Append('}');
            if (_random.Next(16) > 0)
            {
                return line.ToString();
            }

            // Broken somewhere, or changed into something else that is right.
            var at = _random.Next(1, line.Length);
            switch (_random.Next(4))
            {
                case 0:
                    line.Length = at;
                    break;
                case 1:
                    line.Remove(at, 1);
                    break;
                case 2:
                    line.Insert(at, Breaking[_random.Next(Breaking.Length)]);
                    break;
                default:
                    line[at] = Breaking[_random.Next(Breaking.Length)];
                    break;
            }

            return line.ToString();
        }

        private void Add(StringBuilder line, string name)
        {
            // Stretches in which nothing changes, then all at once.
            if (!_last.TryGetValue(name, out var value) || name is "id" or "n" || _random.Next(_random.Next(40) == 0 ? 1 : 24) == 0)
            {
                _last[name] = value = Value(name);
            }

            line.Append(line.Length > 1 ? "," : "").Append('"').Append(name).Append("\":").Append(value);
        }

        private string Value(string name) => name switch
        {
            "status" => ((string[])["2", "20", "200", "2000", "200.0", "2e2", "null", "true", "\"200\""])[_random.Next(9)],
            "ok" => _random.Next(8) == 0 ? "null" : _random.Next(2) == 0 ? "true" : "false",
            "customer" => $"\"cust_{_random.Next(30_000):d6}\"",
            "ratio" => _random.Next(3) == 0 ? _random.Next(-5, 5).ToString(CultureInfo.InvariantCulture) : Math.Round(_random.NextDouble() * 100, _random.Next(1, 16)).ToString("R", CultureInfo.InvariantCulture),
            "id" => $"\"{_random.NextInt64():x16}\"",
            "n" => (_random.NextInt64(long.MinValue, long.MaxValue) >> _random.Next(64)).ToString(CultureInfo.InvariantCulture),
            "last" => ((string[])["{\"in\":1,\"deep\":{\"er\":\"x\"}}", "[1,\"a\"]", "\"\"", "\"a\\u0000\"", "\"a\"", "\"a\\u0000\\u0000\"", "7"])[_random.Next(7)],
            _ => $"\"{Text(_random.Next(4) == 0 ? _random.Next(29, 36) : _random.Next(0, 70))}\"",
        };

        private string Text(int length)
        {
            var kind = _random.Next(10);
            return string.Concat(Enumerable.Range(0, length).Select(_ => kind switch { 0 => "é", 1 => "\\n", 2 => "\\u20ac", _ => ((char)('a' + _random.Next(3))).ToString() }));
        }
    }
}
