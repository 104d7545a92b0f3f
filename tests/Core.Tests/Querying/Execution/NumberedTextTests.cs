using System.Text;
using System.Text.Json;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Execution;

/// <summary>Texts that have the same number in several blocks: scans that go by the number find what scans of the texts find.</summary>
public sealed class NumberedTextTests
{
    private const int Rows = 3_000;
    private const int Customers = 900;

    private static readonly string[] Questions =
    [
        "COUNT GROUP BY customer LIMIT 1000",
        "COUNT WHERE n < 40 GROUP BY customer",
        "COUNT, SUM(n) GROUP BY customer",
        "COUNT IF (n < 10) AS few, COUNT GROUP BY customer",
        "COUNT_DISTINCT(customer)",
        "COUNT_DISTINCT(customer) GROUP BY region",
        "COUNT_DISTINCT(customer) WHERE n > 20 GROUP BY region",
        "COUNT_DISTINCT(customer), COUNT GROUP BY customer",
        "COUNT GROUP BY customer, region",
        "COUNT_DISTINCT(sometimes) GROUP BY region",
        "COUNT GROUP BY sometimes",
        "COUNT GROUP BY mostly",
        "COUNT_DISTINCT(mostly) GROUP BY region",
        "P50(m), SUM(m), COUNT GROUP BY mostly",
        "SUM(m) GROUP BY sometimes",
    ];

    [Theory]
    [InlineData(8 << 20)]       // all have a number
    [InlineData(20_000)]        // about half
    [InlineData(0)]             // none
    public void ScansGoByNumberAsTheyDoByText(long budget) => Cases(budget, new TextNumbering(budget), seed: 1);

    [Fact]
    public void ScansOfAllRowsFindWhatScansOfChosenRowsFind()
    {
        var blocks = Batch(3).ConvertAll(batch => (IRowSegment)Batches.Seal([batch], new TextNumbering(1 << 20)));
        foreach (var step in (int[])[3_600, 1])
        {
            foreach (var question in Questions.Where(question => !question.Contains("WHERE", StringComparison.Ordinal)))
            {
                // A condition that holds for every row: they are taken one by one.
                var at = question.IndexOf(" GROUP BY", StringComparison.Ordinal) is var group and >= 0 ? group : question.Length;
                var chosen = Plan(question.Insert(at, " WHERE n >= 0"), step);
                Assert.Equal(PartialResultState.Of(PartialResultState.Scan(chosen, blocks)), PartialResultState.Of(PartialResultState.Scan(Plan(question, step), blocks)));
            }
        }
    }

    [Theory]
    [InlineData(8 << 20)]
    [InlineData(20_000)]
    [InlineData(0)]
    public void BatchesGoByTheNumbersOfBlocks(long budget)
    {
        // The first are blocks, then batches that are decoded, then records whose columns are decoded at each scan.
        var records = Records(4);
        var numbering = new TextNumbering(budget);
        var plain = records.ConvertAll(record => (IRowSegment)new EventBatchReader().Read(record));
        List<IRowSegment> kept =
        [
            .. records.Take(2).Select(record => (IRowSegment)Batches.Seal([new EventBatchReader().Read(record)], numbering)),
            .. records.Skip(2).Take(2).Select(record => (IRowSegment)new EventBatchReader(numbering).Read(record)),
        ];
        var views = records.Skip(4).Select(record => (Record: record, Numbers: new RecordTextNumbers(numbering))).ToList();
        Assert.NotEmpty(views);
        foreach (var step in (int[])[3_600, 1])
        {
            foreach (var question in Questions)
            {
                // Twice: the second time the numbers are known.
                var plan = Plan(question, step);
                var expected = PartialResultState.Of(PartialResultState.Scan(plan, plain));
                for (var round = 0; round < 2; round++)
                {
                    Assert.Equal(expected, PartialResultState.Of(PartialResultState.Scan(plan, [.. kept, .. views.Select(view => View(view.Record, view.Numbers))])));
                }
            }
        }

        Assert.InRange(numbering.Bytes, budget / 2 > 60_000 ? 30_000 : budget / 2, budget);

        static IRowSegment View(byte[] record, RecordTextNumbers numbers)
        {
            var reader = new EventBatchReader();
            return reader.View(reader.Layout(record)!, numbers);
        }
    }

