using StreamObserve.Core.Querying.Variance;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>Where a cell's variance is: at a level by number, or, for the groups past the limit, that of the kept groups and of the others.</summary>
internal readonly record struct CellPlace(VarianceLevel? Level, int Cell, int Bucket)
{
    public static CellPlace Total => new(VarianceLevel.Total, 0, -1);

    /// <summary>A cell of which no variance is known: of several groups together at a point in time, or an empty one.</summary>
    public static CellPlace Nowhere(int bucket = -1) => new(null, 0, bucket);

    public IReadOnlyList<int> Kept { get; init; } = [];

    public IReadOnlyList<int> Others { get; init; } = [];

    public static CellPlace OfGroup(int group) => new(VarianceLevel.Group, group, -1);

    public static CellPlace OfSeries(int cell, int bucket) => new(VarianceLevel.Series, cell, bucket);
}
