using System.Text;
using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Filters;
using StreamObserve.Core.Tests.Columns;

namespace StreamObserve.Core.Tests.Querying.Filters;

/// <summary>The marks of a whole column against the test of each of its values.</summary>
public sealed class ColumnMarksTests
{
    private static readonly FilterOp[] Ops =
        [FilterOp.Equal, FilterOp.Greater, FilterOp.GreaterOrEqual, FilterOp.Less, FilterOp.LessOrEqual, FilterOp.In, FilterOp.Contains, FilterOp.StartsWith, FilterOp.Exists];

    private static readonly long[] Bases = [0, -7, 200, 9_007_199_254_740_990, long.MinValue, long.MaxValue - 70_000];

    private static readonly long[] Spans = [1, 100, 256, 70_000];

    [Fact]
    public void IntegersOfEachWidth() => Gen.Int.Sample(seed =>
    {
        var random = new Random(seed);
        var (least, span) = (Bases[random.Next(Bases.Length)], Spans[random.Next(Spans.Length)]);
        var (presence, count) = Presence(random, 300);
        long[] values = [.. Enumerable.Range(0, count).Select(_ => least + random.NextInt64(span))];
        var column = ColumnVector.OfPackedIntegers(ColumnType.Integer, 300, presence, Packed(values));
        for (var i = 0; i < 10; i++)
        {
            var predicate = new ValuePredicate(Match(random, () => Value(random, values[random.Next(values.Length)])));
            AssertMarks(column, predicate, k => predicate.TestInteger(values[k]), random);
        }
    }, iter: 150);

    [Fact]
    public void FloatsOfDecimalsAndPlainOnes() => Gen.Int.Sample(seed =>
    {
        var random = new Random(seed);
        var scale = ((double[])[1, 10, 1000])[random.Next(3)];
        var (least, span) = (random.Next(-5000, 5000), Spans[random.Next(Spans.Length)]);
        var (presence, count) = Presence(random, 300);
        long[] integers = [.. Enumerable.Range(0, count).Select(_ => least + random.NextInt64(span))];
        double[] values = [.. integers.Select(integer => integer / scale)];
        var packed = ColumnVector.OfPackedFloats(300, presence, Packed(integers), scale);
        var plain = ColumnVector.OfFloats(300, presence, values);
        Assert.Equal(values, packed.Floats);
        for (var i = 0; i < 10; i++)
        {
            var predicate = new ValuePredicate(Match(random, () => FloatValue(random, values[random.Next(values.Length)])));
            AssertMarks(packed, predicate, k => predicate.TestFloat(values[k]), random);
            AssertMarks(plain, predicate, k => predicate.TestFloat(values[k]), random);
        }
    }, iter: 150);

