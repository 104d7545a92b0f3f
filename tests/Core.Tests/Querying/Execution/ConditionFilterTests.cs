using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Filters;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Execution;

public sealed class ConditionFilterTests
{
    [Fact]
    public void ColumnsAndRowsAgree() => Gen.Select(Gen.Int, Gen.Int[1, 150], Gen.OneOf(Gen.Int[1, 9], Gen.Int[30, 200])).Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var batches = Batches.Of(events, 1, perRecord)[0];
        var byText = events.ToDictionary(e => e.ToString());
        List<IRowSegment> segments = [.. batches, Batches.Seal(batches)];
        var rows = segments.ConvertAll(segment => EventText.Rows(segment).ConvertAll(text => byText[text]));
        var queries = new QueryMaker(seed);
        for (var i = 0; i < 12; i++)
        {
            var condition = queries.Condition(3);
            var filter = new ConditionFilter(condition);
            for (var s = 0; s < segments.Count; s++)
            {
                var selection = new ulong[(segments[s].Rows + 63) >> 6];
                for (var row = 0; row < segments[s].Rows; row++)
                {
                    selection[row >> 6] |= row % 5 == 4 ? 0 : 1UL << (row & 63);
                }

                filter.Narrow(segments[s], selection);
                for (var row = 0; row < selection.Length * 64; row++)
                {
                    var expected = row < segments[s].Rows && row % 5 != 4 && ConditionFilter.Holds(condition, field => rows[s][row][field]);
                    Assert.True(expected == ((selection[row >> 6] >> (row & 63) & 1) != 0), $"row {row} of segment {s}, {Core.Querying.Language.ConditionText.Format(condition)}: {rows[s][Math.Min(row, rows[s].Count - 1)]}");
                }
            }
        }
    }, iter: 60);

    /// <summary>The contract's rules, without looking at the code: operator, value in the query, value in the event, whether it holds.</summary>
    [Theory]
    [InlineData(FilterOp.Equal, "500", 500L, true)]
    [InlineData(FilterOp.Equal, 500L, "500", true)]
    [InlineData(FilterOp.Equal, 500.0, 500L, true)]
    [InlineData(FilterOp.Equal, 500L, "500.0", false)]
    [InlineData(FilterOp.Equal, true, "true", true)]
    [InlineData(FilterOp.Equal, "true", true, true)]
    [InlineData(FilterOp.Equal, 1L, true, false)]
    [InlineData(FilterOp.Equal, "abc", 500L, false)]
    [InlineData(FilterOp.Equal, "x", null, false)]
    [InlineData(FilterOp.NotEqual, "x", null, true)]
    [InlineData(FilterOp.NotEqual, "abc", 500L, true)]
    [InlineData(FilterOp.Greater, 9L, 10L, true)]
    [InlineData(FilterOp.Greater, "9", 10L, true)]
    [InlineData(FilterOp.Greater, "9", "10", false)]
    [InlineData(FilterOp.Less, 10.5, 10L, true)]
    [InlineData(FilterOp.LessOrEqual, 10L, 10.0, true)]
    [InlineData(FilterOp.GreaterOrEqual, 9007199254740993L, 9007199254740992L, false)]
    [InlineData(FilterOp.Equal, 9007199254740993L, 9007199254740992.0, false)]
    [InlineData(FilterOp.Equal, "9007199254740993", 9007199254740992.0, false)]
    [InlineData(FilterOp.NotEqual, -9007199254740993L, -9007199254740992.0, true)]
    [InlineData(FilterOp.GreaterOrEqual, 9007199254740993L, 9007199254740992.0, false)]
    [InlineData(FilterOp.Less, 9007199254740993L, 9007199254740992.0, true)]
    [InlineData(FilterOp.Greater, -9007199254740993L, -9007199254740992.0, true)]
    [InlineData(FilterOp.LessOrEqual, 9007199254740992L, 9007199254740992.0, true)]
    [InlineData(FilterOp.Less, 5L, null, false)]
    [InlineData(FilterOp.StartsWith, "50", 500L, true)]
    [InlineData(FilterOp.StartsWith, "10000", 1e15, true)]
    [InlineData(FilterOp.Contains, "0.5", 10.5, true)]
    [InlineData(FilterOp.EndsWith, "é", "café", true)]
    [InlineData(FilterOp.Contains, "", "", true)]
    [InlineData(FilterOp.Contains, "", null, false)]
    [InlineData(FilterOp.DoesNotContain, "a", null, true)]
    [InlineData(FilterOp.DoesNotStartWith, "a", "abc", false)]
    [InlineData(FilterOp.Exists, null, "", true)]
    [InlineData(FilterOp.Exists, null, null, false)]
    [InlineData(FilterOp.DoesNotExist, null, null, true)]
    [InlineData(FilterOp.In, "500", 500L, true)]
    [InlineData(FilterOp.NotIn, "500", null, true)]
    public void AComparisonHoldsAsTheContractSays(FilterOp op, object? wanted, object? value, bool holds)
    {
        var condition = new Condition.Match("f", op, wanted is null ? [] : [Field(wanted)]);
        Assert.Equal(holds, ConditionFilter.Holds(condition, _ => Field(value)));
        List<NamedColumn> columns = value switch
        {
            null => [],
            long number => [new("f", ColumnVector.OfIntegers(1, null, [number]))],
            double number => [new("f", ColumnVector.OfFloats(1, null, [number]))],
            bool truth => [new("f", ColumnVector.OfBools(1, null, [truth ? 1 : 0]))],
            _ => [new("f", ColumnVector.OfText(1, null, Utf8Strings.From([(string)value])))],
        };
        ulong[] selection = [1];
        new ConditionFilter(condition).Narrow(new EventBatch([1], null, [0], Utf8Strings.From(["d"]), columns), selection);
        Assert.Equal(holds ? 1UL : 0, selection[0]);
    }

    private static FieldValue Field(object? value) => value switch
    {
        null => FieldValue.Absent,
        long number => FieldValue.Of(number),
        double number => FieldValue.Of(number),
        bool truth => FieldValue.Of(truth),
        _ => FieldValue.Of((string)value),
    };
}
