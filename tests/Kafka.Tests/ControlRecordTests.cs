using CsCheck;
using StreamObserve.Contracts.Log;

namespace StreamObserve.Kafka.Tests;

public sealed class ControlRecordTests
{
    [Fact]
    public void WhatIsEncodedIsReadBack()
    {
        Gen.Select(Gen.Long, Gen.Long).Sample((version, clock) => RoundTrips(new TickRecord(version, clock)));
        Gen.Select(Gen.Long, Gen.Byte.Array[0, 300]).Sample((version, json) => RoundTrips(new PoliciesRecord(version, json)));
    }

    [Fact]
    public void ADamagedBitIsFound()
    {
        var tick = new TickRecord(7, 1_700_000_000_000).Encode();
        for (var bit = 0; bit < tick.Length * 8; bit++)
        {
            var damaged = (byte[])tick.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(ControlRecord.TryParse(damaged, out _, out var reason), $"bit {bit}");
            Assert.NotEqual("", reason);
        }
    }

    [Fact]
    public void ATruncatedRecordIsRefused()
    {
        var record = new PoliciesRecord(1, "{\"version\":1}"u8.ToArray()).Encode();
        for (var length = 0; length < record.Length; length++)
        {
            Assert.False(ControlRecord.TryParse(record.AsSpan(0, length), out _, out _));
        }
    }

    [Fact]
    public void TheFormatIsTheDocumentedOne()
    {
        Assert.Equal("020107000000000000000068E5CF8B010000C60D76C9", Convert.ToHexString(new TickRecord(7, 1_700_000_000_000).Encode()));
        Assert.Equal("030101000000000000007B7D11E2CFFC", Convert.ToHexString(new PoliciesRecord(1, "{}"u8.ToArray()).Encode()));
    }

    [Fact]
    public void OtherKindsAndFormatsAreNamedInTheRefusal()
    {
        Assert.False(ControlRecord.TryParse([1, 1, 0, 0, 0, 0, 0], out _, out var batch));
        Assert.Contains("CRC", batch, StringComparison.Ordinal);
        Assert.False(ControlRecord.TryParse([2, 9, 0, 0, 0, 0, 0], out _, out var format));
        Assert.Equal("control record format 9: this version reads 1", format);
    }

    private static bool RoundTrips(ControlRecord record) =>
        ControlRecord.TryParse(record.Encode(), out var read, out _) && read.Equals(record) && read.Encode().AsSpan().SequenceEqual(record.Encode());
}
