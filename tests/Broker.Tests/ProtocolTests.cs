using CsCheck;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Tests;

/// <summary>What well-behaved clients never send, and the shapes of answers to it.</summary>
public sealed class ProtocolTests
{
    private const short Produce = 0;
    private const short Fetch = 1;
    private const short ListOffsets = 2;
    private const short ApiVersions = 18;
    private const short DescribeAcls = 29;

    private static byte[] Batch(int count = 1, long producerId = -1, short epoch = -1, int sequence = -1, bool transactional = false)
    {
        RecordBatchBuilder records = new();
        for (int i = 0; i < count; i++)
        {
            records.AddValue("value"u8);
        }

        byte[] template = records.Build(1000);
        RecordBatch.WriteHeader(template, 0, transactional, false, false, count - 1, 1000, 1000, producerId, epoch, sequence, count);
        return template;
    }

    private static Action<ProtocolWriter> ProduceBody(string topic, byte[] batch, short version, short acks = -1) => into =>
    {
        if (version >= 3)
        {
            into.WriteString(null);
        }

        into.WriteInt16(acks);
        into.WriteInt32(1000);
        into.WriteArrayLength(1);
        into.WriteString(topic);
        into.WriteArrayLength(1);
        into.WriteInt32(0);
        into.WriteBytes(batch);
    };

    private static (short Error, long BaseOffset) ProduceBatch(RawClient client, string topic, byte[] batch, short version = 7)
    {
        byte[] answer = client.Call(Produce, version, ProduceBody(topic, batch, version))!;
        ProtocolReader reader = new(answer, 0, flexible: false);
        Assert.Equal(1, reader.ReadArrayLength());
        Assert.Equal(topic, reader.ReadString());
        Assert.Equal(1, reader.ReadArrayLength());
        Assert.Equal(0, reader.ReadInt32());
        return (reader.ReadInt16(), reader.ReadInt64());
    }

    [Fact]
    public async Task AnUnknownVersionOfApiVersionsIsAnsweredInVersionZero()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        using RawClient client = new(broker);
        ProtocolReader reader = new(client.Call(ApiVersions, 99, _ => { })!, 0, flexible: false);
        Assert.Equal((short)ErrorCode.UnsupportedVersion, reader.ReadInt16());
        int count = reader.ReadArrayLength();
        Dictionary<short, (short Min, short Max)> ranges = [];
        for (int i = 0; i < count; i++)
        {
            ranges[reader.ReadInt16()] = (reader.ReadInt16(), reader.ReadInt16());
        }

