using System.Text;
using System.Text.Json;
using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Tests.Events;

public sealed class EventDecodingTests
{
    private static readonly Gen<(int Seed, int Count, int PerRecord)> Cases = Gen.Select(Gen.Int, Gen.Int[1, 150], Gen.OneOf(Gen.Int[1, 7], Gen.Int[20, 200]));

    [Fact]
    public void BatchesHoldTheEventsExactly() => Cases.Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var rows = Batches.Of(events, 1, perRecord)[0].SelectMany(EventText.Rows);
        Assert.Equal(events.Select(e => e.ToString()), rows);
    }, iter: 120);

    [Fact]
    public void EveryPartitionHoldsItsTracesAndAllHoldAll() => Cases.Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var partitions = Batches.Of(events, 3, perRecord);
        Assert.Equal(
            events.Select(e => e.ToString()).Order(StringComparer.Ordinal),
            partitions.SelectMany(p => p).SelectMany(EventText.Rows).Order(StringComparer.Ordinal));
        for (var partition = 0; partition < 3; partition++)
        {
            var mine = partitions[partition].SelectMany(EventText.Rows).ToHashSet();
            foreach (var e in events.Where(e => e["trace.trace_id"] is { Kind: FieldKind.String, AsString.Length: > 0 }))
            {
                Assert.Equal(TraceKey.Of(e["trace.trace_id"].AsString).PartitionOf(3) == partition, mine.Contains(e.ToString()));
            }
        }
    }, iter: 50);

    [Fact]
    public void AnArrayAndSpacedOutObjectsSayTheSameAsLines() => Cases.Sample((seed, count, _) =>
    {
        var events = new EventMaker(seed).Many(Math.Min(count, 20));
        foreach (var payload in (string[])[
            "[" + string.Join(" , ", events.Select(e => e.Json)) + "]\n",
            " \r\n" + string.Join("\r\n\r\n", events.Select(e => e.Json)) + "\r\n",
            string.Concat(events.Select(e => e.Json.Replace(",", ",\n", StringComparison.Ordinal) is var spread && !e.Json.Contains('[', StringComparison.Ordinal) && !IsInString(e) ? spread : e.Json))])
        {
            var router = new EventRouter(1);
            var refusals = new Refusals();
            Assert.Equal(events.Count, router.Append(Encoding.UTF8.GetBytes(payload), PayloadEncoding.Json, Batches.Source, refusals));
            Assert.True(router.TryTakeBatch(0, out var record));
            Assert.Equal(events.Select(e => e.ToString()), EventText.Rows(new EventBatchReader().Read(record)));
        }

        static bool IsInString(ModelEvent e) => e.Fields.Values.Any(value => value.Kind == FieldKind.String && value.AsString.Contains(',', StringComparison.Ordinal));
    }, iter: 60);

    [Fact]
    public void WrittenJsonReadsAsTheSameEvent() => Cases.Sample((seed, count, _) =>
    {
        var events = new EventMaker(seed).Many(Math.Min(count, 30));
        var batch = Batches.Of(events)[0][0];
        for (var row = 0; row < batch.Rows; row++)
        {
            var json = EventJson.Write(batch, row);
            using var parsed = JsonDocument.Parse(json);
            Assert.Equal(events[row].Dataset, parsed.RootElement.GetProperty("dataset").GetString());
            var router = new EventRouter(1);
            var refusals = new Refusals();
            Assert.Equal(1, router.Append(json, PayloadEncoding.Json, new(events[row].Dataset, "x", 0), refusals));
            Assert.True(router.TryTakeBatch(0, out var record));
            var fields = events[row].Fields.Where(f => f.Key is not ("timestamp" or "time")).Append(new("dataset", FieldValue.Of(events[row].Dataset))).ToDictionary();
            if (events[row].Fields.TryGetValue("timestamp", out var notATime))
            {
                fields["timestamp"] = notATime;
            }

            Assert.Equal(EventText.Of(events[row].Dataset, events[row].TimeNs, events[row].Weight, fields), EventText.Rows(new EventBatchReader().Read(record))[0]);
        }
    }, iter: 60);

    [Fact]
    public void MixedIntegersAndFloatsOfAFieldStayOneValueARow()
    {
        var batch = Read("""{"v":1}{"v":2.5}{"v":3}{"other":1}{"v":4.25}""");
        var columns = new List<ColumnVector>();
        batch.GetColumns("v", columns);
        Assert.Equal(4, Assert.Single(columns).Count);
        Assert.Equal([1d, 2.5, 3, 4.25], columns[0].Floats);
        Assert.Equal(5, EventText.Rows(batch).Count);
    }

    [Fact]
    public void TheLeastIntegerBesideAFloatIsKept()
    {
        var batch = Read("""{"v":-9223372036854775808}{"v":2.5}""");
        Assert.Equal(["default 0 x1 | v=Integer:-9223372036854775808", "default 0 x1 | v=Float:2.5"], EventText.Rows(batch));
        Assert.Equal(["default 0 x1 | v=Integer:-9223372036854775808", "default 0 x1 | v=Float:2.5"], EventText.Rows(Batches.Seal([batch])));
    }

    [Fact]
    public void ALongStringIsCutAtACharacterAndNamed()
    {
        var batch = Read($$"""{"a":"{{new string('x', Limits.StringBytesMax - 1)}}é","b":"{{new string('y', Limits.StringBytesMax)}}","n":{"c":"{{new string('z', 70_000)}}"} }""");
        var row = EventText.Rows(batch)[0];
        Assert.Equal($"default 0 x1 | a=String:{new string('x', Limits.StringBytesMax - 1)} | b=String:{new string('y', Limits.StringBytesMax)} | meta.truncated=String:a,n.c | n.c=String:{new string('z', Limits.StringBytesMax)}", row);
    }

    [Fact]
    public void OurNoteOfWhatWasCutReplacesTheEventsOwn()
    {
        var batch = Read($$"""{"meta.truncated":"mine","a":"{{new string('x', 70_000)}}"}{"meta.truncated":"yours"}""");
        Assert.Equal(
            [$"default 0 x1 | a=String:{new string('x', Limits.StringBytesMax)} | meta.truncated=String:a", "default 0 x1 | meta.truncated=String:yours"],
            EventText.Rows(batch));
    }

    [Fact]
    public void TheFirstTimeThatReadsAsOneCounts()
    {
        var batch = Read("""{"ts":5,"time":"no","@timestamp":"2026-01-01T00:00:00Z"}{"timestamp":true,"ts":1767225600.5}""");
        Assert.Equal(["default 1767225600000000000 x1 | time=String:no | ts=Integer:5", "default 1767225600500000000 x1 | timestamp=Bool:true"], EventText.Rows(batch));
    }

    [Theory]
    [InlineData("""{"samplerate":0}""", 1)]
    [InlineData("""{"samplerate":-3}""", 1)]
    [InlineData("""{"SampleRate":2.5}""", 2.5)]
    public void ARateIsAtLeastOne(string json, double weight) => Assert.Equal(weight, Read(json).Weights?[0] ?? 1);

    [Fact]
    public void ARateThatIsNoNumberIsAFieldLikeAnyOther() => Assert.Equal("default 0 x1 | sampleRate=String:ten", EventText.Rows(Read("""{"sampleRate":"ten"}"""))[0]);

    [Theory]
    [InlineData("PATH", """{"dataset":"field","service.name":"svc"}""", "path")]
    [InlineData(null, """{"dataset":"Field","service.name":"svc"}""", "field")]
    [InlineData(null, """{"dataset":"","service.name":"SVC"}""", "svc")]
    [InlineData(null, """{"dataset":7,"service":{"name":"ÄÖ"}}""", "äö")]
    [InlineData(null, """{"a":1}""", "default")]
    public void TheDatasetIsThePathsElseTheFieldsElseTheServicesElseTheDefault(string? path, string json, string dataset)
    {
        var batch = Read(json, new(path, "Default", 0));
        Assert.Equal(dataset, batch.Datasets.Text(batch.DatasetCodes[0]));
    }

    [Fact]
    public void HalfASurrogatePairBecomesTheReplacementCharacter() => Assert.Equal("default 0 x1 | a=String:x\ufffdy\ufffd\ufffd", EventText.Rows(Read("""{"a":"x\ud800y\udc00\uDFFF"}"""))[0]);

    [Fact]
    public void RoundRobinGoesOnPastItsCountersEnd()
    {
        var router = new EventRouter(3);
        typeof(EventRouter).GetField("_roundRobin", System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Instance)!.SetValue(router, uint.MaxValue - 2);
        var payload = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":1}\n", 9)));
        Assert.Equal(9, router.Append(payload, PayloadEncoding.Json, Batches.Source, new Refusals()));
    }

    [Fact]
    public void TextIsOneEventALineInItsBody()
    {
        var router = new EventRouter(1);
        var refusals = new Refusals();
        byte[] payload = [.. "first line\r\n\n  \t\n"u8, 0xff, .. "\n"u8, .. Encoding.UTF8.GetBytes(new string('é', 40_000))];
        Assert.Equal(2, router.Append(payload, PayloadEncoding.Text, new(null, "logs", 5), refusals));
        Assert.Equal((1, RefusalReasons.InvalidUtf8), (refusals.All[0].Index, refusals.All[0].Reason));
        Assert.Equal([0xff], Assert.Single(refusals.All).Bytes);
        Assert.True(router.TryTakeBatch(0, out var record));
        Assert.Equal(["logs 5 x1 | body=String:first line", $"logs 5 x1 | body=String:{new string('é', 32_768)} | meta.truncated=String:body"], EventText.Rows(new EventBatchReader().Read(record)));
    }

    [Fact]
    public void TextOfNothingIsRefusedWithItsBytes()
    {
        var refusals = new Refusals();
        Assert.Equal(0, new EventRouter(1).Append(" \n \n"u8, PayloadEncoding.Text, Batches.Source, refusals));
        Assert.Equal(" \n \n"u8, Assert.Single(refusals.All).Bytes);
    }

    private static EventBatch Read(string json, RecordSource? source = null)
    {
        var router = new EventRouter(1);
        var refusals = new Refusals();
        router.Append(Encoding.UTF8.GetBytes(json), PayloadEncoding.Json, source ?? new(null, "Default", 0), refusals);
        Assert.Empty(refusals.All);
        Assert.True(router.TryTakeBatch(0, out var record));
        return new EventBatchReader().Read(record);
    }
}
