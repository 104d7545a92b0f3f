using CsCheck;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Tests.Columns;

public sealed class PackedScanTests
{
    private static readonly long[] Ranges = [0, 1, 200, 255, 256, 60_000, 65_536, 1L << 31, uint.MaxValue, 1L << 32, long.MaxValue];

    [Fact]
    public void ValuesBetweenAreMarkedWhateverTheirWidth() => Gen.Int.Sample(seed =>
    {
        var random = new Random(seed);
        var (values, packed) = Values(random);
        for (var i = 0; i < 8; i++)
        {
            var (low, high) = (Near(random, values), Near(random, values));
            var bits = new ulong[(values.Length + 63) >> 6];
            Array.Fill(bits, 0xF0F0F0F0F0F0F0F0UL);

            PackedScan.MarkBetween(packed.Span, low, high, bits);

            AssertMarks(values, value => value >= low && value <= high, bits);
        }
    }, iter: 300);

    [Fact]
    public void PackedValuesAreTheValues() => Gen.Int.Sample(seed =>
    {
        var random = new Random(seed);
        var (values, packed) = Values(random);
        var all = new long[values.Length];
        packed.Span.CopyTo(0, all);
        Assert.Equal(values, all);
        Assert.All(Enumerable.Range(0, values.Length), k => Assert.Equal(values[k], packed.Span[k]));

        int[] chosen = [.. Enumerable.Range(0, values.Length).Where(_ => random.Next(3) == 0)];
        var numbers = new double[chosen.Length];
        PackedScan.CopyNumbers(packed.Span, 100, chosen, 0, numbers);
        if (chosen.Length > 0)
        {
            Assert.Equal(chosen.Select(k => values[k] / 100d), numbers);
        }

        var from = random.Next(values.Length);
        numbers = new double[values.Length - from];
        PackedScan.CopyNumbers(packed.Span, 1, [], from, numbers);
        Assert.Equal(values[from..].Select(value => (double)value), numbers);
    }, iter: 200);

    [Fact]
    public void CodesAreMarkedByTheirEntry() => Gen.Select(Gen.Int, Gen.Int[1, 70_000]).Sample((seed, count) =>
    {
        var random = new Random(seed);
        int[] codes = [.. Enumerable.Range(0, random.Next(1, 300)).Select(_ => random.Next(count))];
        var writer = new ByteWriter();
        PackedNumbers.WriteCodes(writer, codes, count);
        var bytes = writer.Written.ToArray();
        var reader = new ByteReader(bytes);
        var packed = PackedNumbers.ReadPackedCodes(ref reader, bytes, codes.Length, count);
        byte[] holds = [.. Enumerable.Range(0, count).Select(_ => (byte)random.Next(2))];
        var bits = new ulong[(codes.Length + 63) >> 6];

        PackedScan.MarkCodes(packed.Span, holds, bits);

        AssertMarks([.. codes.Select(code => (long)code)], code => holds[code] == 1, bits);
        var copied = new int[codes.Length];
        PackedScan.CopyCodes(packed.Span, [], 0, 7, copied);
        Assert.Equal(codes.Select(code => code + 7), copied);
    }, iter: 60);

    [Fact]
    public void FloatsBetweenAreMarked() => Gen.Int.Sample(seed =>
    {
        var random = new Random(seed);
        double[] values = [.. Enumerable.Range(0, random.Next(1, 200)).Select(_ => random.Next(-50, 50) / 8d)];
        double low = random.Next(-50, 50) / 8d, high = random.Next(-50, 50) / 8d;
        var bits = new ulong[(values.Length + 63) >> 6];

        PackedScan.MarkBetween(values, low, high, bits);

        for (var k = 0; k < bits.Length * 64; k++)
        {
            Assert.Equal(k < values.Length && values[k] >= low && values[k] <= high, IsSet(bits, k));
        }
    }, iter: 200);

