using System.Text;
using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Expressions;

namespace StreamObserve.Core.Tests.Querying.Expressions;

public sealed class ExpressionParserTests
{
    [Theory]
    [InlineData("2 + 3 * 4 - 6 / 2", "11")]
    [InlineData("10 - 2 - 3", "5")]
    [InlineData("2 * -3", "-6")]
    [InlineData("- 3 + 5", "2")]
    [InlineData("7 % 4 * 2", "6")]
    [InlineData("1 + 1 = 2", "true")]
    [InlineData("1 < 2 = true", "expected an operator or the end, found \"=\" at 6")]
    [InlineData("true OR false AND false", "true")]
    [InlineData("(true OR false) AND false", "false")]
    [InlineData("NOT true OR true", "true")]
    [InlineData("NOT 1 = 2", "true")]
    [InlineData("NOT(true) = false", "true")]
    [InlineData("NOT (1 = 2) AND true", "true")]
    [InlineData("not not true", "true")]
    [InlineData("!false && !!true", "true")]
    [InlineData("!true = false", "true")]
    [InlineData("and(true, or(false, TRUE,),)", "true")]
    [InlineData(".5 + 1e2 + 1.5E-1", "100.65")]
    [InlineData("-9223372036854775808", "-9223372036854775808")]
    [InlineData("'it''s'", "expected an operator or the end, found the text \"s\" at 4")]
    [InlineData("\"a\\tb\\x41\\u00e9\\\\\"", "a\tbAé\\")]
    [InlineData("`\\d\"'`", "\\d\"'")]
    [InlineData("  42\n", "42")]
    public void OperatorsBindAsUsual(string expression, string expected)
    {
        var parsed = CalculatedFields.Parse([new("f", expression)]);
        Assert.Equal(expected, parsed.Ok ? ExpressionRows.Value(expression).ToString() : ExpressionRows.Error(expression));
    }

    [Theory]
    [InlineData("", "expected a value: a field, a function, a number, text, true, false or null, found the end at 0")]
    [InlineData("1 +", "expected a value: a field, a function, a number, text, true, false or null, found the end at 3")]
    [InlineData("(1 + 2", "expected an operator, or ) for the ( at 0, found the end at 6")]
    [InlineData("SUM(1 2)", "expected , or ) after an argument of SUM, found \"2\" at 6")]
    [InlineData("$a $b", "expected an operator or the end, found the field b at 3")]
    [InlineData("1 + AND", "expected a value, found \"AND\" at 4")]
    [InlineData("SUB(1)", "SUB(number, number) takes 2 arguments, not 1 at 0")]
    [InlineData("EVENT_TIMESTAMP(1)", "EVENT_TIMESTAMP() takes no arguments, not 1 at 0")]
    [InlineData("1 + LENGTH()", "LENGTH(text, \"chars\" or \"bytes\") takes 1 to 2 arguments, not 0 at 4")]
    [InlineData("IF(true)", "IF(condition, value, …, else) takes 2 arguments or more, not 1 at 0")]
    [InlineData("REG_MATCH($a, $b)", "the pattern of a regular expression is a constant text, as in REG_MATCH($name, `^GET`) at 0")]
    [InlineData("REG_VALUE($a, `(?=x)`)", "the regular expression (?=x) uses look-around, a back-reference or an atomic group, which are not supported at 0")]
    [InlineData("REG_COUNT($a, `(a{100}){200}`)", "the regular expression (a{100}){200} has more than 10000 symbols with its repeats written out; repeat less at 0")]
    [InlineData("BUCKET($a, $b)", "the size, min and max of BUCKET are constant numbers, as in BUCKET($duration_ms, 100, 0, 1000) at 0")]
    [InlineData("BUCKET($a, 0)", "the size of BUCKET must be above 0 at 0")]
    [InlineData("BUCKET($a, 1, 5, 5)", "the min of BUCKET must be below its max at 0")]
    [InlineData("FORMAT_TIME($a, 1)", "the format of FORMAT_TIME is a constant text, as in FORMAT_TIME(\"%Y-%m-%d\", EVENT_TIMESTAMP()) at 0")]
    [InlineData("FORMAT_TIME('%', 1)", "the format % ends in a lone %; %% is a percent sign at 0")]
    [InlineData("LENGTH($a, 'words')", "LENGTH counts \"chars\" or \"bytes\" at 0")]
    [InlineData("INGEST_TIMESTAMP()", "INGEST_TIMESTAMP() can't be answered: the moment at which an event arrived is not stored; EVENT_TIMESTAMP() is the event's own time at 0")]
    [InlineData("'open", "the ' is never closed at 0")]
    [InlineData("\"\\q\"", "unknown escape \\q; backticks keep text as it is: `\\d+` at 1")]
    [InlineData("'\\ud800'", "the text is not valid Unicode at 0")]
    [InlineData("$", "expected a field's name after $, as in $duration_ms or $\"http response\" at 0")]
    [InlineData("1 ; 2", "unexpected \";\" at 2")]
    [InlineData("1st", "a number and a name run together in \"1s\"; a field that starts with a digit is written $\"1st\" at 0")]
    [InlineData("1e999", "the number 1e999 is too large at 0")]
    [InlineData("$root.name", "root.name is a field of a related span; an expression sees one event alone, and root. belongs in filters and breakdowns at 0")]
    [InlineData("$f + 1", "f names itself; give the calculated field another name than the field that it is made from at 0")]
    public void AnErrorSaysWhereAndWhatWasExpected(string expression, string message) => Assert.Equal(message, ExpressionRows.Error(expression));

