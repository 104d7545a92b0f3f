using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Processors.State;

/// <summary>Evaluates a policy's condition bits over a batch, a column at a time. Equal, row by row, to <see cref="CompiledSamplingPolicy.BitsOf"/>.</summary>
internal static class RowConditions
{
    /// <summary>Which rows are roots: those without a parent.</summary>
    public static bool[] Roots(EventBatch batch, string parentField)
    {
        var roots = new bool[batch.Rows];
        Array.Fill(roots, true);
        var columns = new List<ColumnVector>();
        batch.GetColumns(parentField, columns);
        foreach (var column in columns)
        {
            for (var row = 0; row < batch.Rows; row++)
            {
                roots[row] &= !column.Has(row);
            }
        }

        return roots;
    }

    /// <summary>The bits of each row.</summary>
    public static ConditionBits[] Bits(EventBatch batch, CompiledSamplingPolicy policy, bool[] roots)
    {
        var bits = new ConditionBits[batch.Rows];
        var holds = new bool[batch.Rows];
        var one = new bool[batch.Rows];
        for (var bit = 0; bit < policy.Bits.Count; bit++)
        {
            var compiled = policy.Bits[bit];
            if (compiled.RootOnly)
            {
                roots.CopyTo(holds, 0);
            }
            else
            {
                Array.Fill(holds, true);
            }

            foreach (var condition in compiled.AllOnOneRow)
            {
                Evaluate(batch, condition, one);
                for (var row = 0; row < holds.Length; row++)
                {
                    holds[row] &= one[row];
                }
            }

            for (var row = 0; row < holds.Length; row++)
            {
                if (holds[row])
                {
                    bits[row] = bits[row].With(bit);
                }
            }
        }

        return bits;
    }

    private static void Evaluate(EventBatch batch, SamplingCondition condition, bool[] holds)
    {
        Array.Fill(holds, condition.Matches(FieldValue.Absent));
        var columns = new List<ColumnVector>();
        batch.GetColumns(condition.Field, columns);
        foreach (var column in columns)
        {
            var byCode = column.Type == ColumnType.Dictionary ? new bool[column.Strings.Count] : null;
            for (var code = 0; code < byCode?.Length; code++)
            {
                byCode[code] = condition.Matches(FieldValue.Of(column.Strings.Text(code)));
            }

            for (int row = 0, k = 0; row < batch.Rows; row++)
            {
                if (column.Has(row))
                {
                    holds[row] = byCode is not null ? byCode[column.Codes[k]] : condition.Matches(column.Value(k));
                    k++;
                }
            }
        }
    }
}
