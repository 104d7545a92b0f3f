using System.Text;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Tests.Events;

public sealed class EventStrictnessTests
{
    /// <summary>Texts that RFC 8259 doesn't know, each one line.</summary>
    public static TheoryData<string> Malformed =>
    [
        "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{,\"a\":1}", "{\"a\" 1}", "{\"a\"::1}", "{\"a\":1 \"b\":2}", "{\"a\":1;\"b\":2}", "{\"a\":1]",
        "{a:1}", "{'a':1}", "{1:1}", "{\"a\":'x'}", "{null:1}", "{\"a\":undefined}", "{\"a\":}", "{\"a\":,\"b\":1}",
        "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":-Infinity}", "{\"a\":nan}", "{\"a\":True}", "{\"a\":nul}", "{\"a\":nulll}", "{\"a\":truefalse}", "{\"a\":tru}", "{\"a\":fals",
        "{\"a\":01}", "{\"a\":-01}", "{\"a\":00}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":-.5}", "{\"a\":+1}", "{\"a\":-}", "{\"a\":--1}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":1.e1}",
        "{\"a\":0x10}", "{\"a\":1_000}", "{\"a\":1a}", "{\"a\":1.2.3}", "{\"a\":1e999}", "{\"a\":-1e999}", "{\"a\":1 2}", "{\"a\":１}",
        "{\"a\":\"x}", "{\"a\":\"x\\\"}", "{\"a\":\"\\x41\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\u12G4\"}", "{\"a\":\"\\U0041\"}", "{\"a\":\"\\'\"}", "{\"a\":\"\\\"", "{\"a\":\"\\",
        "{\"a\":\"tab\tin it\"}", "{\"a\":\"nul\0in it\"}", "{\"a\":\"a longer text, past sixteen bytes, and then\u0001\"}", "{\"tab\tin it\":1}", "{\"a\\x\":1}",
        "{\"a\":[}", "{\"a\":[1,]}", "{\"a\":[,1]}", "{\"a\":[1 2]}", "{\"a\":[1}", "{\"a\":[1}]}", "{\"a\":[NaN]}", "{\"a\":[01]}", "{\"a\":[\"x]}", "{\"a\":[{1:2}]}", "{\"a\":[{\"b\"}]}",
        "{\"a\":[tru]}", "{\"a\":[\"\\q\"]}", "{\"a\":{\"b\":1}", "{\"a\":{\"b\":1,}}", "{\"a\":{b:1}}", "{\"a\":1}}", "{\"a\":1}]", "{\"a\":1},", "{\"a\":1} x", "{\"a\":1}x", "{\"a\":1} 2", "{\"a\":1} \"b\"",
        "{\"a\":1/*c*/}", "{\"a\":1} // c", "# {\"a\":1}", "{\"a\":\u00a01}", "{\u2028\"a\":1}", "{\"a\":1\f}", "{\"a\":\v1}",
        "1", "-1.5", "\"text\"", "true", "false", "null", "NaN", "hello", "}", "]", ":", "\ufeff{\"a\":1}",
    ];

    [Theory]
    [MemberData(nameof(Malformed))]
    public void AMalformedRecordIsRefusedWholeAndCountsNothing(string json)
    {
        var (taken, refused, rows) = Append(Encoding.UTF8.GetBytes(json));
        Assert.Equal(0, taken);
        Assert.Empty(rows);
        Assert.Equal(json, Encoding.UTF8.GetString(Assert.Single(refused).Bytes));
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public void OneBadLineAmongGoodOnesIsRefusedAlone(string json)
    {
        var (taken, refused, rows) = Append(Encoding.UTF8.GetBytes($"{{\"n\":1}}\n{json}\n{{\"n\":2}}\r\n{json}\n{{\"n\":3}}\n"));
        Assert.Equal(3, taken);
        Assert.Equal(["n=Integer:1", "n=Integer:2", "n=Integer:3"], rows.Select(row => row.Split("| ")[1]));
        Assert.Equal([(1, json), (3, json)], refused.Select(r => (r.Index, Encoding.UTF8.GetString(r.Bytes))));
    }

    [Theory]
    [InlineData("{\"a\":NaN}")]
    [InlineData("{\"a\":01}")]
    [InlineData("{\"a\":1 \"b\":2}")]
    [InlineData("{\"a\":\"\\q\"}")]
    [InlineData("{\"a\":{\"b\":1,}}")]
    [InlineData("{\"a\":1} x")]
    [InlineData("{\"a\":[1,]}")]
    [InlineData("1")]
    [InlineData("null")]
    [InlineData("[{\"a\":1}]")]
    [InlineData("\"a,b]\"")]
    public void OneBadElementOfAnArrayIsRefusedAlone(string json)
    {
        var (taken, refused, rows) = Append(Encoding.UTF8.GetBytes($"[{{\"n\":1}},{json},{{\"n\":2}},{json}]"));
        Assert.Equal(2, taken);
        Assert.Equal(["n=Integer:1", "n=Integer:2"], rows.Select(row => row.Split("| ")[1]));
        Assert.Equal([(1, json), (3, json)], refused.Select(r => (r.Index, Encoding.UTF8.GetString(r.Bytes))));
    }

    [Theory]
    [InlineData("[{\"a\":1}")]
    [InlineData("[{\"a\":1},")]
    [InlineData("[{\"a\":1}] x")]
    [InlineData("[{\"a\":1}]]")]
    [InlineData("[{\"a\":1}}")]
    [InlineData("[{\"a\":1},{\"b\":\"x]")]
    [InlineData("[")]
    [InlineData("[]")]
    [InlineData("[ ] ")]
    [InlineData("[{\"a\":1}],[{\"a\":1}]")]
    [InlineData("[{\"a\":\"\\\"}]")]
    [InlineData("[{\"a\":1},{\"b\":\"\\")]
    public void AnArrayThatBreaksIsRefusedWhole(string json)
    {
        var (taken, refused, _) = Append(Encoding.UTF8.GetBytes(json));
        Assert.Equal(0, taken);
        Assert.Equal(json, Encoding.UTF8.GetString(Assert.Single(refused).Bytes));
    }

    [Fact]
    public void AnArraysEventsEndWhereTheirTextsSay()
    {
        var (taken, refused, rows) = Append("""[ {"n":1,"a":"]},{[\\"} , {"n":2,"a":"\"]"},{"n":3 "b":1},{"n":4} x , {"n":5,"a":[{"b":"}]"}]}]"""u8.ToArray());
        Assert.Equal(["n=Integer:1", "n=Integer:2", "n=Integer:5"], rows.Select(row => row.Split(" | ").Single(field => field.StartsWith("n=", StringComparison.Ordinal))));
        Assert.Equal(3, taken);
        Assert.Equal([(2, """{"n":3 "b":1}"""), (3, """{"n":4} x """)], refused.Select(r => (r.Index, Encoding.UTF8.GetString(r.Bytes))));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("\r\n\t \n")]
    public void NothingIsRefusedAsEmpty(string json)
    {
        var (taken, refused, _) = Append(Encoding.UTF8.GetBytes(json));
        Assert.Equal((0, RefusalReasons.Empty, json), (taken, Assert.Single(refused).Reason, Encoding.UTF8.GetString(refused[0].Bytes)));
    }

    [Fact]
    public void BytesThatAreNotUtf8RefuseTheirLineOnly()
    {
        foreach (var bad in (byte[][])[[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]])
        {
            byte[] inValue = [.. "{\"a\":\""u8, .. bad, .. "\"}"u8];
            byte[] inName = [.. "{\""u8, .. bad, .. "\":1}"u8];
            byte[] inArray = [.. "{\"a\":[\""u8, .. bad, .. "\"]}"u8];
            foreach (var line in (byte[][])[inValue, inName, inArray])
            {
                var (taken, refused, _) = Append([.. "{\"n\":1}\n"u8, .. line, .. "\n{\"n\":2}"u8]);
                Assert.Equal((2, RefusalReasons.InvalidUtf8), (taken, Assert.Single(refused).Reason));
                Assert.Equal(line, refused[0].Bytes);
                (taken, refused, _) = Append([.. "[{\"n\":1},"u8, .. line, .. ",{\"n\":2}]"u8]);
                Assert.Equal((2, RefusalReasons.InvalidUtf8), (taken, Assert.Single(refused).Reason));
                Assert.Equal(line, refused[0].Bytes);
            }
        }
    }

    [Fact]
    public void BadUtf8WithinAnObjectOverManyLinesRefusesTheWholeObject()
    {
        byte[] bad = [.. "{\n  \"a\": 1,\n  \"b\": \""u8, 0xff, .. "\"\n}"u8];
        var (taken, refused, rows) = Append([.. "{\"n\":1}\n"u8, .. bad, .. "\n{\"n\":2}"u8]);
        Assert.Equal(2, taken);
        Assert.Equal(2, rows.Count);
        Assert.Equal(bad, Assert.Single(refused).Bytes);
        Assert.Equal(RefusalReasons.InvalidUtf8, refused[0].Reason);
    }

    [Fact]
    public void PrettyPrintedObjectsAreEventsToo()
    {
        var (taken, refused, rows) = Append("{\n  \"a\": {\n    \"b\": 1\n  },\n  \"c\": [\n    1,\n    2\n  ]\n}\n{\n  \"a\": {\n    \"b\": 2\n  }\n}\n"u8.ToArray());
        Assert.Equal(2, taken);
        Assert.Empty(refused);
        Assert.Equal("default 0 x1 | a.b=Integer:1 | c=String:[\n    1,\n    2\n  ]", rows[0]);
        Assert.Equal("default 0 x1 | a.b=Integer:2", rows[1]);
    }

    [Fact]
    public void APrettyPrintedObjectThatBreaksIsRefusedInOnePiece()
    {
        var json = "{\n  \"a\": 1,\n  \"b\": NaN\n}\n";
        var (taken, refused, _) = Append(Encoding.UTF8.GetBytes(json));
        Assert.Equal(0, taken);
        Assert.Equal(json, Encoding.UTF8.GetString(Assert.Single(refused).Bytes));
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    [InlineData(10_000, false)]
    [InlineData(200_000, false)]
    public void NestingIsBounded(int depth, bool fits)
    {
        var objects = string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth);
        var arrays = "{\"a\":" + new string('[', depth - 1) + new string(']', depth - 1) + "}";
        var mixed = "{\"a\":" + string.Concat(Enumerable.Repeat("[{\"b\":", depth / 2)) + "1" + string.Concat(Enumerable.Repeat("}]", depth / 2)) + "}";
        foreach (var json in (string[])[objects, arrays, depth > 70 ? mixed : objects])
        {
            var (taken, refused, _) = Append(Encoding.UTF8.GetBytes($"{{\"n\":1}}\n{json}\n{{\"n\":2}}"));
            Assert.Equal(fits ? 3 : 2, taken);
            Assert.Equal(fits ? [] : [json], refused.Select(r => Encoding.UTF8.GetString(r.Bytes)));
            Assert.All(refused, r => Assert.Equal(RefusalReasons.TooDeep, r.Reason));
        }

        // Without an end either.
        Assert.Equal(0, Append(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", depth)))).Taken);
        Assert.Equal(0, Append(Encoding.UTF8.GetBytes(new string('[', depth))).Taken);
    }

    [Theory]
    [InlineData(2_000, true)]
    [InlineData(2_001, false)]
    [InlineData(3_000, false)]
    public void FieldsAreBounded(int count, bool fits)
    {
        var json = "{" + string.Join(',', Enumerable.Range(0, count).Select(i => $"\"field{i}\":{i}")) + "}";
        var (taken, refused, _) = Append(Encoding.UTF8.GetBytes($"{json}\n{{\"n\":1}}"));
        Assert.Equal(fits ? 2 : 1, taken);
        Assert.Equal(fits ? [] : [(0, RefusalReasons.TooManyFields, json)], refused.Select(r => (r.Index, r.Reason, Encoding.UTF8.GetString(r.Bytes))));
    }

    [Theory]
    [InlineData(1_000_000, true)]
    [InlineData(1_000_001, false)]
    [InlineData(2_000_000, false)]
    public void AnEventsBytesAreBounded(int bytes, bool fits)
    {
        var json = "{\"a\":\"" + new string('x', bytes - 8) + "\"}";
        var (taken, refused, _) = Append(Encoding.UTF8.GetBytes($"{{\"n\":1}}\n{json}\n{{\"n\":2}}"));
        Assert.Equal(fits ? 3 : 2, taken);
        Assert.Equal(fits ? [] : [(1, RefusalReasons.EventTooLarge)], refused.Select(r => (r.Index, r.Reason)));
        Assert.All(refused, r => Assert.Equal(json, Encoding.UTF8.GetString(r.Bytes)));
    }

    [Fact]
    public void AFieldNamesBytesAreBounded()
    {
        var fits = new string('é', Limits.FieldNameBytesMax / 2);
        Assert.Equal(1, Append(Encoding.UTF8.GetBytes($"{{\"{fits}\":1}}")).Taken);
        foreach (var json in (string[])[$"{{\"{fits}x\":1}}", $"{{\"{fits}\\n\":1}}", $"{{\"a\":{{\"{fits}\":1}}}}"])
        {
            Assert.Equal(RefusalReasons.FieldNameTooLong, Assert.Single(Append(Encoding.UTF8.GetBytes(json)).Refused).Reason);
        }
    }

    [Fact]
    public void ADatasetsNameIsBounded()
    {
        var name = new string('d', Limits.DatasetNameBytesMax);
        Assert.Equal(1, Append(Encoding.UTF8.GetBytes($"{{\"dataset\":\"{name}\"}}")).Taken);
        var (taken, refused, _) = Append(Encoding.UTF8.GetBytes($"{{\"dataset\":\"{name}d\"}}\n{{\"a\":1}}"));
        Assert.Equal((1, RefusalReasons.DatasetNameTooLong), (taken, Assert.Single(refused).Reason));
    }

    [Fact]
    public void TheReasonIsOfThisEventAndNotOfAnEarlierOne()
    {
        var (_, refused, _) = Append("[{\"a\":NaN},{\"b\":1} x]"u8.ToArray());
        Assert.Equal(2, refused.Count);
        Assert.Contains("behind", refused[1].Detail, StringComparison.Ordinal);
    }

    private static (int Taken, List<(int Index, string Reason, string Detail, byte[] Bytes)> Refused, List<string> Rows) Append(byte[] payload)
    {
        var router = new EventRouter(1);
        var refusals = new Refusals();
        var taken = router.Append(payload, PayloadEncoding.Json, new(null, "default", 0), refusals);
        Assert.Equal(taken, router.Rows);
        return (taken, refusals.All, router.TryTakeBatch(0, out var record) ? EventText.Rows(new StreamObserve.Core.Columns.EventBatchReader().Read(record)) : []);
    }
}
