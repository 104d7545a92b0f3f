using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Growing dictionary of UTF-8 strings: each gets a code 0, 1, 2… in order of appearance. Open addressing over one byte arena; reusable after <see cref="Clear"/>.
/// Not thread-safe.
/// </summary>
public sealed class StringDictionary
{
    private byte[] _bytes = new byte[256];
    private int[] _offsets = new int[32];
    private ulong[] _slots = new ulong[32];        // the upper half of a string's hash and its code + 1; 0 = free

    private int _hashed;        // codes below are in the slots

    /// <summary>Distinct strings so far.</summary>
    public int Count { get; private set; }

    /// <summary>UTF-8 bytes of the distinct strings.</summary>
    public int ByteCount => _offsets[Count];

    /// <summary>The string of a code; valid until the next add.</summary>
    public ReadOnlySpan<byte> this[int code] => new(_bytes, _offsets[code], _offsets[code + 1] - _offsets[code]);

    /// <summary>The code of a string, added when new.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int Add(ReadOnlySpan<byte> text)
    {
        var hash = FastHash.Of(text);
        var code = Find(text, hash, out var slot);
        return code >= 0 ? code : Append(text, hash, slot);
    }

    /// <summary>True when the code is this string's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Is(int code, ReadOnlySpan<byte> text)
    {
        var start = _offsets[code];
        return _offsets[code + 1] - start == text.Length
            && ShortBytes.Equal(ref MemoryMarshal.GetReference(text), ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_bytes), start), text.Length);
    }

    /// <summary>The code of a string, -1 when it is not there.</summary>
    public int Find(ReadOnlySpan<byte> text) => Find(text, FastHash.Of(text), out _);

    /// <summary>
    /// The code of a string that is taken for new without a look: for strings of which nearly all are. From then on until <see cref="Clear"/> a string may have several
    /// codes, and neither <see cref="Add"/> nor <see cref="Find(ReadOnlySpan{byte})"/> may be called.
    /// </summary>
    public int AddUnseen(ReadOnlySpan<byte> text)
    {
        Store(text);
        return Count - 1;
    }

    /// <summary>Forgets all; keeps the buffers.</summary>
    public void Clear()
    {
        if (_hashed * 16 < _slots.Length)
        {
            // Few strings in a table that once held many: their slots alone.
            var mask = _slots.Length - 1;
            for (var code = 0; code < _hashed; code++)
            {
                var slot = (int)FastHash.Of(this[code]) & mask;
                while ((uint)_slots[slot] != (uint)(code + 1))
                {
                    slot = (slot + 1) & mask;
                }

                _slots[slot] = 0;
            }
        }
        else
        {
            Array.Clear(_slots);
        }

        Count = _hashed = 0;
    }

    /// <summary>Gives the dictionary's memory to the next ones: it may not be used any more.</summary>
    internal void Release()
    {
        LentArray.Return(ref _bytes);
        LentArray.Return(ref _offsets);
        LentArray.Return(ref _slots);
        Count = _hashed = 0;
    }

    /// <summary>An immutable copy.</summary>
    public Utf8Strings ToStrings() => new(_bytes.AsSpan(0, ByteCount).ToArray(), _offsets.AsSpan(0, Count + 1).ToArray());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Find(ReadOnlySpan<byte> text, ulong hash, out int slot)
    {
        var slots = _slots;
        var mask = slots.Length - 1;
        for (slot = (int)hash & mask; ; slot = (slot + 1) & mask)
        {
            var entry = slots[slot];
            if (entry == 0)
            {
                return -1;
            }

            if ((uint)(entry >> 32) == (uint)(hash >> 32))
            {
                var code = (int)entry - 1;
                if (Is(code, text))
                {
                    return code;
                }
            }
        }
    }

    private int Append(ReadOnlySpan<byte> text, ulong hash, int slot)
    {
        _slots[slot] = (hash & 0xFFFFFFFF_00000000) | (uint)(Count + 1);
        Store(text);
        _hashed = Count;
        if (Count * 2 > _slots.Length)
        {
            Grow();
        }

        return Count - 1;
    }

    private void Store(ReadOnlySpan<byte> text)
    {
        var at = _offsets[Count];
        if (at + text.Length > _bytes.Length)
        {
            LentArray.Grow(ref _bytes, Math.Max(at + text.Length, _bytes.Length * 2));
        }

        text.CopyTo(_bytes.AsSpan(at));
        _offsets[Count + 1] = at + text.Length;
        Count++;
        if (Count + 1 == _offsets.Length)
        {
            LentArray.Grow(ref _offsets, _offsets.Length * 2);
        }
    }

    private void Grow()
    {
        LentArray.Renew(ref _slots, _slots.Length * 2);
        var mask = _slots.Length - 1;
        for (var i = 0; i < Count; i++)
        {
            var hash = FastHash.Of(this[i]);
            var slot = (int)hash & mask;
            while (_slots[slot] != 0)
            {
                slot = (slot + 1) & mask;
            }

            _slots[slot] = (hash & 0xFFFFFFFF_00000000) | (uint)(i + 1);
        }
    }
}
