using System.Buffers.Text;
using System.Globalization;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>
/// Functions over numbers. Text is read as a number; text that is none, and truth values, count as 0; with an absent argument the value is absent. Integers stay
/// integers as long as they fit, whole floats are integers; what isn't finite is absent.
/// </summary>
internal static class NumberKernels
{
    public static ValueVector Fold(ExpressionFunction function, ValueVector[] args, int length)
    {
        var result = args.Length == 1 ? Numbers(args[0], length) : args[0];
        for (var i = 1; i < args.Length; i++)
        {
            result = Combine(function, result, args[i], length);
        }

        return result;
    }

    public static ValueVector Log10(ValueVector arg, int length)
    {
        var builder = new VectorBuilder(length);
        var value = new Operand(arg);
        for (var i = 0; i < length; i++)
        {
            if (TryNumber(value, i, out var integer, out var number) is var kind && kind != FieldKind.Absent)
            {
                builder.Float(i, Math.Log10(kind == FieldKind.Integer ? integer : number));
            }
        }

        return builder.Done();
    }

    public static ValueVector Int(ValueVector arg, int length)
    {
        var builder = new VectorBuilder(length);
        var value = new Operand(arg);
        for (var i = 0; i < length; i++)
        {
            if (value.Kind(i) == FieldKind.Bool)
            {
                builder.Integer(i, value.Bits(i));
                continue;
            }

            switch (TryNumber(value, i, out var integer, out var number))
            {
                case FieldKind.Integer:
                    builder.Integer(i, integer);
                    break;
                case FieldKind.Float:
                    builder.Integer(i, (long)number);      // towards 0; past 64 bits the nearest there is
                    break;
            }
        }

        return builder.Done();
    }

    public static ValueVector Float(ValueVector arg, int length)
    {
        var builder = new VectorBuilder(length);
        var value = new Operand(arg);
        for (var i = 0; i < length; i++)
        {
            if (value.Kind(i) == FieldKind.Bool)
            {
                builder.Float(i, value.Bits(i));
            }
            else if (TryNumber(value, i, out var integer, out var number) is var kind && kind != FieldKind.Absent)
            {
                builder.Float(i, kind == FieldKind.Integer ? integer : number);
            }
        }

        return builder.Done();
    }

    public static ValueVector Bucket(BucketShape shape, ValueVector arg, int length)
    {
        var builder = new VectorBuilder(length, new TextSink());
        var value = new Operand(arg);
        var named = new Dictionary<double, int>();
        Span<byte> name = stackalloc byte[96];
        for (var i = 0; i < length; i++)
        {
            if (TryNumber(value, i, out var integer, out var number) is var kind && kind == FieldKind.Absent)
            {
                continue;
            }

            var bin = shape.BinOf(kind == FieldKind.Integer ? integer : number);
            if (named.TryGetValue(bin, out var text))
            {
                builder.TextAt(i, text);
                continue;
            }

            named[bin] = builder.Text(i, name[..shape.Write(bin, name)]);
        }

        return builder.Done();
    }

    public static ValueVector FormatTime(TimeFormat format, ValueVector arg, int length)
    {
        var builder = new VectorBuilder(length, new TextSink());
        var writer = new ByteWriter();
        var value = new Operand(arg);
        for (var i = 0; i < length; i++)
        {
            writer.Clear();
            if (TryNumber(value, i, out var integer, out var number) is var kind && kind != FieldKind.Absent
                && format.TryWrite(kind == FieldKind.Integer ? integer : number, writer))
            {
                builder.Text(i, writer.Written);
            }
        }

        return builder.Done();
    }

    /// <summary>The number of a text: an integer where it is one, else a finite float; Absent, with 0, where it is none.</summary>
    private static FieldKind Parse(ReadOnlySpan<byte> text, out long integer, out double number)
    {
        number = 0;
        if (Utf8Parser.TryParse(text, out integer, out int read) && read == text.Length && read > 0)
        {
            return FieldKind.Integer;
        }

        integer = 0;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && double.IsFinite(number) ? FieldKind.Float : FieldKind.Absent;
    }

