namespace StreamObserve.Core.Querying.Expressions;

/// <summary>Evaluates one function over the entries of its arguments, which all have the same number of entries or one. The codes are the caller's part.</summary>
internal static class Kernels
{
    /// <summary>The function's values, <paramref name="length"/> of them.</summary>
    public static ValueVector Run(Expression.Call call, ValueVector[] args, int length) => call.Function switch
    {
        ExpressionFunction.If => ChoiceKernels.If(args, length),
        ExpressionFunction.Switch => ChoiceKernels.Switch(args, length),
        ExpressionFunction.Coalesce => ChoiceKernels.Coalesce(args, length),
        ExpressionFunction.Min => ChoiceKernels.Extreme(args, length, -1),
        ExpressionFunction.Max => ChoiceKernels.Extreme(args, length, 1),
        ExpressionFunction.Lt or ExpressionFunction.Lte or ExpressionFunction.Gt or ExpressionFunction.Gte => LogicKernels.Compare(call.Function, args[0], args[1], length),
        ExpressionFunction.Equals => LogicKernels.AreEqual(args[0], args[1], length, true),
        ExpressionFunction.NotEquals => LogicKernels.AreEqual(args[0], args[1], length, false),
        ExpressionFunction.In => LogicKernels.In(args, length),
        ExpressionFunction.Exists => LogicKernels.Exists(args[0], length),
        ExpressionFunction.Not => LogicKernels.Truth(args[0], length, false),
        ExpressionFunction.Bool => LogicKernels.Truth(args[0], length, true),
        ExpressionFunction.And => LogicKernels.All(args, length, true),
        ExpressionFunction.Or => LogicKernels.All(args, length, false),
        ExpressionFunction.Sum or ExpressionFunction.Sub or ExpressionFunction.Mul or ExpressionFunction.Div or ExpressionFunction.Mod => NumberKernels.Fold(call.Function, args, length),
        ExpressionFunction.Log10 => NumberKernels.Log10(args[0], length),
        ExpressionFunction.Int => NumberKernels.Int(args[0], length),
        ExpressionFunction.Float => NumberKernels.Float(args[0], length),
        ExpressionFunction.Bucket => NumberKernels.Bucket(call.Bucket!, args[0], length),
        ExpressionFunction.FormatTime => NumberKernels.FormatTime(call.Format!, args[1], length),
        ExpressionFunction.String => TextKernels.Concat(args, length),
        ExpressionFunction.Concat => TextKernels.Concat(args, length),
        ExpressionFunction.StartsWith or ExpressionFunction.EndsWith or ExpressionFunction.Contains => TextKernels.Affix(call.Function, args[0], args[1], length),
        ExpressionFunction.ToLower => TextKernels.ToLower(args[0], length),
        ExpressionFunction.Length => TextKernels.Length(args[0], length, call.CountsBytes),
        ExpressionFunction.RegMatch => TextKernels.RegMatch(call.Pattern!, args[0], length),
        ExpressionFunction.RegCount => TextKernels.RegCount(call.Pattern!, args[0], length),
        ExpressionFunction.RegValue => TextKernels.RegValue(call.Pattern!, args[0], length),
        ExpressionFunction.UnixTimestamp => TextKernels.UnixTimestamp(args[0], length),
        _ => throw new InvalidOperationException($"no kernel for {call.Function}"),
    };
}
