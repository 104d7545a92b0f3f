using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Scratch arrays that scans, folds and seals work in and give back, within a bound for the whole process: at most <see cref="IdleBytesMax"/> wait for their next use, of whatever
/// types and lengths were used last; what comes beyond is the collector's. The runtime's shared pool has no such bound, it keeps arrays of each length and type for each thread
/// (measured: 207 MiB of a budget of 1 GiB). Arrays below <see cref="PooledBytesMin"/> do come from there. Thread-safe.
/// </summary>
public static class LentArrays
{
    /// <summary>Bytes of all arrays that wait, in the process. The load scenario was run with this bound; one thread that folds and seals in turn allocates no more with 32 MiB (ADR 25).</summary>
    public const long IdleBytesMax = 48L << 20;

    /// <summary>Bytes from which on an array is kept here.</summary>
    public const int PooledBytesMin = 16 << 10;

    /// <summary>Entries of the shortest array that the runtime's pool gives.</summary>
    private const int SharedLengthMin = 16;

    private static readonly Lock Gate = new();
    private static readonly List<IdleClass> Classes = [];
    private static long _idleBytes;
    private static long _uses;

    /// <summary>Bytes of the arrays that wait.</summary>
    public static long IdleBytes => Interlocked.Read(ref _idleBytes);

    /// <summary>An array of at least so many entries, of just so many when that is a power of two from 16 on, of undefined contents. Returned by <see cref="Return"/>; one that is not is collected as any other.</summary>
    public static T[] Rent<T>(int count)
        where T : unmanaged
    {
        if ((long)BitOperations.RoundUpToPowerOf2((uint)Math.Max(SharedLengthMin, count)) * Unsafe.SizeOf<T>() < PooledBytesMin)
        {
            return ArrayPool<T>.Shared.Rent(count);
        }

        // By its length it must be told from those of the runtime's pool when it comes back.
        count = Math.Max(count, PooledBytesMin / Unsafe.SizeOf<T>());
        var (length, number) = ClassOf(count);
        if (number >= Of<T>.Classes.Length)
        {
            return GC.AllocateUninitializedArray<T>(count);
        }

        var idle = Of<T>.Classes[number];
        lock (Gate)
        {
            idle.LastUse = ++_uses;
            if (idle.Arrays.TryPop(out var array))
            {
                _idleBytes -= idle.ArrayBytes;
                return Unsafe.As<T[]>(array);
            }
        }

        return GC.AllocateUninitializedArray<T>(length);
    }

    /// <summary>Takes an array back that nobody uses any more. One of a length that is not lent is nothing.</summary>
    public static void Return<T>(T[] array)
        where T : unmanaged
    {
        if ((long)array.Length * Unsafe.SizeOf<T>() < PooledBytesMin)
        {
            if (array.Length >= SharedLengthMin && BitOperations.IsPow2(array.Length))
            {
                ArrayPool<T>.Shared.Return(array);
            }

            return;
        }

        var (length, number) = ClassOf(array.Length);
        if (length != array.Length || number >= Of<T>.Classes.Length)
        {
            return;     // not from here
        }

        var idle = Of<T>.Classes[number];
        lock (Gate)
        {
            idle.LastUse = ++_uses;
            idle.Arrays.Push(array);
            _idleBytes += idle.ArrayBytes;
            while (_idleBytes > IdleBytesMax)
            {
                DropOne();
            }
        }
    }

    /// <summary>The length of the arrays that serve so many entries, at least 4: a power of two, or one and a quarter, a half, three quarters of one. And the number of such arrays' class.</summary>
    private static (int Length, int Number) ClassOf(int count)
    {
        var log = BitOperations.Log2((uint)count);
        var quarter = 1 << (log - 2);
        var quarters = (count + quarter - 1) >> (log - 2);      // 4 to 8
        return (checked(quarters * quarter), (log * 4) + quarters - 4);
    }

    /// <summary>Lets go of an array of the type and length whose last use is longest ago.</summary>
    private static void DropOne()
    {
        IdleClass? oldest = null;
        foreach (var idle in Classes)
        {
            if (idle.Arrays.Count > 0 && (oldest is null || idle.LastUse < oldest.LastUse))
            {
                oldest = idle;
            }
        }

        oldest!.Arrays.Pop();
        _idleBytes -= oldest.ArrayBytes;
    }

    /// <summary>Arrays of one type and length that wait.</summary>
    private sealed class IdleClass(long arrayBytes)
    {
        public readonly Stack<Array> Arrays = new();

        public readonly long ArrayBytes = arrayBytes;

        public long LastUse;
    }

    private static class Of<T>
        where T : unmanaged
    {
        /// <summary>By number, up to arrays of a quarter of the bound.</summary>
        public static readonly IdleClass[] Classes = NewClasses();

        private static IdleClass[] NewClasses()
        {
            var classes = new IdleClass[ClassOf((int)(IdleBytesMax / 4 / Unsafe.SizeOf<T>())).Number + 1];
            for (var number = 0; number < classes.Length; number++)
            {
                classes[number] = new((long)Unsafe.SizeOf<T>() * (4 + (number & 3)) << (number / 4) >> 2);
            }

            lock (Gate)
            {
                LentArrays.Classes.AddRange(classes);
            }

            return classes;
        }
    }
}
