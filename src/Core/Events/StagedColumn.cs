using System.Runtime.CompilerServices;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Events;

/// <summary>The values of one kind that a field has in the rows of an <see cref="EventStage"/>, in row order. Not thread-safe.</summary>
/// <typeparam name="T">A code, a number's bits, or where a text ends.</typeparam>
internal sealed class StagedColumn<T>
    where T : unmanaged
{
    private T[] _values = [];
    private int[] _rows = [];

    /// <summary>Values.</summary>
    public int Count { get; private set; }

    /// <summary>Some row before the last value has none.</summary>
    public bool IsSparse { get; private set; }

    /// <summary>What was learnt of compressing them.</summary>
    public ChunkCompression Compression { get; } = new();

    /// <summary>The values.</summary>
    public ReadOnlySpan<T> Values => _values.AsSpan(0, Count);

    /// <summary>Their rows; where the column is not sparse, the first ones.</summary>
    public ReadOnlySpan<int> Rows => IsSparse ? _rows.AsSpan(0, Count) : [];

    /// <summary>Appends the value of a row behind all others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Append(int row, T value)
    {
        var count = Count;
        var values = _values;
        if ((uint)count >= (uint)values.Length)
        {
            values = Grow();
        }

        values[count] = value;
        if (IsSparse || count != row)
        {
            AppendRow(row);
        }

        Count = count + 1;
    }

    /// <summary>Takes the last value back.</summary>
    public void DropLast() => Count--;

    /// <summary>Forgets the values.</summary>
    /// <param name="withBuffers">Their memory too.</param>
    public void Clear(bool withBuffers)
    {
        Count = 0;
        IsSparse = false;
        if (withBuffers)
        {
            _values = [];
            _rows = [];
        }
    }

    private T[] Grow()
    {
        Array.Resize(ref _values, Math.Max(16, Count * 2));
        return _values;
    }

    private void AppendRow(int row)
    {
        if (_rows.Length <= Count)
        {
            Array.Resize(ref _rows, Math.Max(_values.Length, Count + 1));
        }

        if (!IsSparse)
        {
            for (var i = 0; i < Count; i++)
            {
                _rows[i] = i;
            }

            IsSparse = true;
        }

        _rows[Count] = row;
    }
}
