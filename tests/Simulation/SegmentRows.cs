using StreamObserve.Core.Columns;

namespace StreamObserve.Simulation;

/// <summary>Reads the simulation's rows back from a segment.</summary>
internal static class SegmentRows
{
    /// <summary>Each row's number, in row order.</summary>
    public static long[] NumbersOf(IRowSegment segment)
    {
        var columns = new List<ColumnVector>();
        segment.GetColumns(SimulatedEvent.NumberField, columns);
        var column = Assert.Single(columns);
        Assert.Equal(ColumnType.Integer, column.Type);
        Assert.Equal(segment.Rows, column.Integers.Length);
        return column.Integers;
    }

    /// <summary>Each row's number and weight.</summary>
    public static IEnumerable<(long Number, double Weight)> WeightsOf(IRowSegment segment)
    {
        var numbers = NumbersOf(segment);
        var weights = segment.Weights;
        for (var row = 0; row < numbers.Length; row++)
        {
            yield return (numbers[row], weights is null ? 1 : weights[row]);
        }
    }
}
