namespace StreamObserve.Core.Columns;

/// <summary>
/// Scratch arrays of <see cref="LentArrays"/> in fields: what one query or block worked in is the next one's, so that the collector is not called for megabytes of it. Contents are
/// undefined when lent. Whoever holds the field gives it back with <see cref="Return"/>; one that is not given back is collected as any other.
/// </summary>
internal static class LentArray
{
    /// <summary>Room for so many entries in the array of a field: what is there, or a larger one in its place. Contents are not kept.</summary>
    public static Span<T> Room<T>(ref T[] array, int count)
        where T : unmanaged
    {
        if (array.Length < count)
        {
            Return(ref array);
            array = LentArrays.Rent<T>(count);
        }

        return array.AsSpan(0, count);
    }

    /// <summary>As <see cref="Room"/>, the contents kept.</summary>
    public static void Grow<T>(ref T[] array, int count)
        where T : unmanaged
    {
        if (array.Length < count)
        {
            var grown = LentArrays.Rent<T>(count);
            array.CopyTo(grown, 0);
            Return(ref array);
            array = grown;
        }
    }

    /// <summary>An array of exactly so many zeros, a power of two, in the place of the one in a field.</summary>
    public static void Renew<T>(ref T[] array, int count)
        where T : unmanaged
    {
        // The old one stays where it is if there is no memory for the new one.
        var renewed = LentArrays.Rent<T>(count);
        Array.Clear(renewed);
        Return(ref array);
        array = renewed;
    }

    /// <summary>Gives the array of a field back; the field is empty then.</summary>
    public static void Return<T>(ref T[] array)
        where T : unmanaged
    {
        if (array.Length > 0)
        {
            LentArrays.Return(array);
            array = [];
        }
    }
}
