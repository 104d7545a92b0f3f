using System.Text;
using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.State;

namespace StreamObserve.Processors.Tests.State;

public sealed class RowConditionsTests
{
    private static readonly string[] Fields = ["status", "route", "error", "root.route", "root.status"];

    /// <summary>Values of several types under one name, as wide events have them.</summary>
    private static readonly Gen<string> Value = OneOf("1", "200", "500", "2.5", "1e3", "-0.0", "9007199254740991", "9007199254740993", "9007199254740994.5", "-9223372036854775808", "true", "false", "\"\"", "\"200\"", "\"/cart\"", "\"/pay\"", "\"true\"", "null");

    private static readonly Gen<string> Event =
        from status in Value
        from route in Value
        from error in Value
        from hasParent in Gen.Bool
        from absent in Gen.Int[0, 7]
        select "{"
            + string.Join(',', ((string?[])[
                (absent & 1) == 0 ? $"\"status\":{status}" : null,
                (absent & 2) == 0 ? $"\"route\":{route}" : null,
                (absent & 4) == 0 ? $"\"error\":{error}" : null,
                hasParent ? "\"trace.parent_id\":\"00f067aa0ba902b7\"" : null,
                "\"trace.trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\""]).Where(part => part is not null))
            + "}";

    private static readonly Gen<string> ConditionText =
        from field in OneOf(Fields)
        from op in OneOf("=", "!=", ">", "<", ">=", "<=", "starts-with", "contains", "does-not-contain", "exists", "not-exists", "in", "not-in")
        from value in OneOf("1", "0", "200", "2.5", "9007199254740991", "9007199254740992", "9007199254740993", "1e16", "-9223372036854775808", "true", "\"200\"", "\"/cart\"", "\"/p\"")
        select op switch
        {
            "exists" or "not-exists" => $$"""{"field":"{{field}}","op":"{{op}}"}""",
            "in" or "not-in" => $$"""{"field":"{{field}}","op":"{{op}}","value":[{{value}},"x"]}""",
            "starts-with" or "contains" or "does-not-contain" => $$"""{"field":"{{field}}","op":"{{op}}","value":"{{value.Trim('"')}}"}""",
            _ => $$"""{"field":"{{field}}","op":"{{op}}","value":{{value}}}""",
        };

    private static readonly Gen<string> Rule =
        from scope in OneOf("trace", "span")
        from conditions in ConditionText.Array[1, 3]
        from number in Gen.Int[0, 1 << 30]
        select $$"""{"name":"r{{number}}","scope":"{{scope}}","keep":true,"conditions":[{{string.Join(',', conditions)}}]}""";

    private static Gen<string> OneOf(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    [Fact]
    public void ByColumnIsTheSameAsRowByRow()
    {
        var compared = 0;
        var refused = 0;
        var conditions = new RowConditions();
        Gen.Select(Event.Array[1, 40], Rule.Array[1, 4]).Sample((events, rules) =>
        {
            var json = "{\"version\":1,\"policies\":{\"__default__\":{\"rules\":[" + string.Join(',', rules) + "]}}}";
            if (!SamplingPolicySet.TryParse(Encoding.UTF8.GetBytes(json), out var set, out _))
            {
                refused++;
                return;     // a list of mixed types, a comparison of texts: the reader says no
            }

            var router = new EventRouter(1);
            foreach (var text in events)
            {
                Assert.Equal(1, router.Append(Encoding.UTF8.GetBytes(text), PayloadEncoding.Json, new("shop", "shop", TestState.StartMs * 1_000_000), NoRefusal.Instance));
            }

            Assert.True(router.TryTakeBatch(0, out var record));
            using var reader = new EventBatchReader();
            var batch = reader.Read(record);
            foreach (var rows in (IRowSegment[])[batch, reader.View(reader.Layout(record)!)])
            {
                var bits = conditions.Bits(rows, set.Compiled, RowConditions.Roots(rows, "trace.parent_id"));
                for (var row = 0; row < batch.Rows; row++)
                {
                    var one = new BatchRow(batch, row);
                    Assert.Equal(set.Compiled.BitsOf(in one), bits[row]);
                    compared++;
                }
            }
        }, threads: 1);
        Assert.True(compared > 100, $"{compared} rows compared, {refused} policies refused");
    }

    private readonly record struct BatchRow(EventBatch Batch, int Row) : ISamplingRow
    {
        public bool IsRoot => ValueOf("trace.parent_id").Kind == FieldKind.Absent;

        public FieldValue ValueOf(string field)
        {
            var columns = new List<ColumnVector>();
            Batch.GetColumns(field, columns);
            foreach (var column in columns)
            {
                if (column.Has(Row))
                {
                    return column.Value(column.Rank(Row));
                }
            }

            return FieldValue.Absent;
        }
    }

    private sealed class NoRefusal : IRefusalSink
    {
        public static NoRefusal Instance { get; } = new();

        public void Refuse(int index, string reason, string detail, ReadOnlySpan<byte> bytes) => Assert.Fail($"{reason}: {detail}");
    }
}
