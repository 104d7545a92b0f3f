using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Expressions;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Core.Tests.Events;
using StreamObserve.Core.Tests.Querying.Execution;

namespace StreamObserve.Core.Tests.Querying.Expressions;

public sealed class DerivedSegmentTests
{
    [Fact]
    public void AColumnHasTheValueThatEachRowGivesAlone() => Gen.Select(Gen.Int, Gen.Int[1, 130]).Sample((seed, count) =>
    {
        var events = new EventMaker(seed).Many(count);
        var batch = Assert.Single(Batches.Of(events)[0]);
        var block = Batches.Seal([batch]);
        var expressions = new ExpressionMaker(seed).Fields(6);
        var parsed = CalculatedFields.Parse(expressions);
        Assert.True(parsed.Ok, string.Join("; ", parsed.Errors));
        var fields = parsed.Value;
        for (var i = 0; i < fields.Count; i++)
        {
            var expected = events.Select(e => new ReferenceExpression(fields, name => e[name], e.TimeNs).Field($"f{i}")).ToList();
            AssertSame(expected, ExpressionRows.Column(batch, fields, $"f{i}"), expressions[i]);

            // A block's rows are in an order of their own.
            var sequence = new List<ColumnVector>();
            block.GetColumns("seq", sequence);
            var ofBlock = ExpressionRows.Column(block, fields, $"f{i}");
            AssertSame([.. Enumerable.Range(0, count).Select(row => expected[(int)sequence[0].Integers[row]])], ofBlock, expressions[i]);
        }
    }, iter: 300);

    [Fact]
    public void AQueryUsesCalculatedFieldsWhereverAFieldMayStand() => Gen.Int.Sample(seed =>
    {
        var events = new EventMaker(seed).Many(80);
        var batches = Batches.Of(events, 1, 30)[0];
        var spec = QueryText.Parse(
            "COUNT, SUM(n), P50(n) IF (kind = \"big\"), COUNT_DISTINCT(kind), MAX(duration_ms) WHERE NOT odd = true OR n > 5 GROUP BY kind, service.name ORDER BY kind "
            + "DEFINE n AS \"LENGTH($name) + INT($size) % 7\", odd AS \"MOD($seq, 2) = 1\", kind AS \"IF(n > 5, 'big', EXISTS($name), 'small')\", duration_ms AS \"n * 2\"").Value;
        var plan = new LeafPlan(LeafPlan.AllDatasets, spec, new(EventMaker.StartNs, EventMaker.StartNs + 3_600_000_000_000, 60));
        var expected = PartialResultState.Of(ReferenceScan.Of(plan, events));
        PartialResultState.AssertSame(expected, PartialResultState.Of(PartialResultState.Scan(plan, batches)));
        PartialResultState.AssertSame(expected, PartialResultState.Of(PartialResultState.Scan(plan, [Batches.Seal(batches)])));
    }, iter: 30);

    [Fact]
    public void WhatDependsOnOneDictionaryIsComputedOncePerValue()
    {
        var codes = Enumerable.Range(0, 1_000).Select(i => i % 3).ToArray();
        var column = ColumnVector.OfDictionary(1_000, null, codes, Utf8Strings.From(["a", "bb", "ccc"]));
        var segment = new EventBatch(new long[1_000], null, new int[1_000], Utf8Strings.From(["d"]), [new("name", column)]);
        var columns = new List<ColumnVector>();
        new DerivedSegment(segment, ExpressionRows.Compile("CONCAT(TO_LOWER($name), LENGTH($name))")).GetColumns("f0", columns);

        var made = Assert.Single(columns);
        Assert.Equal(ColumnType.Dictionary, made.Type);
        Assert.True(made.Strings.Count <= 4, $"{made.Strings.Count} texts of three values");
        Assert.Equal("ccc3", made.Value(2).AsString);
    }

    [Fact]
    public void AnEmptySegmentHasNoValues()
    {
        var empty = new EventBatch([], null, [], Utf8Strings.Empty, []);
        Assert.Empty(ExpressionRows.Column(empty, ExpressionRows.Compile("EVENT_TIMESTAMP() + 1 > 2.5"), "f0"));
    }

    [Fact]
    public void StatisticsOfAStoredFieldSayNothingOfACalculatedOneOfItsName()
    {
        var block = Batches.Seal(Batches.Of(new EventMaker(1).Many(20))[0]);
        var match = new Condition.Match("seq", FilterOp.Greater, [FieldValue.Of(1_000L)]);
        Assert.True(block.Excludes(match));
        Assert.False(new DerivedSegment(block, CalculatedFields.Parse([new("seq", "$size * 1000")]).Value).Excludes(match));
        Assert.True(new DerivedSegment(block, CalculatedFields.Parse([new("other", "1")]).Value).Excludes(match));
    }

    private static void AssertSame(List<FieldValue> expected, FieldValue[] actual, NamedExpression expression)
    {
        for (var row = 0; row < actual.Length; row++)
        {
            Assert.True(EventText.Of(expected[row]) == EventText.Of(actual[row]), $"row {row}: expected {EventText.Of(expected[row])}, found {EventText.Of(actual[row])}: {expression}");
        }
    }
}
