using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>
/// How many spans are in progress, on average over a bucket: the time of the bucket that each span covers, from its event time for its <c>duration_ms</c>. A span
/// costs three cells at most however long it lasts: what it covers of its first and of its last bucket is added there, and that it covers whole buckets between
/// is a change of +1 in the second and of -1 in the last one, summed up in order of time when the answer is finished. All of it adds, so leaves merge exactly.
/// </summary>
public sealed class ConcurrencyAccumulator(LeafPlan plan, PartialResult? over) : Accumulator
{
    private readonly List<ColumnVector> _columns = [];
    private double[] _covered = [];
    private double[] _changes = [];
    private double[] _all = [];
    private double[] _longest = [];

    /// <summary>Weighted nanoseconds of the bucket that are covered by spans which don't cover all of it.</summary>
    public double Covered(int cell) => _covered[cell];

    /// <summary>By how many (weighted) the number of spans that cover a whole bucket changes from the bucket before to this one.</summary>
    public double Change(int cell) => _changes[cell];

    /// <summary>Weighted nanoseconds of the range covered by the spans that begin in this cell (or before the range, in its first bucket).</summary>
    public double All(int cell) => _all[cell];

    /// <summary>Nanoseconds that the longest span lasts.</summary>
    public double Longest(int cell) => _longest[cell];

    /// <summary>Adds a span that begins in the cell's bucket, or before the range and then in the first one; it must reach into the range.</summary>
    public void Add(int cell, long startNs, double durationNs, double weight)
    {
        var time = plan.Time;
        _longest[cell] = Math.Max(_longest[cell], durationNs);
        var end = durationNs >= time.EndNs - startNs ? time.EndNs : startNs + (long)Math.Round(durationNs);
        var start = Math.Max(startNs, time.StartNs);
        if (end <= start)
        {
            return;
        }

        _all[cell] += weight * (end - start);
        var (group, first) = over!.CellOf(cell);
        var last = plan.BucketOf(end - 1);
        if (first == last)
        {
            // Fast path: most spans are shorter than a bucket.
            _covered[cell] += weight * (end - start);
            return;
        }

        _covered[cell] += weight * (plan.BucketStartNs(first + 1) - start);
        var lastCell = over.Cell(group, last);
        _covered[lastCell] += weight * (end - plan.BucketStartNs(last));
        if (last > first + 1)
        {
            var second = over.Cell(group, first + 1);
            _changes[second] += weight;
            _changes[lastCell] -= weight;
        }
    }

    /// <inheritdoc/>
    public override long MemoryBytes => _all.Length * 32L;

    /// <inheritdoc/>
    public override void EnsureCells(int count)
    {
        Grow(ref _covered, count, 0);
        Grow(ref _changes, count, 0);
        Grow(ref _all, count, 0);
        Grow(ref _longest, count, 0);
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
                if (numbers.TryGet(row, out var duration) && duration > 0)
                {
                    Add(rows.Cells[i], times[row], duration * LeafPlan.DurationUnitNs, rows.Weights is { } weights ? weights[row] : 1);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void Merge(int cell, Accumulator other, int otherCell)
    {
        var from = (ConcurrencyAccumulator)other;
        Add(cell, from._covered[otherCell], from._changes[otherCell], from._all[otherCell], from._longest[otherCell]);
    }

    /// <inheritdoc/>
    public override void Export(int cell, ByteWriter writer)
    {
        writer.F64(_covered[cell]);
        writer.F64(_changes[cell]);
        writer.F64(_all[cell]);
        writer.F64(_longest[cell]);
    }

    /// <inheritdoc/>
    public override void Import(int cell, ref ByteReader reader) => Add(cell, reader.F64(), reader.F64(), reader.F64(), reader.F64());

    private void Add(int cell, double covered, double change, double all, double longest)
    {
        _covered[cell] += covered;
        _changes[cell] += change;
        _all[cell] += all;
        _longest[cell] = Math.Max(_longest[cell], longest);
    }
}
