using K4os.Compression.LZ4;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Columns;

/// <summary>Records of the batches log as bytes: the version before is read, damage is said to be damage.</summary>
public sealed class EventBatchFormatTests
{
    [Fact]
    public void ARecordOfVersion1IsRead()
    {
        using var reader = new EventBatchReader();
        var record = Version1();
        Assert.True(EventBatchReader.IsEventBatch(record));
        Assert.Null(reader.Layout(record));
        Assert.Equal(
            [
                "shop 2000000000 x1 | id=String:00ff00ff | n=Integer:7 | route=String:/a",
                "shop 3000000000 x1 | n=Integer:9 | route=String:/b",
                "shop 4000000000 x1 | id=String:12345678 | n=Integer:8 | route=String:/a",
            ],
            EventText.Rows(reader.Read(record)));
    }

    [Fact]
    public void ARecordThatBreaksOffIsDamaged()
    {
        using var reader = new EventBatchReader();
        var record = Batches.Records(new EventMaker(5).Many(300), 300)[0];
        Assert.NotEmpty(EventText.Rows(reader.Read(record)));
        for (var length = 3; length < record.Length; length++)
        {
            Assert.Throws<FormatException>(() => reader.Read(record.AsMemory(0, length)));
        }
    }

    [Fact]
    public void AnotherVersionIsRefused()
    {
        using var reader = new EventBatchReader();
        var refused = Assert.Throws<FormatException>(() => reader.Read(new byte[] { 1, 3, 0 }));
        Assert.Contains("version 3", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Three rows as version 1 wrote them (docs/formats/event-batch.md).</summary>
    private static byte[] Version1()
    {
        var packed = new ByteWriter();
        packed.I64(1_000_000_000);
        PackedNumbers.WriteIntegers(packed, [2, 3, 4]);
        packed.U8(0);
        Strings("shop");
        packed.Varint(3);
        Head("route", ColumnType.Dictionary, 3);
        Strings("/a", "/b");
        PackedNumbers.WriteCodes(packed, [0, 1, 0], 2);
        Head("id", ColumnType.Hex, 2);
        packed.Words([0b101]);
        packed.U8(4);
        Head("n", ColumnType.Integer, 3);
        PackedNumbers.WriteIntegers(packed, [7, 9, 8]);
        byte[] plain = [0, 0xFF, 0, 0xFF, 0x12, 0x34, 0x56, 0x78];
        var compressed = new byte[LZ4Codec.MaximumOutputSize(packed.Length)];
        var size = LZ4Codec.Encode(packed.Written, compressed);
        var record = new ByteWriter();
        record.U8(1);
        record.U8(1);
        record.Varint(3);
        record.Varint((ulong)plain.Length);
        record.Varint((ulong)packed.Length);
        record.Raw(plain);
        record.Raw(compressed.AsSpan(0, size));
        return record.Written.ToArray();

        void Head(string name, ColumnType type, int count)
        {
            packed.Text(name);
            packed.U8((byte)type);
            packed.Varint((ulong)count);
        }

        void Strings(params string[] texts)
        {
            packed.Varint((ulong)texts.Length);
            foreach (var text in texts)
            {
                packed.Varint((ulong)text.Length);
            }

            foreach (var text in texts)
            {
                packed.Raw(System.Text.Encoding.UTF8.GetBytes(text));
            }
        }
    }
}
