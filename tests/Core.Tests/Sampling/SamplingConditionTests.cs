using System.Text;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class SamplingConditionTests
{
    // op, datatype, condition's value, row's value (both JSON; "" = the row lacks the field), whether it matches.
    [Theory]
    [InlineData("=", "", "1", "1", true)]
    [InlineData("=", "", "1", "1.0", true)]
    [InlineData("=", "", "1", "2", false)]
    [InlineData("=", "", "1", "\"1\"", false)]
    [InlineData("=", "", "\"1\"", "1", false)]
    [InlineData("=", "", "true", "true", true)]
    [InlineData("=", "", "true", "false", false)]
    [InlineData("=", "", "true", "\"true\"", false)]
    [InlineData("=", "", "true", "1", false)]
    [InlineData("=", "", "\"a\"", "\"a\"", true)]
    [InlineData("=", "", "\"a\"", "\"A\"", false)]
    [InlineData("=", "", "1", "", false)]
    [InlineData("=", "", "9007199254740993", "9007199254740992", false)]
    [InlineData("!=", "", "1", "2", true)]
    [InlineData("!=", "", "1", "1", false)]
    [InlineData("!=", "", "1", "1.5", true)]
    [InlineData("!=", "", "1", "\"2\"", false)]
    [InlineData("!=", "", "\"a\"", "\"b\"", true)]
    [InlineData("!=", "", "true", "false", true)]
    [InlineData("!=", "", "1", "", false)]
    [InlineData(">", "", "1000", "1000.5", true)]
    [InlineData(">", "", "1000", "1000", false)]
    [InlineData(">", "", "1000", "\"2000\"", false)]
    [InlineData(">", "", "\"b\"", "\"c\"", true)]
    [InlineData(">", "", "false", "true", true)]
    [InlineData(">", "", "1000", "", false)]
    [InlineData("<", "", "1000", "999", true)]
    [InlineData("<", "", "1000", "1000", false)]
    [InlineData("<", "", "\"b\"", "\"a\"", true)]
    [InlineData("<", "", "0", "", false)]
    [InlineData(">=", "", "1000", "1000", true)]
    [InlineData(">=", "", "1000", "999.9", false)]
    [InlineData("<=", "", "1000", "1000", true)]
    [InlineData("<=", "", "1000", "1000.1", false)]
    [InlineData("<=", "", "-1.5", "-2", true)]
    [InlineData("=", "string", "500", "500", true)]
    [InlineData("=", "string", "500", "\"500\"", true)]
    [InlineData("=", "string", "true", "true", true)]
    [InlineData("=", "string", "\"true\"", "true", true)]
    [InlineData("=", "string", "\"\"", "", false)]
    [InlineData("!=", "string", "\"a\"", "\"b\"", true)]
    [InlineData("!=", "string", "\"a\"", "", true)]
    [InlineData("!=", "string", "500", "\"500\"", false)]
    [InlineData(">", "string", "\"5\"", "10", false)]
    [InlineData("<", "string", "\"5\"", "10", true)]
    [InlineData(">=", "string", "\"5\"", "5", true)]
    [InlineData("=", "int", "500", "\"500\"", true)]
    [InlineData("=", "int", "500", "500.9", true)]
    [InlineData("=", "int", "\"500\"", "500", true)]
    [InlineData("=", "int", "500", "\"abc\"", false)]
    [InlineData("!=", "int", "500", "\"abc\"", false)]
    [InlineData("!=", "int", "500", "\"501\"", true)]
    [InlineData("!=", "int", "1", "true", false)]
    [InlineData("!=", "int", "1", "", false)]
    [InlineData(">", "int", "9", "\"10\"", true)]
    [InlineData("<", "int", "9", "\"8.5\"", false)]
    [InlineData(">=", "int", "9", "9.9", true)]
    [InlineData("<=", "int", "9", "9.9", true)]
    [InlineData("=", "float", "1.5", "\"1.5\"", true)]
    [InlineData("=", "float", "\"1e3\"", "1000", true)]
    [InlineData("!=", "float", "1.5", "\"x\"", false)]
    [InlineData("!=", "float", "1.5", "2", true)]
    [InlineData(">", "float", "1.5", "\"1.6\"", true)]
    [InlineData("<", "float", "1.5", "true", false)]
    [InlineData("=", "bool", "true", "\"true\"", true)]
    [InlineData("=", "bool", "\"true\"", "true", true)]
    [InlineData("=", "bool", "true", "1", true)]
    [InlineData("=", "bool", "false", "\"F\"", true)]
    [InlineData("=", "bool", "false", "\"maybe\"", false)]
    [InlineData("!=", "bool", "false", "\"maybe\"", false)]
    [InlineData("!=", "bool", "true", "\"false\"", true)]
    [InlineData("!=", "bool", "true", "", false)]
    [InlineData("starts-with", "", "\"GET \"", "\"GET /cart\"", true)]
    [InlineData("starts-with", "", "\"GET \"", "\"get /cart\"", false)]
    [InlineData("starts-with", "", "5", "503", true)]
    [InlineData("starts-with", "", "\"5\"", "503.5", true)]
    [InlineData("starts-with", "", "\"\"", "\"x\"", true)]
    [InlineData("starts-with", "", "\"\"", "", false)]
    [InlineData("contains", "", "\"cart\"", "\"GET /cart\"", true)]
    [InlineData("contains", "", "\"Cart\"", "\"GET /cart\"", false)]
    [InlineData("contains", "", "0", "503", true)]
    [InlineData("contains", "", "\"ru\"", "true", true)]
    [InlineData("contains", "", "\"\"", "", false)]
    [InlineData("does-not-contain", "", "\"cart\"", "\"GET /cart\"", false)]
    [InlineData("does-not-contain", "", "\"cart\"", "\"GET /\"", true)]
    [InlineData("does-not-contain", "", "\"cart\"", "", true)]
    [InlineData("does-not-contain", "", "9", "503", true)]
    [InlineData("exists", "", "", "0", true)]
    [InlineData("exists", "", "", "\"\"", true)]
    [InlineData("exists", "", "", "", false)]
    [InlineData("not-exists", "", "", "false", false)]
    [InlineData("not-exists", "", "", "", true)]
    [InlineData("matches", "", "\"^GET /(cart|pay)$\"", "\"GET /pay\"", true)]
    [InlineData("matches", "", "\"^GET /(cart|pay)$\"", "\"GET /pays\"", false)]
    [InlineData("matches", "", "\"5..\"", "503", true)]
    [InlineData("matches", "", "\".*\"", "", false)]
    [InlineData("in", "", "[\"a\",\"b\"]", "\"b\"", true)]
    [InlineData("in", "", "[\"a\",\"b\"]", "\"c\"", false)]
    [InlineData("in", "", "[500,503]", "503", true)]
    [InlineData("in", "", "[500,503]", "\"503\"", true)]
    [InlineData("in", "", "[\"500\"]", "500", true)]
    [InlineData("in", "", "\"a\"", "\"a\"", true)]
    [InlineData("in", "", "[true]", "true", true)]
    [InlineData("in", "", "[\"\"]", "", false)]
    [InlineData("in", "int", "[500,\"503\"]", "503.7", true)]
    [InlineData("in", "int", "[500]", "\"x\"", false)]
    [InlineData("in", "float", "[1.5,2]", "\"2.0\"", true)]
    [InlineData("in", "string", "[1.5]", "1.5", true)]
    [InlineData("not-in", "", "[\"a\",\"b\"]", "\"b\"", false)]
    [InlineData("not-in", "", "[\"a\",\"b\"]", "\"c\"", true)]
    [InlineData("not-in", "", "[\"a\",\"b\"]", "", true)]
    [InlineData("not-in", "int", "[500]", "\"x\"", true)]
    [InlineData("not-in", "int", "[500]", "\"500\"", false)]
    [InlineData("not-in", "float", "[1.5]", "1.5", false)]
    public void ARowMatchesAsInRefinery(string op, string datatype, string conditionValue, string rowValue, bool matches)
    {
        var condition = Policies.Condition("f", op, conditionValue, datatype);
        Assert.Equal(matches, condition.Matches(Policies.Value(rowValue)));
    }

    [Fact]
    public void TheRootPrefixIsTakenOffTheField()
    {
        var condition = Policies.Condition("root.http.route", "exists", "");
        Assert.True(condition.RootOnly);
        Assert.Equal("http.route", condition.Field);
        Assert.False(Policies.Condition("http.root.route", "exists", "").RootOnly);
    }

    [Fact]
    public void APatternThatWouldBacktrackForeverAnswersAtOnce()
    {
        var condition = Policies.Condition("f", "matches", "\"^(a+)+$\"");
        Assert.False(condition.Matches(FieldValue.Of(new string('a', 20_000) + "!")));
    }

    [Fact]
    public void HavingARootIsNotAskedOfARow() =>
        Assert.Throws<InvalidOperationException>(() => Policies.Condition("", "has-root-span", "true").Matches(FieldValue.Absent));
}
