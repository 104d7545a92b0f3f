namespace StreamObserve.Core.Sketches;

/// <summary>
/// The windows of bins that sketches let go of, for the next ones to take: a query with many cells needs some thousand for some milliseconds. Lengths are multiples of
/// <see cref="Step"/>; at most <see cref="SketchLimits.IdleBinBytesMax"/> wait, what comes beyond is the collector's. Thread-safe.
/// </summary>
internal static class BinArrays
{
    /// <summary>Lengths are multiples of this, in bins.</summary>
    public const int Step = 64;

    private static readonly Lock Gate = new();
    private static readonly Stack<double[]>[] Idle = NewStacks();
    private static long _idleBytes;

    /// <summary>Bytes of the windows that wait.</summary>
    public static long IdleBytes => Interlocked.Read(ref _idleBytes);

    /// <summary>A window of zeros. Its length must be a multiple of <see cref="Step"/>, <see cref="SketchLimits.QuantileBinsMax"/> at most.</summary>
    public static double[] Rent(int length)
    {
        double[]? array;
        lock (Gate)
        {
            if (!Idle[length / Step].TryPop(out array))
            {
                return new double[length];
            }

            _idleBytes -= BytesOf(array);
        }

        Array.Clear(array);
        return array;
    }

    /// <summary>Gives a window back that nobody uses any more. Empty ones are nothing.</summary>
    public static void Return(double[] array)
    {
        if (array.Length == 0)
        {
            return;
        }

        lock (Gate)
        {
            if (_idleBytes + BytesOf(array) <= SketchLimits.IdleBinBytesMax)
            {
                _idleBytes += BytesOf(array);
                Idle[array.Length / Step].Push(array);
            }
        }
    }

    private static long BytesOf(double[] array) => array.Length * 8L;

    private static Stack<double[]>[] NewStacks()
    {
        var stacks = new Stack<double[]>[(SketchLimits.QuantileBinsMax / Step) + 1];
        for (var i = 0; i < stacks.Length; i++)
        {
            stacks[i] = new();
        }

        return stacks;
    }
}
