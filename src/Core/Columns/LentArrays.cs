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
    /// <summary>Bytes of all arrays that wait, in the process. Twice what the folds and seals of four partitions and four scans hand round under load.</summary>
    public const long IdleBytesMax = 32L << 20;

    /// <summary>Bytes from which on an array is kept here.</summary>
    public const int PooledBytesMin = 16 << 10;

    /// <summary>Entries of the shortest array that a pool gives.</summary>
    private const int LengthMin = 16;

    private static readonly Lock Gate = new();
    private static readonly List<IdleClass> Classes = [];
    private static long _idleBytes;
    private static long _uses;

    /// <summary>Bytes of the arrays that wait.</summary>
    public static long IdleBytes => Interlocked.Read(ref _idleBytes);

    /// <summary>An array of at least so many entries, of undefined contents. Returned by <see cref="Return"/>; one that is not is collected as any other.</summary>
    public static T[] Rent<T>(int count)
        where T : unmanaged
    {
        if ((long)count * Unsafe.SizeOf<T>() < PooledBytesMin)
        {
            return ArrayPool<T>.Shared.Rent(count);
        }

        var log = BitOperations.Log2((uint)count - 1) + 1;
        if (log > Of<T>.LogMax)
        {
            return GC.AllocateUninitializedArray<T>(count);
        }

        var idle = Of<T>.Classes[log];
        lock (Gate)
        {
            idle.LastUse = ++_uses;
            if (idle.Arrays.TryPop(out var array))
            {
                _idleBytes -= idle.ArrayBytes;
                return Unsafe.As<T[]>(array);
            }
        }

        return GC.AllocateUninitializedArray<T>(1 << log);
    }

    /// <summary>Takes an array back that nobody uses any more. One of a length that is not lent is nothing.</summary>
    public static void Return<T>(T[] array)
        where T : unmanaged
    {
        if (array.Length < LengthMin || !BitOperations.IsPow2(array.Length))
        {
            return;     // not from here
        }

        if ((long)array.Length * Unsafe.SizeOf<T>() < PooledBytesMin)
        {
            ArrayPool<T>.Shared.Return(array);
            return;
        }

        var log = BitOperations.Log2((uint)array.Length);
        if (log > Of<T>.LogMax)
        {
            return;
        }

        var idle = Of<T>.Classes[log];
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
        /// <summary>Logarithm of the longest array that is kept: a quarter of the bound.</summary>
        public static readonly int LogMax = BitOperations.Log2((ulong)(IdleBytesMax / 4 / Unsafe.SizeOf<T>()));

        public static readonly IdleClass[] Classes = NewClasses();

        private static IdleClass[] NewClasses()
        {
            var classes = new IdleClass[LogMax + 1];
            for (var log = 0; log < classes.Length; log++)
            {
                classes[log] = new((long)Unsafe.SizeOf<T>() << log);
            }

            lock (Gate)
            {
                LentArrays.Classes.AddRange(classes);
            }

            return classes;
        }
    }
}
