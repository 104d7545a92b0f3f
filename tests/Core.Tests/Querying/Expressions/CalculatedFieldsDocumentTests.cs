using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Expressions;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Querying.Expressions;

/// <summary>The examples of docs/calculated-fields.md.</summary>
public sealed partial class CalculatedFieldsDocumentTests
{
    public static TheoryData<string, string> Examples()
    {
        var data = new TheoryData<string, string>();
        foreach (var line in Text().Split('\n'))
        {
            if (line.Split(" → ") is [var expression, var value])
            {
                data.Add(expression, value);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void AnExampleHasTheValueThatThePageSays(string expression, string value)
    {
        var router = new EventRouter(1);
        var refusals = new Refusals();
        router.Append(Encoding.UTF8.GetBytes(JsonBlock().Match(Text()).Groups[1].Value.Trim()), PayloadEncoding.Json, Batches.Source, refusals);
        Assert.Empty(refusals.All);
        Assert.True(router.TryTakeBatch(0, out var record));
        var event1 = new EventBatchReader().Read(record);

        var actual = Assert.Single(ExpressionRows.Column(event1, ExpressionRows.Compile(expression), "f0"));
        using var expected = JsonDocument.Parse(value);
        Assert.Equal(Value(expected.RootElement), actual);
    }

    [Fact]
    public void EveryFunctionIsExplainedAndHasAnExample()
    {
        var examples = Text().Split('\n').Where(line => line.Contains(" → ", StringComparison.Ordinal)).ToList();
        Assert.All(ExpressionFunctions.All, info =>
        {
            Assert.Contains($"`{info.Name}", Text(), StringComparison.Ordinal);
            Assert.True(info.Function == ExpressionFunction.IngestTimestamp || examples.Exists(example => example.Contains(info.Name + "(", StringComparison.Ordinal)), info.Name);
        });
    }

    private static FieldValue Value(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => FieldValue.Of(json.GetString()!),
        JsonValueKind.Number => json.TryGetInt64(out var integer) ? FieldValue.Of(integer) : FieldValue.Of(json.GetDouble()),
        JsonValueKind.Null => FieldValue.Absent,
        _ => FieldValue.Of(json.GetBoolean()),
    };

    private static string Text([CallerFilePath] string file = "") => File.ReadAllText(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "../../../../docs/calculated-fields.md")));

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex JsonBlock();
}