    [Theory]
    [InlineData(60_000, true)]      // of all rows of both blocks
    [InlineData(80_000, false)]
    public void DistinctNumberedTextsBecomeASketchWhereOthersDo(int distinct, bool isExact)
    {
        var texts = Enumerable.Range(0, distinct).Select(i => $"t{i}").ToList();
        List<EventBatch> batches = [Of(texts[..(distinct * 2 / 3)]), Of(texts[(distinct / 3)..])];
        var plan = Plan("COUNT_DISTINCT(t)", 3_600);
        var plain = PartialResultState.Scan(plan, [.. batches]);
        var numbering = new TextNumbering(64 << 20);
        var numbered = PartialResultState.Scan(plan, [.. batches.Select(batch => Batches.Seal([batch], numbering))]);
        Assert.Equal(PartialResultState.Of(plain), PartialResultState.Of(numbered));
        Assert.Equal(isExact, PartialResultState.Of(numbered).Any(line => line.Contains($"{distinct}", StringComparison.Ordinal)));

        static EventBatch Of(List<string> texts) => new(
            new long[texts.Count], null, new int[texts.Count], Utf8Strings.From(["d"]),
            [new("t", ColumnVector.OfDictionary(texts.Count, null, [.. Enumerable.Range(0, texts.Count)], Utf8Strings.From([.. texts])))]);
    }

    [Fact]
    public void NoMoreThanAFewColumnsOfABatchKeepNumbers()
    {
        var lines = Enumerable.Range(0, 500).Select(i => "{" + string.Join(',', Enumerable.Range(0, 6).Select(f => $"\"f{f}\":\"{f}-{i % 200}\"")) + "}");
        var router = new EventRouter(1);
        router.Append(Encoding.UTF8.GetBytes(string.Join('\n', lines)), PayloadEncoding.Json, Batches.Source, new Refusals());
        Assert.True(router.TryTakeBatch(0, out var record));
        var batch = new EventBatchReader(new TextNumbering(1 << 20)).Read(record);
        var numbered = Enumerable.Range(0, 6).Select(f =>
        {
            var columns = new List<ColumnVector>();
            batch.GetColumns($"f{f}", columns);
            return Assert.Single(columns).Numbered;
        }).ToList();
        Assert.Equal([true, true, true, true, false, false], numbered.Select(numbers => numbers is not null));
        Assert.Equal(200, numbered[0]!.Numbers.Distinct().Count());
    }

    [Fact]
    public void ANumberingThatIsReplacedAmongTheBlocksIsNotMistakenForTheOther()
    {
        // Another numbering for each block: numbers of one say nothing in the next.
        var batches = Batch(7);
        var plain = batches.ConvertAll(batch => Batches.Seal([batch]));
        var mixed = batches.ConvertAll(batch => Batches.Seal([batch], new TextNumbering(1 << 20)));
        foreach (var question in Questions)
        {
            var plan = Plan(question, 3_600);
            Assert.Equal(PartialResultState.Of(PartialResultState.Scan(plan, [.. plain])), PartialResultState.Of(PartialResultState.Scan(plan, [.. mixed])));
        }
    }

    [Fact]
    public void ATextHasTheSameNumberInEveryDictionaryAndNoneBeyondTheBudget()
    {
        var numbers = new TextNumbering(8 * 36).Of("f")!;
        var first = numbers.Of(Utf8Strings.From([.. Enumerable.Range(0, 5).Select(i => $"t-{i:d2}")]));
        var second = numbers.Of(Utf8Strings.From([.. Enumerable.Range(3, 9).Select(i => $"t-{i:d2}")]));
        Assert.Equal([0, 1, 2, 3, 4], first);
        Assert.Equal([3, 4, 5, 6, 7, TextNumbers.None, TextNumbers.None, TextNumbers.None, TextNumbers.None], second);
        Assert.Equal((8, 8 * 36), (numbers.Count, numbers.TakenBytes));
    }

    [Fact]
    public void ANumberingMostOfWhoseTextsAreGoneIsReplaced()
    {
        var numbering = new TextNumbering(1_000_000);
        var old = numbering.Of("f")!;
        Assert.Same(old, numbering.Of("f"));
        for (var round = 0; !old.IsOutdated; round++)
        {
            Assert.InRange(round, 0, 100);
            old.Of(Utf8Strings.From([.. Enumerable.Range(0, 10_000).Select(i => $"{round}-{i}")]));
        }

        Assert.InRange(numbering.Bytes, 900_000, 1_000_000);
        var next = numbering.Of("f")!;
        Assert.NotSame(old, next);
        Assert.Equal((0, 0), (next.Count, numbering.Bytes));
        Assert.DoesNotContain(TextNumbers.None, next.Of(Utf8Strings.From(["a", "b"])));
    }

