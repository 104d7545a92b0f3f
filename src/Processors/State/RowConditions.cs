using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Processors.State;

/// <summary>Evaluates a policy's condition bits over rows, a column at a time. Equal, row by row, to <see cref="CompiledSamplingPolicy.BitsOf"/>. Holds what it works in: single-threaded.</summary>
internal sealed class RowConditions
{
    private readonly List<ColumnVector> _columns = [];
    private ConditionBits[] _bits = [];
    private bool[] _holds = [];
    private bool[] _one = [];
    private bool[] _ofEntry = [];

    /// <summary>Which rows are roots: those without a parent.</summary>
    public static bool[] Roots(IRowSegment rows, string parentField)
    {
        var roots = new bool[rows.Rows];
        Array.Fill(roots, true);
        var columns = new List<ColumnVector>();
        rows.GetColumns(parentField, columns);
        foreach (var column in columns)
        {
            for (var row = 0; row < roots.Length; row++)
            {
                roots[row] &= !column.Has(row);
            }
        }

        return roots;
    }

    /// <summary>The bits of each row, valid until the next call.</summary>
    public ReadOnlySpan<ConditionBits> Bits(IRowSegment rows, CompiledSamplingPolicy policy, bool[] roots)
    {
        var count = rows.Rows;
        if (_bits.Length < count)
        {
            _bits = new ConditionBits[count];
            _holds = new bool[count];
            _one = new bool[count];
            _ofEntry = new bool[count];
        }

        var bits = _bits.AsSpan(0, count);
        var holds = _holds.AsSpan(0, count);
        var one = _one.AsSpan(0, count);
        bits.Clear();
        for (var bit = 0; bit < policy.Bits.Count; bit++)
        {
            var compiled = policy.Bits[bit];
            if (compiled.RootOnly)
            {
                roots.CopyTo(holds);
            }
            else
            {
                holds.Fill(true);
            }

            foreach (var condition in compiled.AllOnOneRow)
            {
                Evaluate(rows, condition, one);
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

    private void Evaluate(IRowSegment rows, SamplingCondition condition, Span<bool> holds)
    {
        holds.Fill(condition.Matches(FieldValue.Absent));
        _columns.Clear();
        rows.GetColumns(condition.Field, _columns);
        foreach (var column in _columns)
        {
            var ofEntry = _ofEntry.AsSpan(0, column.Count);
            EvaluateEntries(column, condition, ofEntry);
            for (int row = 0, k = 0; row < holds.Length; row++)
            {
                if (column.Has(row))
                {
                    holds[row] = ofEntry[k++];
                }
            }
        }
    }

    private static void EvaluateEntries(ColumnVector column, SamplingCondition condition, Span<bool> holds)
    {
        switch (column.Type)
        {
            case ColumnType.Dictionary:
            {
                var lent = LentArrays.Rent<bool>(column.Strings.Count);
                var byCode = lent.AsSpan(0, column.Strings.Count);
                for (var code = 0; code < byCode.Length; code++)
                {
                    byCode[code] = condition.Matches(FieldValue.Of(column.Strings.Text(code)));
                }

                var codes = column.Codes;
                for (var k = 0; k < holds.Length; k++)
                {
                    holds[k] = byCode[codes[k]];
                }

                LentArrays.Return(lent);
                break;
            }

            case ColumnType.Bool:
            {
                var (ofFalse, ofTrue) = (condition.Matches(FieldValue.Of(false)), condition.Matches(FieldValue.Of(true)));
                var values = column.Integers;
                for (var k = 0; k < holds.Length; k++)
                {
                    holds[k] = values[k] != 0 ? ofTrue : ofFalse;
                }

                break;
            }

            case ColumnType.Integer when condition.OfNumbers is { } comparison:
            {
                var values = column.Integers;
                for (var k = 0; k < holds.Length; k++)
                {
                    holds[k] = comparison.Holds(values[k]);
                }

                break;
            }

            case ColumnType.Float when condition.OfNumbers is { } comparison:
            {
                var values = column.Floats;
                for (var k = 0; k < holds.Length; k++)
                {
                    holds[k] = comparison.Holds(values[k]);
                }

                break;
            }

            default:
                for (var k = 0; k < holds.Length; k++)
                {
                    holds[k] = condition.Matches(column.Value(k));
                }

                break;
        }
    }
}
