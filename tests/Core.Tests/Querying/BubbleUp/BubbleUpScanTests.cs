using System.Globalization;
using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.BubbleUp;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Filters;
using StreamObserve.Core.Tests.Events;
using StreamObserve.Core.Tests.Querying.Execution;

namespace StreamObserve.Core.Tests.Querying.BubbleUp;

public sealed class BubbleUpScanTests
{
    private static readonly Gen<(int Seed, int Count, int PerRecord)> Cases = Gen.Select(Gen.Int, Gen.Int[1, 150], Gen.OneOf(Gen.Int[1, 9], Gen.Int[30, 200]));

    [Fact]
    public void AScanOfBatchesOrABlockCountsWhatTheEventsSay() => Cases.Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var batches = Batches.Of(events, 1, perRecord)[0];
        var block = Batches.Seal(batches);
        var queries = new QueryMaker(seed);
        for (var i = 0; i < 6; i++)
        {
            var (plan, selection) = Question(queries, i);
            var expected = Reference(plan, selection, events);
            PartialResultState.AssertSame(expected, State(Scan(plan, selection, batches)));
            PartialResultState.AssertSame(expected, State(Scan(plan, selection, [block])));
        }
    }, iter: 60);

    [Fact]
    public void ThreeLeavesMergedGiveWhatOneGivesInAnyOrderAndThroughBytes() => Cases.Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var leaves = Batches.Of(events, 3, perRecord);
        var queries = new QueryMaker(seed);
        for (var i = 0; i < 4; i++)
        {
            var (plan, selection) = Question(queries, i);
            var whole = Scan(plan, selection, Batches.Of(events, 1, perRecord)[0]);
            var expected = State(whole);
            BubbleUpResult[] Parts() => [.. leaves.Select(leaf => Scan(plan, selection, leaf))];

            PartialResultState.AssertSame(expected, State(Merged(Parts())));
            PartialResultState.AssertSame(expected, State(Merged([.. Parts().Reverse()])));
            var written = Merged([.. Parts().Select(Written), new BubbleUpResult()]);
            PartialResultState.AssertSame(expected, State(written));
            Assert.Equal(Parts().Sum(part => part.RowsRead), written.RowsRead);
            Assert.Equal(whole.Selection.EffectiveRows, written.Selection.EffectiveRows, 6);
            Assert.Equal(whole.Baseline.EffectiveRows, written.Baseline.EffectiveRows, 6);
        }
    }, iter: 40);

    [Fact]
    public void SelectionAndBaselineTogetherArePlainCounts() => Cases.Sample((seed, count, perRecord) =>
    {
        var events = new EventMaker(seed).Many(count);
        var batches = Batches.Of(events, 1, perRecord)[0];
        var queries = new QueryMaker(seed);
        var (plan, selection) = Question(queries, seed & 3);
        var result = Scan(plan, selection, batches);
        var counted = new LeafPlan(plan.Dataset ?? LeafPlan.AllDatasets, plan.Spec with { Breakdowns = [], Calculations = [Calculation.Count] }, plan.Time);
        var plain = PartialResultState.Scan(counted, batches);
        double rows = 0, weight = 0;
        for (var cell = 0; cell < plain.Cells; cell++)
        {
            rows += plain.Count.Rows(cell);
            weight += plain.Count.Weight(cell);
        }

        Assert.Equal(rows, result.Selection.Rows + result.Baseline.Rows);
        Assert.Equal(weight, result.Selection.Events + result.Baseline.Events, 6);
    }, iter: 60);

    [Fact]
    public void RowsOfOneTraceCountAsOneObservation()
    {
        var events = Enumerable.Range(0, 90).Select(i => Planted.Event(i, ("trace.trace_id", FieldValue.Of($"{i / 9:x32}")), ("slow", FieldValue.Of(i < 45)))).ToList();
        events.AddRange(Enumerable.Range(90, 7).Select(i => Planted.Event(i, ("slow", FieldValue.Of(true)))));
        var result = Scan(Planted.Plan, BubbleUpSelection.Group([new("slow", FieldValue.Of(true))]), Batches.Of(events)[0]);
        Assert.Equal(52, result.Selection.Rows);
        Assert.Equal(5 + 7, result.Selection.EffectiveRows, 6);
        Assert.Equal(5, result.Baseline.EffectiveRows, 6);
    }

    [Fact]
    public void MoreTextsThanAreKeptLeaveTheHeavyOnesAndTheirShares()
    {
        var events = Enumerable.Range(0, 20_000)
            .Select(i => Planted.Event(i, ("id", FieldValue.Of(i % 4 == 0 ? "heavy" : $"id {i}")), ("slow", FieldValue.Of(i % 20 == 0)))).ToList();
        var selection = BubbleUpSelection.Group([new("slow", FieldValue.Of(true))]);
        foreach (var segments in (IReadOnlyList<IRowSegment>[])[Batches.Of(events, 1, 3_000)[0], [Batches.Seal(Batches.Of(events, 1, 5_000)[0])]])
        {
            var writer = new ByteWriter();
            var result = Scan(Planted.Plan, selection, segments);
            result.Export(writer);
            Assert.InRange(writer.Length, 0, 120_000);
            var id = BubbleUpRanking.Rank(result, selection).Dimensions.Single(dimension => dimension.Column == "id");
            Assert.Equal("heavy", id.Values[0].Value.AsString);
            Assert.Equal(1, id.Values[0].Selection, 2);
            Assert.Equal((5_000d - 1_000) / 19_000, id.Values[0].Baseline, 2);
        }
    }

    [Fact]
    public void VeryManyFieldsOfLongTextsStayWithinOneMessage()
    {
        const int Rows = 80;
        var events = Enumerable.Range(0, Rows).ToList();
        var segments = Enumerable.Range(0, 2).Select(segment => new EventBatch(
            [.. events.Select(row => EventMaker.StartNs + row)], null, new int[Rows], Utf8Strings.From(["d"]),
            [
                .. Enumerable.Range(0, 1_250).Select(field => new NamedColumn(
                    $"text {segment} {field}", ColumnVector.OfText(Rows, null, Utf8Strings.From(events.Select(row => new string((char)('a' + (row % 26)), 300) + row))))),
                .. Enumerable.Range(0, 250).Select(field => new NamedColumn($"number {segment} {field}", ColumnVector.OfFloats(Rows, null, [.. events.Select(row => Math.Pow(1.5, row))]))),
            ]));
        var result = Scan(Planted.Plan, new(EventMaker.StartNs, EventMaker.StartNs + 20, null), segments);
        Assert.True(result.HasMoreFields);
        Assert.Equal(BubbleUpLimits.FieldsMax, result.Fields.Count);
        var writer = new ByteWriter();
        result.Export(writer);
        Assert.InRange(writer.Length, 1, 24 << 20);
        var read = BubbleUpResult.Read(writer.Written);
        read.Merge(Written(read));
        Assert.Equal((BubbleUpLimits.FieldsMax, result.Selection.Rows * 2), (read.Fields.Count, read.Selection.Rows));
        Assert.All(read.Fields, field => Assert.InRange(field.Texts?.Count ?? 0, 0, 2 * BubbleUpLimits.ValuesMin));
    }

    [Fact]
    public void ADamagedResultIsRefused()
    {
        var writer = new ByteWriter();
        Scan(Planted.Plan, new(null, null, null), Batches.Of(new EventMaker(3).Many(40))[0]).Export(writer);
        for (var length = 0; length < writer.Length; length += 7)
        {
            var cut = writer.Written[..length].ToArray();
            Assert.ThrowsAny<Exception>(() => BubbleUpResult.Read(cut) is { } read ? throw new InvalidOperationException($"{length} of the bytes read as {read.RowsRead} rows") : 0);
        }

        byte[] later = [2, .. writer.Written[1..]];
        Assert.Throws<FormatException>(() => BubbleUpResult.Read(later));
    }

    internal static BubbleUpResult Scan(LeafPlan plan, BubbleUpSelection selection, IEnumerable<IRowSegment> segments)
    {
        var result = new BubbleUpResult();
        var scan = new BubbleUpScan(plan, selection, result);
        foreach (var segment in segments)
        {
            scan.Add(segment, plan.Time.StartNs, plan.Time.EndNs);
        }

        return result;
    }

    private static (LeafPlan Plan, BubbleUpSelection Selection) Question(QueryMaker queries, int i)
    {
        var plan = queries.Plan();
        var middle = plan.Time.StartNs + ((plan.Time.EndNs - plan.Time.StartNs) / 2);
        return (plan, i switch
        {
            0 => BubbleUpSelection.Box(plan.Time.StartNs, middle, "duration_ms", 100, null),
            1 => BubbleUpSelection.Group([new("name", FieldValue.Of("GET")), new("error", FieldValue.Absent)]),
            2 => new(middle, null, null),
            _ => new(null, null, queries.Condition(1)),
        });
    }

    private static BubbleUpResult Merged(params BubbleUpResult[] parts)
    {
        var merged = new BubbleUpResult();
        foreach (var part in parts)
        {
            merged.Merge(part);
        }

        return merged;
    }

    private static BubbleUpResult Written(BubbleUpResult result)
    {
        var writer = new ByteWriter();
        result.Export(writer);
        return BubbleUpResult.Read(writer.Written);
    }

    /// <summary>One line a side, field and value, in an order of their own.</summary>
    private static List<string> State(BubbleUpResult result)
    {
        var lines = new List<string> { Line("rows", "", result.Selection.Rows, result.Baseline.Rows), Line("events", "", result.Selection.Events, result.Baseline.Events) };
        foreach (var field in result.Fields)
        {
            lines.Add(Line(field.Name, "(rows)", field.Rows, 0));
            lines.Add(Line(field.Name, "(present)", field.Present(0), field.Present(1)));
            lines.Add(Line(field.Name, "Bool:false", field.Bool(false, 0), field.Bool(false, 1)));
            lines.Add(Line(field.Name, "Bool:true", field.Bool(true, 0), field.Bool(true, 1)));
            for (var i = 0; i < (field.Texts?.Count ?? 0); i++)
            {
                lines.Add(Line(field.Name, $"String:{field.Texts!.Text(i)}", field.Texts.Weight(i, 0), field.Texts.Weight(i, 1)));
            }

            if (field.Numbers is { IsTooMany: true })
            {
                lines.Add(Line(field.Name, "(many numbers)", 0, 0));
            }

            for (var i = 0; i < (field.Numbers?.Count ?? 0); i++)
            {
                lines.Add(Line(field.Name, Number(field.Numbers!.Number(i)), field.Numbers.Weight(i, 0), field.Numbers.Weight(i, 1)));
            }

            lines.Add(Line(field.Name, "(numbers)", field.Measure?[0].Count ?? 0, field.Measure?[1].Count ?? 0));
        }

        return Sorted(lines);
    }

    private static List<string> Reference(LeafPlan plan, BubbleUpSelection selection, IEnumerable<ModelEvent> events)
    {
        var counts = new Dictionary<(string Field, string Value), double[]>();
        double[] At(string field, string value) => counts.TryGetValue((field, value), out var known) ? known : counts[(field, value)] = new double[2];
        var numbers = new Dictionary<string, HashSet<double>>();
        _ = (At("rows", ""), At("events", ""));
        foreach (var e in events)
        {
            if (e.TimeNs < plan.Time.StartNs || e.TimeNs >= plan.Time.EndNs || (plan.Dataset is not null && plan.Dataset != e.Dataset)
                || (plan.Spec.Where is { } where && !ConditionFilter.Holds(where, field => e[field])))
            {
                continue;
            }

            var isSelected = e.TimeNs >= (selection.StartNs ?? long.MinValue) && e.TimeNs < (selection.EndNs ?? long.MaxValue)
                && (selection.Where is null || ConditionFilter.Holds(selection.Where, field => e[field]));
            var side = isSelected ? 0 : 1;
            var weight = plan.Spec.UsageMode ? 1 : e.Weight;
            At("rows", "")[side]++;
            At("events", "")[side] += weight;
            IEnumerable<KeyValuePair<string, FieldValue>> fields = plan.Dataset is null && !e.Fields.ContainsKey("dataset") ? e.Fields.Append(new("dataset", FieldValue.Of(e.Dataset))) : e.Fields;
            foreach (var (name, value) in fields)
            {
                At(name, "(rows)")[0]++;
                At(name, "(present)")[side] += weight;
                _ = (At(name, "Bool:false"), At(name, "Bool:true"));
                At(name, "(numbers)")[side] += value.IsNumber ? weight : 0;
                At(name, value.IsNumber ? Number(value.AsDouble) : $"{value.Kind}:{value}")[side] += weight;
                if (value.IsNumber)
                {
                    (numbers.TryGetValue(name, out var known) ? known : numbers[name] = []).Add(value.AsDouble);
                }
            }
        }

        foreach (var (name, _) in numbers.Where(field => field.Value.Count > BubbleUpLimits.NumbersMax))
        {
            foreach (var key in counts.Keys.Where(key => key.Field == name && key.Value.StartsWith("Number:", StringComparison.Ordinal)).ToList())
            {
                counts.Remove(key);
            }

            _ = At(name, "(many numbers)");
        }

        return Sorted([.. counts.Select(count => Line(count.Key.Field, count.Key.Value, count.Value[0], count.Value[1]))]);
    }

    // Fields of which no row is on either side have nothing to say.
    private static List<string> Sorted(List<string> lines)
    {
        lines.RemoveAll(line => line.EndsWith("= 0 0", StringComparison.Ordinal));
        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    private static string Number(double value) => "Number:" + (value + 0.0).ToString("R", CultureInfo.InvariantCulture);

    private static string Line(string field, string value, double selection, double baseline) =>
        string.Create(CultureInfo.InvariantCulture, $"[{field}] [{value}] = {Math.Round(selection, 6)} {Math.Round(baseline, 6)}");
}
