using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Filters;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Columns;

public sealed class ColumnBlockTests
{
    private static readonly Gen<(int Seed, int Count, int PerRecord)> Cases = Gen.Select(Gen.Int, Gen.Int[1, 200], Gen.OneOf(Gen.Int[1, 9], Gen.Int[30, 300]));

    [Fact]
    public void ASealedBlockHoldsTheEventsExactly() => Cases.Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var block = Batches.Seal(Batches.Of(events, 1, perRecord)[0]);
        var expected = events.Select(e => e.ToString()).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(expected, EventText.Rows(block).Order(StringComparer.Ordinal));
        block.DropCache();
        Assert.Equal(expected, EventText.Rows(block).Order(StringComparer.Ordinal));
        Assert.Equal((events.Min(e => e.TimeNs), events.Max(e => e.TimeNs)), (block.MinTimeNs, block.MaxTimeNs));
    }, iter: 120);

    [Fact]
    public void RowsOfATraceLieSideBySideInTheirOrder() => Cases.Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var rows = EventText.Rows(Batches.Seal(Batches.Of(events, 1, perRecord)[0]));
        var order = rows.ToDictionary(row => row, rows.IndexOf);
        foreach (var trace in events.Where(e => e["trace.trace_id"].Kind == FieldKind.String).GroupBy(e => e["trace.trace_id"].AsString))
        {
            var places = trace.Select(e => order[e.ToString()]).ToList();
            Assert.Equal(Enumerable.Range(places[0], places.Count), places);
        }
    }, iter: 50);

    [Fact]
    public void ASelectionHoldsTheChosenRowsAlsoWhenSealed() => Cases.Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var random = new Random(seed);
        var expected = new List<string>();
        var selections = new List<EventBatch>();
        var first = 0;
        foreach (var batch in Batches.Of(events, 1, perRecord)[0])
        {
            var rows = Enumerable.Range(0, batch.Rows).Where(_ => random.Next(3) == 0).ToArray();
            var weights = rows.Select(row => (batch.Weights?[row] ?? 1) * 10).ToArray();
            var reasons = ColumnVector.OfDictionary(rows.Length, null, new int[rows.Length], Utf8Strings.From(["rule"]));
            var selected = batch.Select(rows, weights, true, rows.Length == 0 ? [] : [new("meta.sample.reason", reasons)]);
            expected.AddRange(rows.Select(row => events[first + row]).Select(e =>
                EventText.Of(e.Dataset, e.TimeNs, e.Weight * 10, e.Fields.Append(new("meta.sample.reason", FieldValue.Of("rule"))).ToDictionary())));
            first += batch.Rows;
            Assert.True(selected.IsSampled);
            if (rows.Length > 0)
            {
                selections.Add(selected);
            }
        }

        Assert.Equal(expected, selections.SelectMany(EventText.Rows));
        if (selections.Count > 0)
        {
            var block = Batches.Seal(selections);
            Assert.True(block.IsSampled);
            Assert.Equal(expected.Order(StringComparer.Ordinal), EventText.Rows(block).Order(StringComparer.Ordinal));
        }
    }, iter: 40);

    [Fact]
    public void ASelectionIsTheSameFromABatchAViewAndABlock() => Cases.Sample((seed, count, perRecord) =>
    {
        using var reader = new EventBatchReader();
        var random = new Random(seed);
        var selections = new List<(IReadOnlyList<string> Expected, EventBatch Selected)>();
        foreach (var record in Batches.Records(new EventMaker(seed).Many(count), Math.Max(2, perRecord)))
        {
            var batch = reader.Read(record);
            foreach (var segment in (IRowSegment[])[batch, reader.View(reader.Layout(record)!), Batches.Seal([batch])])
            {
                var all = EventText.Rows(segment);
                var rows = Enumerable.Range(0, segment.Rows).Where(_ => random.Next(3) == 0).ToArray();
                selections.Add(([.. rows.Select(row => all[row])], segment.Select(rows, segment.Weights is { } weights ? [.. rows.Select(row => weights[row])] : null, false, [])));
            }
        }

        // Asked when the reader has opened other records, over whose memory the views were.
        foreach (var (expected, selected) in selections)
        {
            Assert.Equal(expected, EventText.Rows(selected));
        }
    }, iter: 40);

    [Theory]
    [InlineData(FilterOp.Greater)]
    [InlineData(FilterOp.GreaterOrEqual)]
    [InlineData(FilterOp.Less)]
    [InlineData(FilterOp.LessOrEqual)]
    [InlineData(FilterOp.Equal)]
    public void StatisticsNeverHideIntegersThatAFloatCannotTellApart(FilterOp op)
    {
        const long big = 9_007_199_254_740_992;
        long[] values = [big, big + 1];
        foreach (var value in values)
        {
            var batch = new EventBatch([1], null, [0], Utf8Strings.From(["d"]), [new("big", ColumnVector.OfIntegers(1, null, [value]))]);
            foreach (var wanted in values)
            {
                var condition = new Condition.Match("big", op, [FieldValue.Of(wanted)]);
                ulong[] selection = [1];
                new ConditionFilter(condition).Narrow(Batches.Seal([batch]), selection);
                Assert.Equal(ConditionFilter.Holds(condition, _ => FieldValue.Of(value)) ? 1UL : 0, selection[0]);
            }
        }
    }

    [Fact]
    public void NumbersOfEveryWidthComeBack() =>
        Gen.OneOf(Gen.Long, Gen.Long[-3, 3], Gen.Long[0, 70_000], Gen.Long[-1L << 33, 1L << 33]).Array[0, 40].Sample(values =>
        {
            var writer = new ByteWriter();
            PackedNumbers.WriteIntegers(writer, values);
            var reader = new ByteReader(writer.Written);
            Assert.Equal(values, PackedNumbers.ReadIntegers(ref reader, values.Length));
            Assert.Equal(0, reader.Remaining);
        });

    [Fact]
    public void FloatsComeBackToTheBit() =>
        Gen.OneOf(Gen.Double.Where(double.IsFinite), Gen.Int[-1000, 1000].Select(i => i / 100d), Gen.Int.Select(i => i / 1_000_000d), Gen.Const(1e300), Gen.Const(0d)).Array[0, 40].Sample(values =>
        {
            var writer = new ByteWriter();
            long[] scratch = [];
            PackedNumbers.WriteFloats(writer, values, ref scratch);
            var reader = new ByteReader(writer.Written);
            Assert.Equal(values, PackedNumbers.ReadFloats(ref reader, values.Length));
            Assert.Equal(0, reader.Remaining);
        });

    [Fact]
    public void ADictionaryGivesEachTextOneCode() => Gen.String[0, 40].Array[0, 300].Sample(texts =>
    {
        var dictionary = new StringDictionary();
        var codes = new Dictionary<string, int>();
        for (var round = 0; round < 2; round++)
        {
            foreach (var text in texts.Select(t => t.Replace('\ud800', 'x')).Where(t => !t.Any(char.IsSurrogate)))
            {
                var utf8 = System.Text.Encoding.UTF8.GetBytes(text);
                var isNew = codes.TryAdd(text, codes.Count);
                Assert.Equal(isNew ? -1 : codes[text], dictionary.Find(utf8));
                Assert.Equal(codes[text], dictionary.Add(utf8));
                Assert.Equal(utf8, dictionary[codes[text]]);
            }

            Assert.Equal(codes.Count, dictionary.Count);
            dictionary.Clear();
            codes.Clear();
        }
    });

    [Fact]
    public void AnIntegerMapNumbersKeysByAppearance() => Gen.OneOf(Gen.Long, Gen.Long[0, 50]).Array[0, 300].Sample(keys =>
    {
        var map = new IntegerMap();
        var expected = new Dictionary<long, int>();
        foreach (var key in keys)
        {
            expected.TryAdd(key, expected.Count);
            Assert.Equal(expected[key], map.Add(key));
            Assert.Equal(key, map.Key(expected[key]));
        }
    });
}