    private static void Cases(long budget, TextNumbering numbering, int seed)
    {
        var batches = Batch(seed);
        var plain = batches.ConvertAll(batch => Batches.Seal([batch]));
        var numbered = batches.ConvertAll(batch => Batches.Seal([batch], numbering));
        foreach (var step in (int[])[3_600, 1])
        {
            foreach (var question in Questions)
            {
                var plan = Plan(question, step);
                Assert.Equal(PartialResultState.Of(PartialResultState.Scan(plan, [.. plain])), PartialResultState.Of(PartialResultState.Scan(plan, [.. numbered])));
            }
        }

        Assert.InRange(numbering.Bytes, budget / 2 > 60_000 ? 30_000 : budget / 2, budget);
    }

    /// <summary>The rows of <see cref="Batch"/> as records of the log.</summary>
    private static List<byte[]> Records(int seed)
    {
        var random = new Random(seed);
        var records = new List<byte[]>();
        var router = new EventRouter(1);
        for (var record = 0; record < 6; record++)
        {
            var lines = Enumerable.Range(0, 1_500).Select(row => JsonSerializer.Serialize(new SortedDictionary<string, object?>
            {
                ["time"] = EventTime.Format((record * 600_000_000L) + (row * 500_000L)),
                ["customer"] = $"customer-{(int)(Customers * random.NextDouble() * random.NextDouble())}",
                ["region"] = ((string[])["eu", "us", "ap"])[random.Next(3)],
                ["n"] = random.Next(60),
                ["sometimes"] = random.Next(3) == 0 ? null : $"value-{random.Next(400)}",
                ["mostly"] = random.Next(800) == 0 ? null : $"customer-{random.Next(Customers)}",
                ["m"] = random.Next(1, 5_000),
            }));
            router.Append(Encoding.UTF8.GetBytes(string.Join('\n', lines)), PayloadEncoding.Json, new RecordSource("d", "d", 1), new Refusals());
            Assert.True(router.TryTakeBatch(0, out var bytes));
            records.Add(bytes);
        }

        return records;
    }

    private static LeafPlan Plan(string question, int step) => new("d", QueryText.Parse(question).Value, new(0, 3_600_000_000_000, step));

    private static List<EventBatch> Batch(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, 5).Select(block => OneBatch(random, block))];
    }

    private static EventBatch OneBatch(Random random, int block)
    {
        var customers = new StringDictionary();
        var sometimes = new StringDictionary();
        int[] codes = [.. Enumerable.Range(0, Rows).Select(_ => customers.Add(System.Text.Encoding.UTF8.GetBytes($"customer-{(int)(Customers * random.NextDouble() * random.NextDouble())}")))];
        var presence = Presence(random, 3);
        var mostly = Presence(random, 800);
        int[] present = [.. Enumerable.Range(0, Count(presence)).Select(_ => sometimes.Add(System.Text.Encoding.UTF8.GetBytes($"value-{random.Next(400)}")))];

        return new(
            [.. Enumerable.Range(0, Rows).Select(row => (block * 900_000_000L) + (row * 500_000L))], null, new int[Rows], Utf8Strings.From(["d"]),
            [
                new("customer", ColumnVector.OfDictionary(Rows, null, codes, customers.ToStrings())),
                new("region", ColumnVector.OfDictionary(Rows, null, [.. Enumerable.Range(0, Rows).Select(_ => random.Next(3))], Utf8Strings.From(["eu", "us", "ap"]))),
                new("n", ColumnVector.OfIntegers(Rows, null, [.. Enumerable.Range(0, Rows).Select(_ => (long)random.Next(60))])),
                new("sometimes", ColumnVector.OfDictionary(Rows, presence, present, sometimes.ToStrings())),
                new("mostly", ColumnVector.OfDictionary(Rows, mostly, [.. codes.Take(Count(mostly))], customers.ToStrings())),
                new("m", ColumnVector.OfIntegers(Rows, mostly, [.. Enumerable.Range(0, Count(mostly)).Select(_ => (long)random.Next(1, 5_000))])),
            ]);
    }

    /// <summary>All rows but one in so many.</summary>
    private static ulong[] Presence(Random random, int oneIn)
    {
        var presence = new ulong[(Rows + 63) / 64];
        for (var row = 0; row < Rows; row++)
        {
            presence[row >> 6] |= (random.Next(oneIn) > 0 ? 1UL : 0) << (row & 63);
        }

        return presence;
    }

    private static int Count(ulong[] presence) => presence.Sum(word => System.Numerics.BitOperations.PopCount(word));
}