    [Fact]
    public void BitsOfValuesBecomeBitsOfTheirRows() => Gen.Int.Sample(seed =>
    {
        var random = new Random(seed);
        var words = random.Next(1, 9);
        var presence = new ulong[words];
        for (var i = 0; i < words; i++)
        {
            presence[i] = random.Next(4) switch { 0 => 0, 1 => ulong.MaxValue, _ => (ulong)random.NextInt64() << random.Next(2) };
        }

        int[] rows = [.. Enumerable.Range(0, words * 64).Where(row => IsSet(presence, row))];
        bool[] marks = [.. rows.Select(_ => random.Next(2) == 0)];
        var bits = new ulong[Math.Max(1, (rows.Length + 63) >> 6)];
        for (var k = 0; k < marks.Length; k++)
        {
            bits[k >> 6] |= marks[k] ? 1UL << (k & 63) : 0;
        }

        var spread = new ulong[words];
        PackedScan.Spread(bits, presence, spread);

        var expected = new ulong[words];
        for (var k = 0; k < rows.Length; k++)
        {
            expected[rows[k] >> 6] |= marks[k] ? 1UL << (rows[k] & 63) : 0;
        }

        Assert.Equal(expected, spread);
        Assert.Equal(expected[0], PackedScan.Deposit(bits[0], presence[0]));
    }, iter: 300);

    [Fact]
    public void TimesWithinARangeAreMarkedNarrowAndWide() => Gen.Int.Sample(seed =>
    {
        var random = new Random(seed);
        var unit = ((long[])[1, 1000, 1_000_000, 1_000_000_000])[random.Next(4)];
        var first = random.NextInt64(-1_000_000, 1_000_000_000) * unit;
        uint[] offsets = [.. Enumerable.Range(0, random.Next(1, 200)).Select(_ => (uint)random.NextInt64(random.Next(2) == 0 ? 100 : 1L << 32))];
        var narrow = TimeColumn.Of(offsets, first, unit);
        var wide = TimeColumn.Of(narrow.ToNanoseconds());
        for (var i = 0; i < 8; i++)
        {
            long start = Edge(), end = Edge();
            var bits = new ulong[(offsets.Length + 63) >> 6];
            narrow.Mark(start, end, bits);
            AssertMarks(narrow.ToNanoseconds(), time => time >= start && time < end, bits);
            wide.Mark(start, end, bits);
            AssertMarks(narrow.ToNanoseconds(), time => time >= start && time < end, bits);
        }

        long Edge() => first + (offsets[random.Next(offsets.Length)] * unit) + (random.Next(-2, 3) * ((long[])[1, unit])[random.Next(2)]);
    }, iter: 200);

    private static (long[] Values, PackedValues Packed) Values(Random random)
    {
        var range = Ranges[random.Next(Ranges.Length)];
        var least = random.Next(4) switch { 0 => 0, 1 => long.MinValue, 2 => random.Next(-1000, 1000), _ => long.MaxValue - range };
        long[] values = [.. Enumerable.Range(0, random.Next(1, 400)).Select(_ => least + (range == long.MaxValue ? random.NextInt64() : random.NextInt64(range + 1)))];
        var writer = new ByteWriter();
        PackedNumbers.WriteIntegers(writer, values);
        var bytes = writer.Written.ToArray();
        var reader = new ByteReader(bytes);
        return (values, PackedNumbers.ReadPacked(ref reader, bytes, values.Length));
    }

    private static long Near(Random random, long[] values) => random.Next(6) switch
    {
        0 => long.MinValue,
        1 => long.MaxValue,
        2 => 0,
        var by => unchecked(values[random.Next(values.Length)] + by - 4),
    };

    private static void AssertMarks(long[] values, Func<long, bool> holds, ulong[] bits)
    {
        for (var k = 0; k < bits.Length * 64; k++)
        {
            Assert.Equal(k < values.Length && holds(values[k]), IsSet(bits, k));
        }
    }

    private static bool IsSet(ulong[] bits, int k) => (bits[k >> 6] >> (k & 63) & 1) != 0;
}
