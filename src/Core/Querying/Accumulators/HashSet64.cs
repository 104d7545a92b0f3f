using System.Numerics;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Querying.Accumulators;

/// <summary>
/// A set of 64-bit hashes, which are uniform, so that their bits are their places. Open addressing; no removal. The slots are lent (<see cref="LentArrays"/>), where arrays of a
/// power of two are as long as was asked: given back as the set grows and by <see cref="Release"/>. Not thread-safe.
/// </summary>
internal sealed class HashSet64
{
    private ulong[] _slots = new ulong[16];
    private bool _hasZero;        // 0 marks a free slot
    private int _inSlots;

    /// <summary>How many.</summary>
    public int Count => _inSlots + (_hasZero ? 1 : 0);

    /// <summary>Bytes of memory held, about.</summary>
    public long MemoryBytes => 40 + (_slots.Length * 8L);

    /// <summary>Adds a hash; false when it was there.</summary>
    public bool Add(ulong hash)
    {
        if (hash == 0)
        {
            var isNew = !_hasZero;
            _hasZero = true;
            return isNew;
        }

        var slots = _slots;
        var mask = slots.Length - 1;
        for (var slot = (int)hash & mask; ; slot = (slot + 1) & mask)
        {
            var there = slots[slot];
            if (there == hash)
            {
                return false;
            }

            if (there == 0)
            {
                slots[slot] = hash;
                if (++_inSlots * 2 > slots.Length)
                {
                    Resize(slots.Length * 2);
                }

                return true;
            }
        }
    }

    /// <summary>Makes room for so many.</summary>
    public void EnsureCapacity(int count)
    {
        var needed = (int)BitOperations.RoundUpToPowerOf2((uint)count * 2);
        if (needed > _slots.Length)
        {
            Resize(needed);
        }
    }

    /// <summary>Gives the memory back; the set must not be used any more.</summary>
    public void Release()
    {
        if (_slots.Length > 0)
        {
            LentArrays.Return(_slots);
            _slots = [];
        }
    }

    /// <summary>Hands over the hashes: each of the slots that isn't 0, and 0 itself when it is one.</summary>
    public ReadOnlySpan<ulong> Slots(out bool hasZero)
    {
        hasZero = _hasZero;
        return _slots;
    }

    private void Resize(int length)
    {
        var old = _slots;
        _slots = LentArrays.Rent<ulong>(length);
        Array.Clear(_slots);
        length = _slots.Length;
        var mask = length - 1;
        foreach (var hash in old)
        {
            if (hash != 0)
            {
                var slot = (int)hash & mask;
                while (_slots[slot] != 0)
                {
                    slot = (slot + 1) & mask;
                }

                _slots[slot] = hash;
            }
        }

        LentArrays.Return(old);
    }
}
