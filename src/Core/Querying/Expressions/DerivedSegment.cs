using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Filters;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>
/// A segment with calculated fields among its own: a calculated column is made when it is asked for, and kept as long as this is. For one scan by one thread.
/// </summary>
public sealed class DerivedSegment(IRowSegment inner, CalculatedFields fields) : WrappedSegment(inner)
{
    private readonly ValueVector?[] _values = new ValueVector?[fields.Count];
    private readonly List<ColumnVector>?[] _columns = new List<ColumnVector>?[fields.Count];
    private readonly Dictionary<string, ValueVector> _stored = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    private protected override bool IsMade(string field) => fields.Has(field);

    /// <inheritdoc/>
    private protected override List<ColumnVector>? Made(string field)
    {
        var index = fields.Find(field);
        if (index < 0)
        {
            return null;
        }

        if (_columns[index] is not { } columns)
        {
            _columns[index] = columns = [];
            Calculated(index).ToColumns(Rows, columns);
        }

        return columns;
    }

    private ValueVector Calculated(int index) => _values[index] ??= Evaluate(fields[index]);

    private ValueVector Evaluate(Expression expression) => expression switch
    {
        Expression.Constant constant => constant.Value,
        Expression.Stored stored => Stored(stored.Name),
        Expression.Calculated calculated => Calculated(calculated.Index),
        Expression.Call { Function: ExpressionFunction.EventTimestamp } => Times(),
        Expression.Call call => Evaluate(call),
        _ => throw new InvalidOperationException($"an expression of type {expression.GetType()}"),
    };

    private ValueVector Evaluate(Expression.Call call)
    {
        var args = new ValueVector[call.Arguments.Count];
        ValueVector? first = null;
        var isOneDomain = true;
        for (var i = 0; i < args.Length; i++)
        {
            args[i] = Evaluate(call.Arguments[i]);
            if (!args[i].IsConstant)
            {
                first ??= args[i];
                isOneDomain &= ReferenceEquals(args[i].Codes, first.Codes);
            }
        }

        if (first is null)
        {
            return Kernels.Run(call, args, 1);
        }

        if (isOneDomain)
        {
            // Fast path: all of it depends on one dictionary column and is computed once for each of its values (or there are no codes, and this is the plain case).
            return Kernels.Run(call, args, first.Length).WithCodes(first.Codes);
        }

        for (var i = 0; i < args.Length; i++)
        {
            args[i] = args[i].Flatten();
        }

        return Kernels.Run(call, args, Rows);
    }

    private ValueVector Stored(string name)
    {
        if (!_stored.TryGetValue(name, out var values))
        {
            var columns = new List<ColumnVector>();
            Inner.GetColumns(name, columns);
            _stored[name] = values = ValueVector.Of(columns, Rows);
        }

        return values;
    }

    private ValueVector Times()
    {
        var times = Inner.Times;
        var kinds = new FieldKind[Rows];
        var bits = new long[Rows];
        Array.Fill(kinds, FieldKind.Float);
        for (var row = 0; row < bits.Length; row++)
        {
            bits[row] = BitConverter.DoubleToInt64Bits(TextKernels.Seconds(times[row]));
        }

        return new(kinds, bits, Utf8Strings.Empty, null);
    }
}
