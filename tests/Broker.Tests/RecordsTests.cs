using System.Text;
using CsCheck;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Tests;

/// <summary>Checksums, batches and decoders.</summary>
public sealed class RecordsTests
{
    private static uint Slow(ReadOnlySpan<byte> data)
    {
        uint crc = ~0u;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
            }
        }

        return ~crc;
    }

    [Fact]
    public void TheChecksumOfTheStandardTextIsTheStandardOne() =>
        Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));

    [Fact]
    public void TheChecksumIsThatOfTheDefinitionAtEveryLength() =>
        Gen.Select(Gen.Int[0, 40_000], Gen.UInt).Sample(
            (length, seed) =>
            {
                byte[] data = new byte[length];
                new Random((int)seed).NextBytes(data);
                return Crc32C.Compute(data) == Slow(data);
            },
            iter: 200);

    [Fact]
    public void BuiltRecordsAreReadBack() =>
        Gen.Byte.Array[0, 300].List[1, 50].Sample(values =>
        {
            RecordBatchBuilder builder = new();
            values.ForEach(value => builder.AddValue(value));
            byte[] batch = builder.Build(5);
            RecordBatch header = RecordBatch.Read(batch);
            Assert.Equal(header.Crc, RecordBatch.ComputeCrc(batch));
            Assert.Equal((values.Count, values.Count - 1), (header.RecordCount, header.LastOffsetDelta));
            RecordReader reader = new(batch.AsSpan(RecordBatch.HeaderBytes));
            for (int i = 0; i < values.Count; i++)
            {
                Assert.True(reader.TryReadNext(out StreamObserve.Broker.Records.Record record));
                Assert.Equal(values[i], record.Value.ToArray());
                Assert.Equal(i, record.OffsetDelta);
                Assert.False(record.HasKey);
            }

            Assert.False(reader.TryReadNext(out _));
        });

    [Fact]
    public void DecodersRefuseDamageWithoutAFault() =>
        Gen.Select(Gen.Int[0, 4], Gen.Byte.Array[0, 400]).Sample((codec, noise) =>
        {
            RecordBatchBuilder builder = new();
            byte[] batch = [.. builder.Build(0), .. codec == 3 ? (byte[])[0x04, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82] : [], .. noise];
            batch[22] = (byte)codec;
            BatchDecompressor.TryDecompress(batch, out _);
        });

    [Fact]
    public void SnappyFramingIsDecoded()
    {
        byte[] text = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("abcabcabd", 5)));
        byte[] block = [(byte)text.Length, (byte)((text.Length - 1) << 2), .. text];
        byte[] framed = [0x82, .. "SNAPPY"u8, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, (byte)block.Length, .. block, 0, 0, 0, (byte)block.Length, .. block];
        Assert.Equal((byte[])[.. text, .. text], SnappyDecoder.Decode(framed));
    }

    [Fact]
    public void AMarkerTellsItsDecision()
    {
        foreach (bool commit in (bool[])[true, false])
        {
            byte[] marker = ControlRecord.BuildMarker(7, 3, commit, 99);
            RecordBatch header = RecordBatch.Read(marker);
            Assert.True(header is { IsControl: true, IsTransactional: true, ProducerId: 7, ProducerEpoch: 3, RecordCount: 1 });
            Assert.Equal(marker.Length, header.Size);
            Assert.Equal(commit, ControlRecord.IsCommit(marker));
        }
    }
}