        Assert.Equal((0, 3), ranges[ApiVersions]);
        Assert.Equal((4, 17), ranges[Fetch]);
    }

    [Fact]
    public async Task OldMessageFormatsAreRefusedInTheAnswersOfTheirTime()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("t");
        using RawClient client = new(broker);
        foreach (short version in (short[])[0, 1, 2])
        {
            Assert.Equal(((short)ErrorCode.UnsupportedForMessageFormat, -1L), ProduceBatch(client, "t", new byte[30], version));
        }

        byte[] old = Batch();
        old[16] = 1;
        Assert.Equal((short)ErrorCode.UnsupportedForMessageFormat, ProduceBatch(client, "t", old).Error);
    }

    [Fact]
    public async Task OldFetchesAndOffsetListsAreRefusedByPartition()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        using RawClient client = new(broker);
        ProtocolReader offsets = new(
            client.Call(ListOffsets, 0, into =>
            {
                into.WriteInt32(-1);
                into.WriteArrayLength(1);
                into.WriteString("t");
                into.WriteArrayLength(1);
                into.WriteInt32(3);
                into.WriteInt64(-1);
                into.WriteInt32(1);
            })!,
            0,
            flexible: false);
        Assert.Equal((1, "t", 1, 3, (short)35, 0), (offsets.ReadArrayLength(), offsets.ReadString(), offsets.ReadArrayLength(), offsets.ReadInt32(), offsets.ReadInt16(), offsets.ReadArrayLength()));
        ProtocolReader acls = new(client.Call(DescribeAcls, 0, into => into.WriteInt8(2))!, 0, flexible: false);
        Assert.Equal((0, (short)35), (acls.ReadInt32(), acls.ReadInt16()));
        Assert.NotNull(acls.ReadNullableString());
        Assert.Equal(0, acls.ReadArrayLength());
    }

    [Fact]
    public async Task DamagedAndInconsistentBatchesAreRefused()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("t");
        using RawClient client = new(broker);
        byte[] flipped = Batch();
        flipped[^2] ^= 1;
        Assert.Equal((short)ErrorCode.CorruptMessage, ProduceBatch(client, "t", flipped).Error);
        Assert.Equal((short)ErrorCode.CorruptMessage, ProduceBatch(client, "t", Batch()[..^1]).Error);
        Assert.Equal((short)ErrorCode.CorruptMessage, ProduceBatch(client, "t", []).Error);
        Assert.Equal((short)ErrorCode.InvalidRecord, ProduceBatch(client, "t", [.. Batch(), .. Batch()]).Error);
        Assert.Equal((short)ErrorCode.InvalidRecord, ProduceBatch(client, "t", ControlRecord.BuildMarker(1, 0, true, 0)).Error);
        Assert.Equal((short)ErrorCode.UnknownTopicOrPartition, ProduceBatch(client, "absent", Batch()).Error);
        Assert.Equal(((short)0, 0L), ProduceBatch(client, "t", Batch(3)));
        Assert.Equal(((short)0, 3L), ProduceBatch(client, "t", Batch()));
    }

    [Fact]
    public async Task SequencesAreCheckedAndDuplicatesAnsweredAsTheFirstTime()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("t");
        using RawClient client = new(broker);
        Assert.Equal(((short)0, 0L), ProduceBatch(client, "t", Batch(2, 500, 0, 0)));
        Assert.Equal(((short)0, 2L), ProduceBatch(client, "t", Batch(2, 500, 0, 2)));
        Assert.Equal(((short)0, 0L), ProduceBatch(client, "t", Batch(2, 500, 0, 0)));
        Assert.Equal((short)ErrorCode.OutOfOrderSequenceNumber, ProduceBatch(client, "t", Batch(1, 500, 0, 7)).Error);
        Assert.Equal((short)ErrorCode.OutOfOrderSequenceNumber, ProduceBatch(client, "t", Batch(1, 500, 1, 3)).Error);
        Assert.Equal(((short)0, 4L), ProduceBatch(client, "t", Batch(1, 500, 1, 0)));
        Assert.Equal((short)ErrorCode.InvalidProducerEpoch, ProduceBatch(client, "t", Batch(1, 500, 0, 4)).Error);
        Assert.Equal((short)ErrorCode.InvalidProducerIdMapping, ProduceBatch(client, "t", Batch(1, 501, 0, 0, transactional: true)).Error);
    }

    [Fact]
    public async Task SequencesWrapAround()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("t");
        using RawClient client = new(broker);
        Assert.Equal(0, ProduceBatch(client, "t", Batch(2, 9, 0, int.MaxValue)).Error); // sequences 2147483647 and 0
        Assert.Equal(0, ProduceBatch(client, "t", Batch(1, 9, 0, 1)).Error);
    }

    [Fact]
    public async Task AMalformedRequestEndsItsOwnConnectionOnly()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("t");
        using RawClient good = new(broker);
        byte[][] malformed =
        [
            [0, 0, 0, 3, 1, 2, 3],
            [0x7F, 0xFF, 0xFF, 0xFF, 0, 0],
            [0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
            [0, 0, 0, 12, 0, 3, 0, 9, 0, 0, 0, 1, 0x7F, 0xFF, 0, 0],
            [0, 0, 0, 10, 0x12, 0x34, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF],
        ];
        foreach (byte[] bytes in malformed)
        {
            using RawClient bad = new(broker);
            Assert.Null(bad.Exchange(bytes));
        }

        Assert.Equal(0, ProduceBatch(good, "t", Batch()).Error);
        Assert.Equal(malformed.Length, broker.Metrics.MalformedRequests);
        Assert.Equal(0, broker.Metrics.Faults);
    }

    [Fact]
    public async Task NoBytesBringTheBrokerDown()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        short[] keys = [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 32, 33, 37, 42, 44, 47, 60];
        Gen.Select(Gen.Int[0, keys.Length - 1].Select(i => keys[i]), Gen.Short[0, 13], Gen.Byte.Array[0, 120]).Sample(
            (key, version, body) =>
            {
                using RawClient client = new(broker);
                byte[] header = [(byte)(key >> 8), (byte)key, 0, (byte)version, 0, 0, 0, 1, 0xFF, 0xFF];
                byte[] request = [0, 0, 0, (byte)(header.Length + body.Length), .. header, .. body];

                // Fetches and joins may wait for long, and acks may be 0: what counts is what the broker makes of the bytes.
                client.Send(request);
            },
            iter: 1500,
            threads: 1);
        using RawClient after = new(broker);
        Assert.NotNull(after.Call(ApiVersions, 0, _ => { }));
        Assert.Equal(0, broker.Metrics.Faults);
    }

    [Fact]
    public void WhatWasReservedStaysWhenTheBufferGrows()
    {
        using ProtocolWriter writer = new(16);
        writer.WriteInt32(1);
        byte[] reserved = [.. Enumerable.Range(0, 1000).Select(i => (byte)i)];
        reserved.CopyTo(writer.Reserve(50, 1000));
        Assert.Equal(reserved, writer.Reserve(50, 100_000)[..1000].ToArray());
    }

    [Fact]
    public async Task OneConnectionTooManyIsClosed()
    {
        await using TestBroker broker = await TestBroker.StartAsync(configure: options => options with { ConnectionsMax = 2 });
        using RawClient first = new(broker);
        using RawClient second = new(broker);
        Assert.NotNull(first.Call(ApiVersions, 0, _ => { }));
        Assert.NotNull(second.Call(ApiVersions, 0, _ => { }));
        using RawClient third = new(broker);
        Assert.Null(third.Call(ApiVersions, 0, _ => { }));
        Assert.NotNull(first.Call(ApiVersions, 0, _ => { }));
        Assert.Equal(1, broker.Metrics.ConnectionsRefused);
    }
}
