namespace StreamObserve.Core.Columns;

/// <summary>64-bit keys to small numbers 0, 1, 2… in order of appearance: open addressing, no removal. Not thread-safe.</summary>
internal sealed class IntegerMap
{
    private long[] _keys;
    private int[] _slots;

    /// <summary>An empty map with room for so many keys.</summary>
    public IntegerMap(int capacity = 16)
    {
        var room = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, capacity));
        _keys = new long[room];
        _slots = new int[room * 2];
    }

    public int Count { get; private set; }

    public long Key(int number) => _keys[number];

    public int Add(long key)
    {
        var mask = _slots.Length - 1;
        for (var slot = Home(key, mask); ; slot = (slot + 1) & mask)
        {
            var entry = _slots[slot] - 1;
            if (entry < 0)
            {
                return Append(key, slot);
            }

            if (_keys[entry] == key)
            {
                return entry;
            }
        }
    }

    /// <summary>The number of a key, -1 when it is not there. Several threads may look while none adds.</summary>
    public int Find(long key)
    {
        var mask = _slots.Length - 1;
        for (var slot = Home(key, mask); ; slot = (slot + 1) & mask)
        {
            var entry = _slots[slot] - 1;
            if (entry < 0 || _keys[entry] == key)
            {
                return entry;
            }
        }
    }

    public void Clear()
    {
        Count = 0;
        Array.Clear(_slots);
    }

    /// <summary>Gives the map's memory to the next ones: it may not be used any more.</summary>
    public void Release()
    {
        LentArray.Return(ref _keys);
        LentArray.Return(ref _slots);
        Count = 0;
    }

    private static int Home(long key, int mask) => (int)(((ulong)key * 0x9E3779B97F4A7C15UL) >> 32) & mask;

    private int Append(long key, int slot)
    {
        if (Count == _keys.Length)
        {
            LentArray.Grow(ref _keys, Count * 2);
        }

        _keys[Count] = key;
        _slots[slot] = ++Count;
        if (Count * 2 > _slots.Length)
        {
            LentArray.Renew(ref _slots, _slots.Length * 2);
            var mask = _slots.Length - 1;
            for (var i = 0; i < Count; i++)
            {
                var home = Home(_keys[i], mask);
                while (_slots[home] != 0)
                {
                    home = (home + 1) & mask;
                }

                _slots[home] = i + 1;
            }
        }

        return Count - 1;
    }
}
