using System.Text;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Tests.Events;

public sealed class EventRouterTests : IRefusalSink
{
    private readonly EventRouter _router = new(4);
    private readonly List<(int Index, string Reason, string Detail, string Bytes)> _refused = [];

    void IRefusalSink.Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => _refused.Add((index, reason, detail, Encoding.UTF8.GetString(bytes)));

    [Fact]
    public void OnlyTheBadLineOfManyIsRefused()
    {
        Assert.Equal(2, Append("{\"name\":\"a\"}\n{\"bad\":1]\n{\"name\":\"b\"}\n"));
        Assert.Equal([(1, RefusalReasons.InvalidJson, "expected ',' or '}' at byte 8, found ']'", "{\"bad\":1]")], _refused);
        Assert.Equal(2, _router.Rows);
    }

    [Fact]
    public void WhatIsSaidOfATruncatedLineIsAboutItsOwnBytes()
    {
        // The line that follows would continue the value.
        Assert.Equal(2, Append("{\"name\":\"a\"}\n{\"bad\":\n{\"name\":\"b\"}\n"));
        Assert.Equal([(1, RefusalReasons.InvalidJson, "expected a value at byte 7, found the end", "{\"bad\":")], _refused);
    }

    [Fact]
    public void AnObjectMayStandOnManyLines()
    {
        Assert.Equal(1, Append("{\n  \"name\": \"a\",\n  \"duration_ms\": 3\n}\n"));
        Assert.Empty(_refused);
    }

    [Fact]
    public void AnEmptyRecordIsRefusedAsOne()
    {
        Assert.Equal(0, Append(""));
        Assert.Equal([(0, RefusalReasons.Empty)], _refused.Select(r => (r.Index, r.Reason)));
    }

    [Fact]
    public void RowsOfATraceGoToItsPartition()
    {
        const string Id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (var i = 0; i < 3; i++)
        {
            Append($"{{\"name\":\"{i}\",\"trace.trace_id\":\"{Id}\"}}");
        }

        var partition = TraceKey.Of(Id).PartitionOf(4);
        Assert.Equal([partition], Enumerable.Range(0, 4).Where(p => _router.TryTakeBatch(p, out _)));
    }

    private int Append(string record) => _router.Append(Encoding.UTF8.GetBytes(record), PayloadEncoding.Json, new(null, "unknown", 1), this);
}
