using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>
/// Takes spans that began before the range, keeps none, and hands those that last into the range to the CONCURRENCY of the result that is about it, in its first
/// bucket.
/// </summary>
internal sealed class InProgressAccumulator(PartialResult before, PartialResult into, ConcurrencyAccumulator concurrency) : Accumulator
{
    private readonly List<ColumnVector> _columns = [];

    /// <summary>The accumulators of a result over the time before the range of another.</summary>
    public static Accumulator[] For(PartialResult before, PartialResult into)
    {
        var made = before.Plan.NewAccumulators();
        for (var i = 0; i < made.Length; i++)
        {
            for (var k = 0; made[i] is ConcurrencyAccumulator && k < into.Accumulators.Count; k++)
            {
                if (into.Plan.Accumulators[k] == before.Plan.Accumulators[i])
                {
                    made[i] = new InProgressAccumulator(before, into, (ConcurrencyAccumulator)into.Accumulators[k]);
                }
            }
        }

        return made;
    }

    /// <inheritdoc/>
    public override void Update(in SelectedRows rows)
    {
        _columns.Clear();
        rows.Segment.GetColumns(LeafPlan.DurationField, _columns);
        var times = rows.Segment.TimesNs;
        foreach (var vector in _columns)
        {
            if (!vector.IsNumeric)
            {
                continue;
            }

            var numbers = new NumberReader(vector);
            for (var i = 0; i < rows.Rows.Length; i++)
            {
                var row = rows.Rows[i];
                if (!numbers.TryGet(row, out var duration) || duration * LeafPlan.DurationUnitNs <= into.Plan.Time.StartNs - times[row])
                {
                    continue;
                }

                var group = into.Group(before, before.CellOf(rows.Cells[i]).Group);
                concurrency.Add(into.Cell(group, 0), times[row], duration * LeafPlan.DurationUnitNs, rows.Weights is { } weights ? weights[row] : 1);
            }
        }
    }

    /// <inheritdoc/>
    public override long MemoryBytes => 0;

    /// <inheritdoc/>
    public override void EnsureCells(int count) { }

    /// <inheritdoc/>
    public override void Merge(int cell, Accumulator other, int otherCell) => throw Nothing();

    /// <inheritdoc/>
    public override void Export(int cell, ByteWriter writer) => throw Nothing();

    /// <inheritdoc/>
    public override void Import(int cell, ref ByteReader reader) => throw Nothing();

    private static InvalidOperationException Nothing() => new("what is in progress before the range is kept in the range's own result");
}
