namespace StreamObserve.Core.Querying.Expressions;

/// <summary>Checks a call's constant arguments, prepares what follows from them, and folds calls whose arguments are all constant.</summary>
internal static class ExpressionChecks
{
    /// <summary>The call made ready, or its value when it is constant; null with a message when it can't be.</summary>
    public static Expression? Prepare(Expression.Call call, out string error)
    {
        error = "";
        switch (call.Function)
        {
            case ExpressionFunction.IngestTimestamp:
                error = "INGEST_TIMESTAMP() can't be answered: the moment at which an event arrived is not stored; EVENT_TIMESTAMP() is the event's own time";
                return null;
            case ExpressionFunction.EventTimestamp:
                return call;
            case ExpressionFunction.RegMatch or ExpressionFunction.RegValue or ExpressionFunction.RegCount:
                if (TextOf(call, 1) is not { } pattern)
                {
                    error = "the pattern of a regular expression is a constant text, as in REG_MATCH($name, `^GET`)";
                    return null;
                }

                call = call with { Pattern = RegexPattern.Compile(pattern, out error) };
                break;
            case ExpressionFunction.FormatTime:
                if (TextOf(call, 0) is not { } format)
                {
                    error = "the format of FORMAT_TIME is a constant text, as in FORMAT_TIME(\"%Y-%m-%d\", EVENT_TIMESTAMP())";
                    return null;
                }

                call = call with { Format = TimeFormat.Compile(format, out error) };
                break;
            case ExpressionFunction.Bucket:
                call = call with { Bucket = BucketShape.Of(call.Arguments, out error) };
                break;
            case ExpressionFunction.Length when call.Arguments.Count == 2:
                if (TextOf(call, 1) is not ("bytes" or "chars"))
                {
                    error = "LENGTH counts \"chars\" or \"bytes\"";
                    return null;
                }

                call = call with { CountsBytes = TextOf(call, 1) == "bytes" };
                break;
        }

        return error.Length > 0 ? null : Fold(call);
    }

    private static Expression Fold(Expression.Call call)
    {
        var values = new ValueVector[call.Arguments.Count];
        for (var i = 0; i < values.Length; i++)
        {
            if (call.Arguments[i] is not Expression.Constant constant)
            {
                return call;
            }

            values[i] = constant.Value;
        }

        return new Expression.Constant(Kernels.Run(call, values, 1));
    }

    private static string? TextOf(Expression.Call call, int argument) => (call.Arguments[argument] as Expression.Constant)?.Text;
}
