using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>Functions whose values are true or false, never absent.</summary>
internal static class LogicKernels
{
    public static ValueVector Compare(ExpressionFunction function, ValueVector left, ValueVector right, int length)
    {
        var bits = new long[length];
        Operand a = new(left), b = new(right);
        bool less = function is ExpressionFunction.Lt or ExpressionFunction.Lte, orEqual = function is ExpressionFunction.Lte or ExpressionFunction.Gte;
        if (left.IsAll(FieldKind.Float) && right.IsConstant && b.IsNumber(0) && Math.Abs(b.Number(0)) <= 9007199254740992)
        {
            // Fast path: a measure against a bound.
            var bound = b.Number(0);
            for (var i = 0; i < length; i++)
            {
                var value = a.Double(i);
                bits[i] = (less ? value < bound : value > bound) || (orEqual && value == bound) ? 1 : 0;
            }

            return Bools(bits);
        }

        for (var i = 0; i < length; i++)
        {
            bits[i] = Operand.Compare(a, b, i) is { } order && (order == 0 ? orEqual : order < 0 == less) ? 1 : 0;
        }

        return Bools(bits);
    }

    public static ValueVector AreEqual(ValueVector left, ValueVector right, int length, bool equal)
    {
        var bits = new long[length];
        Operand a = new(left), b = new(right);
        for (var i = 0; i < length; i++)
        {
            bits[i] = Operand.AreEqual(a, b, i) == equal ? 1 : 0;
        }

        return Bools(bits);
    }

    public static ValueVector In(ValueVector[] args, int length)
    {
        var bits = new long[length];
        var value = new Operand(args[0]);
        for (var candidate = 1; candidate < args.Length; candidate++)
        {
            var other = new Operand(args[candidate]);
            for (var i = 0; i < length; i++)
            {
                bits[i] |= Operand.AreEqual(value, other, i) ? 1L : 0L;
            }
        }

        return Bools(bits);
    }

    public static ValueVector Exists(ValueVector arg, int length)
    {
        var bits = new long[length];
        var value = new Operand(arg);
        for (var i = 0; i < length; i++)
        {
            bits[i] = value.Kind(i) != FieldKind.Absent ? 1 : 0;
        }

        return Bools(bits);
    }

    /// <summary>BOOL, or its opposite NOT.</summary>
    public static ValueVector Truth(ValueVector arg, int length, bool expected)
    {
        var bits = new long[length];
        var value = new Operand(arg);
        for (var i = 0; i < length; i++)
        {
            bits[i] = value.IsTrue(i) == expected ? 1 : 0;
        }

        return Bools(bits);
    }

    /// <summary>AND (all are true), or OR (not all are false).</summary>
    public static ValueVector All(ValueVector[] args, int length, bool expected)
    {
        var bits = new long[length];
        Array.Fill(bits, expected ? 1 : 0);
        foreach (var arg in args)
        {
            var value = new Operand(arg);
            for (var i = 0; i < length; i++)
            {
                if (value.IsTrue(i) != expected)
                {
                    bits[i] = expected ? 0 : 1;
                }
            }
        }

        return Bools(bits);
    }

    public static ValueVector Bools(long[] bits)
    {
        var kinds = new FieldKind[bits.Length];
        Array.Fill(kinds, FieldKind.Bool);
        return new(kinds, bits, Utf8Strings.Empty, null);
    }
}
