using StreamObserve.Core.Querying.Expressions;

namespace StreamObserve.Core.Tests.Querying.Expressions;

public sealed class RegexPatternTests
{
    [Theory]
    [InlineData(@"(?P<kind>[a-z]+)-(\d+)", "cart-12", "cart")]
    [InlineData(@"(?<kind>[a-z]+)-(\d+)", "cart-12", "cart")]
    [InlineData(@"[(?P<x>]+", "a?P<b", "?P<")]
    [InlineData(@"[]a]+(?:b)", "x]ab", "]ab")]
    [InlineData(@"(?P<kind>[a-z]+)", "GET cart", "cart")]
    [InlineData(@"\(?P<", "x P<", "P<")]
    [InlineData(@"\\(?P<a>b)", @"a\b", "b")]
    [InlineData(@"(x)?b", "ab", "")]
    [InlineData(@"\p{Lu}{2}", "aBCd", "BC")]
    [InlineData(@"(?i)GET", "get", "get")]
    public void APatternIsReadAsRe2Does(string pattern, string text, string expected) =>
        Assert.Equal(expected, ExpressionRows.Value($"REG_VALUE('{text.Replace("\\", "\\\\", StringComparison.Ordinal)}', `{pattern}`)").ToString());

    [Fact]
    public void ManyRepeatsOfManyDoNotTakeLong()
    {
        // Backtracking would try some 2^60 ways here.
        var text = new string('a', 60_000);
        Assert.False(ExpressionRows.Value($"REG_MATCH('{text[..10_000]}', `^(a+)+(a|aa)*b$`)").AsBool);
    }

    [Theory]
    [InlineData("a{100}{100}", "can't be read")]
    [InlineData("(a{100}){99}", "")]
    [InlineData("(a{100}){101}", "10000 symbols")]
    [InlineData("((a{50}){50}){50}", "10000 symbols")]
    [InlineData("[a{9}]{9000}", "")]
    [InlineData("a{99999999999}", "10000 symbols")]
    [InlineData("\\p{L}\\{9999,99999\\}", "")]
    [InlineData("(a)\\1", "not supported")]
    [InlineData("(?<=a)b", "not supported")]
    [InlineData("(?>a)b", "not supported")]
    [InlineData("(", "can't be read")]
    public void APatternIsBoundedAndReadOrRefused(string pattern, string error)
    {
        var compiled = RegexPattern.Compile(pattern, out var message);
        Assert.Equal(error.Length == 0, compiled is not null);
        Assert.Contains(error, message, StringComparison.Ordinal);
    }
}