    [Fact]
    public void TextsAndCodesAndIds() => Gen.Int.Sample(seed =>
    {
        var random = new Random(seed);
        var (presence, count) = Presence(random, 300);
        string[] words = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => Word(random))];
        string[] texts = [.. Enumerable.Range(0, count).Select(_ => words[random.Next(words.Length)])];
        var dictionary = words.Distinct().ToList();
        ColumnVector[] columns =
        [
            ColumnVector.OfText(300, presence, Utf8Strings.From(texts)),
            ColumnVector.OfDictionary(300, presence, [.. texts.Select(text => dictionary.IndexOf(text))], Utf8Strings.From(dictionary)),
        ];
        for (var i = 0; i < 10; i++)
        {
            var predicate = new ValuePredicate(Match(random, () => FieldValue.Of(random.Next(2) == 0 ? words[random.Next(words.Length)] : Word(random))));
            foreach (var column in columns)
            {
                AssertMarks(column, predicate, k => predicate.TestText(Encoding.UTF8.GetBytes(texts[k])), random);
            }
        }
    }, iter: 150);

    [Fact]
    public void TextsByTheirTemplates()
    {
        var columns = 0;
        Gen.Int.Sample(seed =>
        {
            var random = new Random(seed);
            var (presence, count) = Presence(random, 300);
            var texts = TextTemplatesTests.Make(random, count);
            if (TextTemplatesTests.WriteAndRead(texts) is not { } templates)
            {
                return;     // too many of them for so few texts
            }

            Interlocked.Increment(ref columns);
            var column = ColumnVector.OfTemplates(300, presence, templates);
            for (var i = 0; i < 20; i++)
            {
                var predicate = new ValuePredicate(Match(random, () => FieldValue.Of(Part(random, texts[random.Next(texts.Length)]))));
                AssertMarks(column, predicate, k => predicate.TestText(Encoding.UTF8.GetBytes(texts[k])), random);
            }
        }, iter: 300);
        Assert.InRange(columns, 100, 300);

        static string Part(Random random, string text)
        {
            var from = random.Next(3) == 0 ? 0 : random.Next(text.Length + 1);
            return text[from..random.Next(from, text.Length + 1)];
        }
    }

    [Fact]
    public void IdsAloneAndInRuns() => Gen.Int.Sample(seed =>
    {
        var random = new Random(seed);
        var width = random.Next(2) == 0 ? 16 : 8;
        var runs = random.Next(1, 40);
        var ends = new int[runs];
        var bytes = new byte[runs * width];
        random.NextBytes(bytes);
        if (runs > 2)
        {
            bytes.AsSpan(0, width).CopyTo(bytes.AsSpan(width * 2));
        }

        for (int i = 0, end = 0; i < runs; i++)
        {
            ends[i] = end += random.Next(1, 9);
        }

        var rows = ends[^1] + 20;
        var presence = new ulong[(rows + 63) >> 6];
        for (var row = 0; row < ends[^1]; row++)
        {
            presence[(row + 13) >> 6] |= 1UL << (row + 13 & 63);
        }

        var inRuns = ColumnVector.OfHexRuns(rows, presence, bytes, ends, width);
        var alone = ColumnVector.OfHex(rows, presence, [.. inRuns.HexBytes], width);
        var wanted = Convert.ToHexStringLower(bytes, 0, width);
        foreach (var text in (string[])[wanted, wanted.ToUpperInvariant(), wanted[..^1], "no id"])
        {
            var predicate = new ValuePredicate(new("id", FilterOp.Equal, [FieldValue.Of(text)]));
            AssertMarks(inRuns, predicate, k => inRuns.Value(k).AsString == text, random);
            AssertMarks(alone, predicate, k => alone.Value(k).AsString == text, random);
        }
    }, iter: 100);

    [Fact]
    public void AMatchAcrossTwoTextsIsNone()
    {
        var column = ColumnVector.OfText(4, null, Utf8Strings.From(["ab", "ab", "xabab", ""]));
        var predicate = new ValuePredicate(new("f", FilterOp.Contains, [FieldValue.Of("ba")]));
        var hits = new ulong[1];
        new ColumnMarks().Mark(column, predicate, [ulong.MaxValue], hits);
        Assert.Equal(0b100UL, hits[0]);
    }

    private static void AssertMarks(ColumnVector column, ValuePredicate predicate, Func<int, bool> holds, Random random)
    {
        var words = (column.Rows + 63) >> 6;
        var wanted = new ulong[words];
        Array.Fill(wanted, random.Next(3) == 0 ? 1UL << random.Next(64) : ulong.MaxValue);
        var hits = new ulong[words];
        new ColumnMarks().Mark(column, predicate, wanted, hits);
        for (var row = 0; row < words * 64; row++)
        {
            var expected = row < column.Rows && column.Has(row) && (predicate.Op == FilterOp.Exists || holds(column.Rank(row)));
            if ((wanted[row >> 6] >> (row & 63) & 1) != 0)
            {
                Assert.True(expected == ((hits[row >> 6] >> (row & 63) & 1) != 0), $"row {row} of a {column.Type} column, {predicate.Op}");
            }
        }
    }

    private static Condition.Match Match(Random random, Func<FieldValue> value)
    {
        var op = Ops[random.Next(Ops.Length)];
        return new("f", op, op switch
        {
            FilterOp.Exists => [],
            FilterOp.In => [.. Enumerable.Range(0, random.Next(30)).Select(_ => value())],
            FilterOp.Contains or FilterOp.StartsWith => [FieldValue.Of(value().ToString())],
            _ => [value()],
        });
    }

    private static FieldValue Value(Random random, long near) => random.Next(7) switch
    {
        0 => FieldValue.Of("word"),
        1 => FieldValue.Of(near.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        2 => FieldValue.Of(near + 0.5),
        3 => FieldValue.Of((double)near),
        var by => FieldValue.Of(unchecked(near + by - 5)),
    };

    private static FieldValue FloatValue(Random random, double near) => random.Next(6) switch
    {
        0 => FieldValue.Of("word"),
        1 => FieldValue.Of((long)near),
        2 => FieldValue.Of(Math.BitIncrement(near)),
        3 => FieldValue.Of(near.ToString("R", System.Globalization.CultureInfo.InvariantCulture)),
        4 => FieldValue.Of(9_007_199_254_740_993),
        _ => FieldValue.Of(near),
    };

    private static string Word(Random random) => string.Concat(Enumerable.Range(0, random.Next(5)).Select(_ => ((string[])["a", "b", "é"])[random.Next(3)]));

    private static (ulong[]? Presence, int Count) Presence(Random random, int rows)
    {
        if (random.Next(2) == 0)
        {
            return (null, rows);
        }

        var presence = new ulong[(rows + 63) >> 6];
        var count = 0;
        for (var row = 0; row < rows; row++)
        {
            if (row == 5 || random.Next(3) != 0)
            {
                presence[row >> 6] |= 1UL << (row & 63);
                count++;
            }
        }

        return (presence, count);
    }

    private static PackedValues Packed(long[] values)
    {
        var writer = new ByteWriter();
        PackedNumbers.WriteIntegers(writer, values);
        var bytes = writer.Written.ToArray();
        var reader = new ByteReader(bytes);
        return PackedNumbers.ReadPacked(ref reader, bytes, values.Length);
    }
}