    /// <summary>An entry as a number: Integer or Float with its value, or Absent.</summary>
    private static FieldKind TryNumber(in Operand value, int i, out long integer, out double number)
    {
        (integer, number) = (0, 0);
        switch (value.Kind(i))
        {
            case FieldKind.Integer:
                integer = value.Bits(i);
                return FieldKind.Integer;
            case FieldKind.Float:
                number = value.Double(i);
                return Operand.IsWhole(number, out integer) ? FieldKind.Integer : FieldKind.Float;
            case FieldKind.String:
                return Parse(value.Text(i), out integer, out number) == FieldKind.Float && !Operand.IsWhole(number, out integer) ? FieldKind.Float : FieldKind.Integer;
            case FieldKind.Bool:
                return FieldKind.Integer;
            default:
                return FieldKind.Absent;
        }
    }

    private static ValueVector Numbers(ValueVector arg, int length)
    {
        var builder = new VectorBuilder(length);
        var value = new Operand(arg);
        for (var i = 0; i < length; i++)
        {
            switch (TryNumber(value, i, out var integer, out var number))
            {
                case FieldKind.Integer:
                    builder.Integer(i, integer);
                    break;
                case FieldKind.Float:
                    builder.Float(i, number);
                    break;
            }
        }

        return builder.Done();
    }

    private static ValueVector Combine(ExpressionFunction function, ValueVector left, ValueVector right, int length)
    {
        var builder = new VectorBuilder(length);
        Operand a = new(left), b = new(right);
        if (left.IsAll(FieldKind.Float) && right.IsAll(FieldKind.Float))
        {
            // Fast path: measures. Past 2^53 whole ones must be combined exactly.
            for (var i = 0; i < length; i++)
            {
                var value = Combine(function, a.Double(i), b.Double(i));
                if (Math.Abs(value) <= 9007199254740992)
                {
                    builder.Float(i, value);
                }
                else
                {
                    Combine(function, a, b, i, builder);
                }
            }

            return builder.Done();
        }

        for (var i = 0; i < length; i++)
        {
            Combine(function, a, b, i, builder);
        }

        return builder.Done();
    }

    private static void Combine(ExpressionFunction function, in Operand a, in Operand b, int i, in VectorBuilder builder)
    {
        var kind = TryNumber(a, i, out var leftInteger, out var leftNumber);
        var other = TryNumber(b, i, out var rightInteger, out var rightNumber);
        if (kind == FieldKind.Absent || other == FieldKind.Absent)
        {
            return;
        }

        if (kind == FieldKind.Integer && other == FieldKind.Integer && TryCombine(function, leftInteger, rightInteger, out var integer))
        {
            builder.Integer(i, integer);
            return;
        }

        builder.Float(i, Combine(function, kind == FieldKind.Integer ? leftInteger : leftNumber, other == FieldKind.Integer ? rightInteger : rightNumber));
    }

    /// <summary>By 0 there is nothing to divide: NaN, which becomes absent.</summary>
    private static double Combine(ExpressionFunction function, double a, double b) => function switch
    {
        ExpressionFunction.Sum => a + b,
        ExpressionFunction.Sub => a - b,
        ExpressionFunction.Mul => a * b,
        ExpressionFunction.Div => b == 0 ? double.NaN : a / b,
        _ => b == 0 ? double.NaN : a % b,
    };

    private static bool TryCombine(ExpressionFunction function, long a, long b, out long result)
    {
        switch (function)
        {
            case ExpressionFunction.Sum:
                result = unchecked(a + b);
                return ((a ^ result) & (b ^ result)) >= 0;
            case ExpressionFunction.Sub:
                result = unchecked(a - b);
                return ((a ^ b) & (a ^ result)) >= 0;
            case ExpressionFunction.Mul:
                return Math.BigMul(a, b, out result) == result >> 63;
            case ExpressionFunction.Mod when b != 0:
                result = b == -1 ? 0 : a % b;
                return true;
            default:
                result = 0;
                return false;
        }
    }
}
