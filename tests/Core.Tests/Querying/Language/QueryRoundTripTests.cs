using System.Text;
using System.Text.Json;
using CsCheck;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using static StreamObserve.Core.Tests.Querying.Language.QueryShapes;

namespace StreamObserve.Core.Tests.Querying.Language;

public sealed class QueryRoundTripTests
{
    [Fact]
    public void TextLosesNothing() => Specs.Sample(spec =>
    {
        var text = QueryText.Format(spec);
        Assert.DoesNotContain(text, c => char.IsControl(c) || c is '\u2028' or '\u2029');
        Assert.Equal(Describe(spec), Describe(Read(QueryText.Parse(text), text)));
    });

    [Fact]
    public void JsonLosesNothing() => Specs.Sample(spec =>
    {
        var json = QuerySpecJson.Format(spec);
        Assert.Equal(Describe(spec), Describe(Read(QuerySpecJson.Parse(Encoding.UTF8.GetBytes(json)), json)));
    });

    [Fact]
    public void JsonThroughTextComesBackTheSame() => Specs.Sample(spec =>
    {
        var json = QuerySpecJson.Format(spec);
        var text = QueryText.Format(Read(QuerySpecJson.Parse(Encoding.UTF8.GetBytes(json)), json));
        Assert.Equal(json, QuerySpecJson.Format(Read(QueryText.Parse(text), text)));
    });

    [Fact]
    public void ConditionsLoseNothing() => Conditions(5).Sample(condition =>
    {
        var text = ConditionText.Format(condition);
        Assert.Equal(Describe(condition), Describe(ConditionText.Parse(text).Value));
    });

    [Fact]
    public void DeepestConditionsGoThroughBothForms()
    {
        Condition deep = new Condition.Match("a", FilterOp.Exists, []);
        for (var depth = 1; depth < LanguageLimits.ConditionDepthMax; depth++)
        {
            var other = new Condition.Match("b", FilterOp.Exists, []);
            deep = (depth % 3) switch { 0 => new Condition.All([other, deep]), 1 => new Condition.Any([deep, other]), _ => new Condition.Not(deep) };
        }

        var spec = new QuerySpec { Where = deep };
        var json = QuerySpecJson.Format(spec);
        Assert.Equal(Describe(spec), Describe(Read(QueryText.Parse(QueryText.Format(spec)), "text")));
        using var wrapped = JsonDocument.Parse($"[[[{json}]]]");
        Assert.Equal(Describe(spec), Describe(Read(QuerySpecJson.Read(wrapped.RootElement[0][0][0]), json)));
    }

    [Fact]
    public void DamagedTextIsAnErrorAndNeverAnException() =>
        Gen.Select(Specs, Gen.Int[0, 1000], Gen.Int[0, 1000], Constant("", "(", ")", "\"", "`", ",", " AND ", "\\", "\ud800", "LIMIT ", "9e999", "'", "NOT "))
            .Sample((spec, from, length, insert) =>
            {
                var text = QueryText.Format(spec);
                var start = from % (text.Length + 1);
                var end = Math.Min(text.Length, start + length % 8);
                var damaged = text[..start] + insert + text[end..];
                var result = QueryText.Parse(damaged);
                Assert.All(result.Errors, error => Assert.NotEmpty(error.Message));
                if (result.Ok)
                {
                    Assert.Equal(Describe(result.Value), Describe(Read(QueryText.Parse(QueryText.Format(result.Value)), damaged)));
                }
            });

    [Fact]
    public void DamagedJsonIsAnErrorAndNeverAnException() =>
        Gen.Select(Specs, Gen.Int[0, 1000], Gen.Int[0, 1000], Constant("", "null", "[]", "{}", "\"\"", "1", "1e999", "-", "true", "\"\\ud800\"", "\"COUNT\""))
            .Sample((spec, from, length, insert) =>
            {
                var json = QuerySpecJson.Format(spec);
                var start = from % (json.Length + 1);
                var end = Math.Min(json.Length, start + length % 12);
                var result = QuerySpecJson.Parse(Encoding.UTF8.GetBytes(json[..start] + insert + json[end..]));
                Assert.All(result.Errors, error => Assert.NotEmpty(error.Field));
            });

    [Fact]
    public void AnyStringAtAllIsHandled() => Gen.String.Sample(text =>
    {
        _ = QueryText.Parse(text).Errors;
        _ = ConditionText.Parse(text).Errors;
        _ = QuerySpecJson.Parse(Encoding.UTF8.GetBytes(text)).Errors;
    });

    private static QuerySpec Read(Parsed<QuerySpec> parsed, string from)
    {
        Assert.True(parsed.Ok, $"{from}: {string.Join("; ", parsed.Errors)}");
        return parsed.Value;
    }
}
