using CsCheck;

namespace StreamObserve.Hosting.Tests;

public class ClosestMatchTests
{
    private static readonly string[] Names = ["roles", "data", "http", "otlp-http", "kafka", "partitions", "window"];

    [Theory]
    [InlineData("rolse", "roles")]
    [InlineData("partition", "partitions")]
    [InlineData("KAFKA", "kafka")]
    [InlineData("windw", "window")]
    public void MistypedNameIsFound(string written, string meant) => Assert.Equal(meant, ClosestMatch.Find(written, Names));

    [Fact]
    public void NothingIsFoundForSomethingElse() => Assert.Null(ClosestMatch.Find("verbose", Names));

    [Fact]
    public void EveryCandidateIsListedClosestFirst()
    {
        IReadOnlyList<string> ordered = ClosestMatch.Order("htpt", Names);
        Assert.Equal("http", ordered[0]);
        Assert.Equal(Names.Order(), ordered.Order());
    }

    [Fact]
    public void DistanceIsSymmetricAndZeroOnlyForEqualTexts() =>
        Gen.Select(Gen.String[Gen.Char["abc"], 0, 8], Gen.String[Gen.Char["abc"], 0, 8]).Sample((a, b) =>
        {
            int distance = ClosestMatch.Distance(a, b);
            return distance == ClosestMatch.Distance(b, a) && (distance == 0) == (a == b) && distance <= Math.Max(a.Length, b.Length);
        });
}
