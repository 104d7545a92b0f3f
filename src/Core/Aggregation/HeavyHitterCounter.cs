using System.Buffers;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Aggregation;

/// <summary>
/// Finds the heavy values of one field of a fold. While their hashes are computed for the distinct count, rows are counted in buckets by hash: a value has at most what its
/// bucket has, so only rows of heavy buckets are looked at again, and what no light bucket exceeds bounds all values that are left out. Reusable; not thread-safe.
/// </summary>
internal sealed class HeavyHitterCounter
{
    private const int BucketBits = 14;
    private const int Absent = 0;
    private const int Rest = 1;
    private const int FirstKept = 2;

    private readonly double[] _buckets = new double[1 << BucketBits];
    private readonly StringDictionary _values = new();
    private readonly IntegerMap _cellMap = new();
    private readonly ByteWriter _key = new();
    private double[] _weights = [];
    private double _present;
    private int[] _bucketOf = [];

    /// <summary>Begins a field.</summary>
    public void Begin(int rows)
    {
        Array.Clear(_buckets);
        _present = 0;
        if (_bucketOf.Length < rows)
        {
            _bucketOf = new int[rows];
        }

        _bucketOf.AsSpan(0, rows).Fill(-1);
    }

    /// <summary>Counts a row's value by its hash.</summary>
    public void Add(int row, ulong hash, double weight)
    {
        var bucket = (int)(hash & ((1 << BucketBits) - 1));
        _bucketOf[row] = bucket;
        _buckets[bucket] += weight;
        _present += weight;
    }

    /// <summary>The block of what was counted.</summary>
    public HeavyHitterBlock Finish(FoldInput input, string field, FoldSlots slots)
    {
        var least = Math.Max(AggregationLimits.HeavyRowsMin, _present / AggregationLimits.HeavyShareMin);
        var leftOut = 0d;
        var any = false;
        foreach (var bucket in _buckets)
        {
            any |= bucket >= least;
            leftOut = bucket >= least ? leftOut : Math.Max(leftOut, bucket);
        }

        var rented = ArrayPool<int>.Shared.Rent(input.Rows);
        var codes = rented.AsSpan(0, input.Rows);
        for (var row = 0; row < codes.Length; row++)
        {
            codes[row] = _bucketOf[row] < 0 ? Absent : Rest;
        }

        _values.Clear();
        if (any)
        {
            CodeHeavyRows(input, field, least, codes);
            leftOut = Math.Max(leftOut, KeepHeaviest(least, codes));
        }

        var block = MakeCells(input, field, slots, codes);
        ArrayPool<int>.Shared.Return(rented);
        return new(block, [], leftOut);
    }

    /// <summary>Numbers the values of rows in heavy buckets, from <see cref="FirstKept"/> on, and sums up their weights.</summary>
    private void CodeHeavyRows(FoldInput input, string field, double least, Span<int> codes)
    {
        var count = 0;
        Span<byte> scratch = stackalloc byte[64];
        foreach (var (batch, firstRow) in input.Batches)
        {
            foreach (var (name, vector) in batch.Columns)
            {
                for (int row = 0, k = 0; name == field && row < batch.Rows; row++)
                {
                    if (!vector.Has(row))
                    {
                        continue;
                    }

                    var bucket = _bucketOf[firstRow + row];
                    if (bucket >= 0 && _buckets[bucket] >= least)
                    {
                        _key.Clear();
                        WriteKey(vector, k, scratch);
                        var code = _values.Add(_key.Written);
                        if (code == count)
                        {
                            count++;
                            Room(count);
                            _weights[code] = 0;
                        }

                        _weights[code] += input.Weights is null ? 1 : input.Weights[firstRow + row];
                        codes[firstRow + row] = FirstKept + code;
                    }

                    k++;
                }
            }
        }
    }

    /// <summary>Leaves the heaviest values their numbers, renumbered, and gives the others' rows to the rest; returns the most that one of those has.</summary>
    private double KeepHeaviest(double least, Span<int> codes)
    {
        var order = new int[_values.Count];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(order, (a, b) => _weights[a] != _weights[b] ? _weights[b].CompareTo(_weights[a]) : a.CompareTo(b));
        var kept = 0;
        while (kept < order.Length && kept < AggregationLimits.HeavyValuesMax && _weights[order[kept]] >= least)
        {
            kept++;
        }

        var leftOut = kept < order.Length ? _weights[order[kept]] : 0;
        var numbers = new int[order.Length];
        var values = new StringDictionary();
        for (var i = 0; i < order.Length; i++)
        {
            numbers[order[i]] = i < kept ? FirstKept + values.Add(_values[order[i]]) : Rest;
        }

        for (var row = 0; row < codes.Length; row++)
        {
            codes[row] = codes[row] < FirstKept ? codes[row] : numbers[codes[row] - FirstKept];
        }

        _values.Clear();
        for (var i = 0; i < values.Count; i++)
        {
            _values.Add(values[i]);
        }

        return leftOut;
    }

    private AggregateBlock MakeCells(FoldInput input, string field, FoldSlots slots, ReadOnlySpan<int> codes)
    {
        var values = FirstKept + _values.Count;
        _cellMap.Clear();
        var cells = input.Cells;
        var (lastKey, lastCell) = (-1L, 0);
        for (var row = 0; row < codes.Length; row++)
        {
            var key = ((long)slots.IndexOf[row] * values) + codes[row];
            if (key != lastKey)
            {
                (lastKey, lastCell) = (key, _cellMap.Add(key));
            }

            cells[row] = lastCell;
        }

        var names = new StringDictionary();
        names.Add([0]);
        names.Add(HeavyHitterBlock.RestKey);
        for (var i = 0; i < _values.Count; i++)
        {
            names.Add(_values[i]);
        }

        var block = new AggregateBlock(field, AggregationLimits.CoarseSeconds, input.Datasets, names.ToStrings(), _cellMap.Count, input.IsWeighted);
        for (var cell = 0; cell < block.Cells; cell++)
        {
            var (slot, value) = Math.DivRem(_cellMap.Key(cell), values);
            block.DatasetCodes[cell] = slots.Datasets[slot];
            block.Slots[cell] = slots.Slots[slot];
            block.ValueCodes[cell] = (int)value;
        }

        for (var row = 0; row < cells.Length; row++)
        {
            block.Rows[cells[row]]++;
            if (block.Weights is not null)
            {
                block.Weights[cells[row]] += input.Weights![row];
            }
        }

        return block;
    }

    private void WriteKey(ColumnVector vector, int k, Span<byte> scratch)
    {
        if (vector.Type == ColumnType.Bool)
        {
            _key.U8((byte)(vector.Integers[k] != 0 ? 5 : 4));
        }
        else
        {
            GroupKey.WriteText(_key, vector.Utf8(k, scratch));
        }
    }

    private void Room(int count)
    {
        if (count > _weights.Length)
        {
            Array.Resize(ref _weights, Math.Max(64, count * 2));
        }
    }
}
