using System.Runtime.CompilerServices;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Growing dictionary of UTF-8 strings: each gets a code 0, 1, 2… in order of appearance. Open addressing over one byte arena; reusable after <see cref="Clear"/>.
/// Not thread-safe.
/// </summary>
public sealed class StringDictionary
{
    private byte[] _bytes = new byte[256];
    private int[] _offsets = new int[17];
    private int[] _slots = new int[32];

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
        var mask = _slots.Length - 1;
        var slot = (int)FastHash.Of(text) & mask;
        while (true)
        {
            var entry = _slots[slot] - 1;
            if (entry < 0)
            {
                return Append(text, slot);
            }

            if (text.SequenceEqual(this[entry]))
            {
                return entry;
            }

            slot = (slot + 1) & mask;
        }
    }

    /// <summary>The code of a string, -1 when it is not there.</summary>
    public int Find(ReadOnlySpan<byte> text)
    {
        var mask = _slots.Length - 1;
        for (var slot = (int)FastHash.Of(text) & mask; ; slot = (slot + 1) & mask)
        {
            var entry = _slots[slot] - 1;
            if (entry < 0 || text.SequenceEqual(this[entry]))
            {
                return entry;
            }
        }
    }

    /// <summary>Forgets all; keeps the buffers.</summary>
    public void Clear()
    {
        Count = 0;
        Array.Clear(_slots);
    }

    /// <summary>An immutable copy.</summary>
    public Utf8Strings ToStrings() => new(_bytes.AsSpan(0, ByteCount).ToArray(), _offsets.AsSpan(0, Count + 1).ToArray());

    private int Append(ReadOnlySpan<byte> text, int slot)
    {
        var at = _offsets[Count];
        if (at + text.Length > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(at + text.Length, _bytes.Length * 2));
        }

        text.CopyTo(_bytes.AsSpan(at));
        _slots[slot] = Count + 1;
        _offsets[Count + 1] = at + text.Length;
        Count++;
        if (Count + 1 == _offsets.Length)
        {
            Array.Resize(ref _offsets, _offsets.Length * 2);
        }

        if (Count * 2 > _slots.Length)
        {
            Grow();
        }

        return Count - 1;
    }

    private void Grow()
    {
        _slots = new int[_slots.Length * 2];
        var mask = _slots.Length - 1;
        for (var i = 0; i < Count; i++)
        {
            var slot = (int)FastHash.Of(this[i]) & mask;
            while (_slots[slot] != 0)
            {
                slot = (slot + 1) & mask;
            }

            _slots[slot] = i + 1;
        }
    }
}
