using System.Numerics;
using System.Runtime.Intrinsics;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Aggregation;

/// <summary>A measure: each row's number, NaN where there is none. Its arrays are rented, at least as long as the fold has rows.</summary>
internal sealed class FoldMeasure
{
    /// <summary>The code of a row without a number.</summary>
    public const int NoCode = int.MinValue;

    private readonly double[] _numbers;
    private readonly int _rows;
    private int[]? _codes;
    private int _least;
    private int _bits;

    /// <summary>A measure over so many rows; the numbers are the measure's from now on.</summary>
    public FoldMeasure(string field, double[] numbers, int rows, bool isOfAllRows)
    {
        Field = field;
        _numbers = numbers;
        _rows = rows;
        IsOfAllRows = isOfAllRows;
        Whole = LentArrays.Rent<double>(rows);
        Decimals = 0;
        while (!TryScale(MeasureCells.ScaleOf(Decimals)))
        {
            if (++Decimals > MeasureCells.DecimalsMax)
            {
                Decimals = MeasureCells.Float;
                numbers.AsSpan(0, rows).CopyTo(Whole);
                break;
            }
        }
    }

    public string Field { get; }

    /// <summary>True when every row has a number.</summary>
    public bool IsOfAllRows { get; }

    /// <summary>Decimals that all numbers have at most, or <see cref="MeasureCells.Float"/>.</summary>
    public int Decimals { get; }

    /// <summary>The numbers in units of their last decimal.</summary>
    public double[] Whole { get; }

    /// <summary>Each row's sketch bin (<see cref="SketchCodes"/>), the least of them, and the bits that the others' distance to it takes. Computed once.</summary>
    public (int[] Codes, int Least, int Bits) BinCodes()
    {
        if (_codes is null)
        {
            _codes = LentArrays.Rent<int>(_rows);
            int least = int.MaxValue, greatest = int.MinValue;
            for (var row = 0; row < _rows; row++)
            {
                var code = double.IsNaN(_numbers[row]) ? NoCode : SketchCodes.Of(_numbers[row]);
                _codes[row] = code;
                if (code != NoCode)
                {
                    (least, greatest) = (Math.Min(least, code), Math.Max(greatest, code));
                }
            }

            _least = least;
            _bits = least > greatest ? 1 : Math.Max(1, 32 - BitOperations.LeadingZeroCount((uint)(greatest - least)));
        }

        return (_codes, _least, _bits);
    }

    /// <summary>Gives the arrays back to the pool.</summary>
    public void Return()
    {
        LentArrays.Return(_numbers);
        LentArrays.Return(Whole);
        LentArrays.Return(_codes ?? []);
    }

    /// <summary>Multiplies the numbers; false when one is not a whole number then that divides back to the very same number.</summary>
    private bool TryScale(double scale)
    {
        var numbers = _numbers.AsSpan(0, _rows);
        var whole = Whole.AsSpan(0, _rows);
        var row = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            var (scales, most) = (Vector256.Create(scale), Vector256.Create(MeasureCells.WholeMax));
            for (; row <= numbers.Length - Vector256<double>.Count; row += Vector256<double>.Count)
            {
                var value = Vector256.Create<double>(numbers.Slice(row, Vector256<double>.Count));
                var scaled = Vector256.Round(value * scales);
                var fits = Vector256.Equals(scaled / scales, value) & Vector256.LessThanOrEqual(Vector256.Abs(scaled), most);
                var passes = fits | ~Vector256.Equals(value, value);
                if (passes.AsUInt64() != Vector256<ulong>.AllBitsSet)
                {
                    return false;
                }

                scaled.CopyTo(whole[row..]);
            }
        }

        for (; row < numbers.Length; row++)
        {
            var scaled = Math.Round(numbers[row] * scale);
            if (!double.IsNaN(numbers[row]) && (scaled / scale != numbers[row] || Math.Abs(scaled) > MeasureCells.WholeMax))
            {
                return false;
            }

            whole[row] = scaled;
        }

        return true;
    }
}
