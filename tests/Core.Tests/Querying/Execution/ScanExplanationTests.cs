using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Tests.Querying.Execution;

public sealed class ScanExplanationTests
{
    [Fact]
    public void EveryCountAddsUpAndGoesThroughBytes()
    {
        var numbers = typeof(ScanExplanation).GetProperties().Where(property => property.PropertyType == typeof(long)).ToList();
        var explanation = new ScanExplanation();
        for (var i = 0; i < numbers.Count; i++)
        {
            numbers[i].SetValue(explanation, (long)(i + 1) * 1000);
        }

        explanation.Because("one");
        var sum = new ScanExplanation();
        sum.Because("two");
        sum.Add(explanation);
        sum.Add(explanation);
        var writer = new ByteWriter();
        sum.Export(writer);
        var reader = new ByteReader(writer.Written);
        var read = ScanExplanation.Import(ref reader);

        Assert.Equal(0, reader.Remaining);
        Assert.Equal(13, numbers.Count);
        Assert.All(numbers, (property, i) => Assert.Equal((long)(i + 1) * 2000, property.GetValue(read)));
        Assert.Equal(["two", "one"], read.RowsBecause);
    }

    [Fact]
    public void EachOutcomeIsCountedOnce()
    {
        var explanation = new ScanExplanation();
        foreach (var outcome in Enum.GetValues<SegmentOutcome>())
        {
            explanation.Count(outcome, 10);
        }

        Assert.Equal((1, 1, 1, 1, 1, 10), (
            explanation.BlocksRead, explanation.BlocksSkippedByTime, explanation.BlocksSkippedByDataset, explanation.BlocksSkippedByMinMax, explanation.BlocksSkippedByBloom, explanation.BlockRows));
    }
}