    [Fact]
    public void AnUnknownFunctionIsNamedWithThoseThatThereAre()
    {
        var message = ExpressionRows.Error("1 + AVG($a)");
        Assert.StartsWith("there is no function AVG; there are IF SWITCH COALESCE LT ", message, StringComparison.Ordinal);
        Assert.EndsWith(" FORMAT_TIME at 4", message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALaterFieldMayUseAnEarlierOneButNotTheOtherWayRound()
    {
        Assert.True(CalculatedFields.Parse([new("a", "1"), new("b", "a + $a")]).Ok);
        var error = Assert.Single(CalculatedFields.Parse([new("a", "1 + $b"), new("b", "2")]).Errors);
        Assert.Equal("calculated_fields[0].expression", error.Field);
        Assert.Equal("a: b is a later calculated field; move it before this one at 4 of the expression", error.Message);
    }

    [Fact]
    public void EveryWrongExpressionIsReported()
    {
        var errors = CalculatedFields.Parse([new("a", "1 +"), new("b", "a"), new("c", ")"), new("any.d", "1")]).Errors;
        Assert.Equal(["calculated_fields[0].expression", "calculated_fields[2].expression", "calculated_fields[3].name"], errors.Select(error => error.Field));
    }

    [Theory]
    [InlineData("$user-agent", "user-agent")]
    [InlineData("$http/path", "http/path")]
    [InlineData("$\"1st token\"", "1st token")]
    [InlineData("$`a\\b`", "a\\b")]
    [InlineData("$trace.trace_id", "trace.trace_id")]
    [InlineData("min", "min")]
    [InlineData("größe", "größe")]
    public void AFieldIsNamed(string expression, string name) => Assert.Equal(new Expression.Stored(name), ExpressionRows.Compile(expression)[0]);

    [Theory]
    [InlineData("$a-1")]
    [InlineData("$a-$b")]
    [InlineData("$a - b")]
    [InlineData("$a/$b")]
    [InlineData("a/b")]
    public void AnOperatorBesideAFieldIsNoPartOfItsName(string expression) =>
        Assert.Equal(new Expression.Stored("a"), Assert.IsType<Expression.Call>(ExpressionRows.Compile(expression)[0]).Arguments[0]);

    [Fact]
    public void ConstantPartsAreFolded()
    {
        var folded = Assert.IsType<Expression.Constant>(ExpressionRows.Compile("CONCAT(\"a\", 1 + 2, REG_VALUE(\"xyz\", `y`))")[0]);
        Assert.Equal("a3y", folded.Text);
    }

    [Fact]
    public void BoundsAreKept()
    {
        Assert.Contains("64 levels deep", ExpressionRows.Error(new string('(', 200) + "1" + new string(')', 200)), StringComparison.Ordinal);
        Assert.Contains("64 levels deep", ExpressionRows.Error(new string('!', 200) + "1"), StringComparison.Ordinal);
        Assert.Contains("2000 functions and values", ExpressionRows.Error(string.Join(" + ", Enumerable.Repeat("$a", 1_500))), StringComparison.Ordinal);
        Assert.Contains("16384 characters", ExpressionRows.Error(new string(' ', 20_000)), StringComparison.Ordinal);
        Assert.Contains("1000 characters", ExpressionRows.Error($"REG_MATCH($a, '{new string('a', 1_001)}')"), StringComparison.Ordinal);
        var longest = ExpressionRows.Value($"CONCAT('{new string('é', 8_000)}', '')");
        Assert.Equal(8_000, longest.AsString.Length);
    }

    [Fact]
    public void ALongChainIsEvaluated()
    {
        var value = ExpressionRows.Column(new EventBatch([0], null, [0], Utf8Strings.From(["d"]), []), ExpressionRows.Compile("EVENT_TIMESTAMP()" + string.Concat(Enumerable.Repeat(" - 1", 900))), "f0");
        Assert.Equal(FieldValue.Of(-900L), Assert.Single(value));
    }

    [Fact]
    public void TextThatIsMadeIsCutAtACharactersEdge()
    {
        // Each field doubles the one before: 1 + 2 * 2^15 bytes and more, were it not for the bound.
        var names = new List<NamedExpression> { new("f0", "'aé'") };
        for (var i = 1; i <= 40; i++)
        {
            names.Add(new($"f{i}", $"CONCAT(f{i - 1}, f{i - 1}, IF(EVENT_TIMESTAMP() < 0, 'é'))"));
        }

        var batch = new EventBatch([0], null, [0], Utf8Strings.From(["d"]), []);
        var text = ExpressionRows.Column(batch, CalculatedFields.Parse(names).Value, "f40")[0].AsString;
        Assert.InRange(Encoding.UTF8.GetByteCount(text), ExpressionLimits.TextBytesMax - 1, ExpressionLimits.TextBytesMax);
        Assert.EndsWith("aé", text.TrimEnd('a'), StringComparison.Ordinal);
    }

    [Fact]
    public void AnyTextIsReadOrRefusedWithOneError() => Gen.OneOf(
        Gen.Char["$ab1.(),+-*/%=<>!&|'\"`\\ \n{}[]?é\ud83d\0"].Array[0, 30].Select(chars => new string(chars)),
        Words("IF(", "$a", "1", "+", "NOT", "(", ")", ",", "AND", "'x'", "REG_MATCH(", "`[`", "SUM(", "-", "!", "=", "BUCKET(", "null", "FORMAT_TIME('%Q',").Array[0, 20].Select(words => string.Join(' ', words)))
        .Sample(
            text =>
            {
                var parsed = CalculatedFields.Parse([new("f", text)]);
                Assert.True(parsed.Ok || parsed.Errors.Count == 1);
            },
            iter: 20_000);

    private static Gen<string> Words(params string[] words) => Gen.Int[0, words.Length - 1].Select(i => words[i]);
}
