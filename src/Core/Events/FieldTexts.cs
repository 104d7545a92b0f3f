using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Events;

/// <summary>
/// The texts of one field and their codes. Texts of at most 32 bytes, which nearly all are, stand padded with zeros in one vector each: what a look-up costs depends on no length. Others,
/// and those with a NUL, are in a <see cref="StringDictionary"/>. Codes of the former are even, of the latter odd. Not thread-safe.
/// </summary>
[SkipLocalsInit]
internal sealed class FieldTexts
{
    /// <summary>About the bytes that a text takes besides its own.</summary>
    public const int BytesOfText = 64;

    // Of this process alone, so that nobody can write texts that all hash alike.
    private static readonly ulong Key0 = Secret(), Key1 = Secret(), Key2 = Secret(), Key3 = Secret();

    private const int ShortMax = EventField.Compared;

    private Vector256<byte>[] _short = [];
    private byte[] _lengths = [];
    private ulong[] _slots = new ulong[1];      // open addressing: a short text's hash and its index + 1; 0 = free
    private int _shortCount;
    private StringDictionary? _long;
    private ulong[] _locals = [];               // of each code: the batch that it was last written to, and its code there
    private uint _batch;

    /// <summary>Distinct texts.</summary>
    public int Count => _shortCount + (_long?.Count ?? 0);

    /// <summary>About the bytes that they take, room for more included.</summary>
    public long Bytes => (_short.Length * (EventField.Compared + 1L)) + ((_slots.Length + _locals.Length) * 8L) + (_long is null ? 0 : _long.ByteCount + ((long)BytesOfText * _long.Count));

    /// <summary>Codes are below it.</summary>
    private int CodesEnd => 2 * Math.Max(_shortCount, _long?.Count ?? 0);

    /// <summary>The text of a code; valid until the next text.</summary>
    public ReadOnlySpan<byte> this[int code] => (code & 1) != 0
        ? _long![code >> 1]
        : MemoryMarshal.AsBytes(_short.AsSpan(code >> 1, 1))[.._lengths[code >> 1]];

    /// <summary>The code of a text of at most 32 bytes without a NUL, zeros behind it; -1 when it has none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(Vector256<byte> text)
    {
        ref var slots = ref MemoryMarshal.GetArrayDataReference(_slots);
        var mask = _slots.Length - 1;
        var hash = HashOf(text);
        for (var slot = (int)hash & mask; ; slot = (slot + 1) & mask)
        {
            var entry = Unsafe.Add(ref slots, slot);
            if (entry == 0)
            {
                return -1;
            }

            var index = (int)entry - 1;
            if ((uint)(entry >> 32) == hash && _short[index] == text)
            {
                return index * 2;
            }
        }
    }

    /// <summary>Gives a code to a text that <see cref="Find"/> did not find.</summary>
    public int Add(Vector256<byte> text, int length)
    {
        if ((_shortCount + 1) * (_shortCount < 256 ? 4 : 2) > _slots.Length)
        {
            Grow();
        }

        if (_shortCount == _short.Length)
        {
            Array.Resize(ref _short, Math.Max(8, _shortCount * 2));
            Array.Resize(ref _lengths, _short.Length);
        }

        _short[_shortCount] = text;
        _lengths[_shortCount] = (byte)length;
        Place(_shortCount);
        return 2 * _shortCount++;
    }

    /// <summary>The code of a text, given when it is new.</summary>
    public int CodeOf(ReadOnlySpan<byte> text)
    {
        if (text.Length > ShortMax || text.Contains((byte)0))
        {
            return ((_long ??= new()).Add(text) * 2) + 1;
        }

        Span<byte> padded = stackalloc byte[EventField.Compared];
        padded.Clear();
        text.CopyTo(padded);
        var vector = Vector256.Create<byte>(padded);
        var code = Find(vector);
        return code >= 0 ? code : Add(vector, text.Length);
    }

    /// <summary>Forgets all texts and codes.</summary>
    /// <param name="withBuffers">Their memory too.</param>
    public void Clear(bool withBuffers)
    {
        _shortCount = 0;
        if (withBuffers)
        {
            _short = [];
            _lengths = [];
            _slots = new ulong[1];
            _long = null;
            _locals = [];
        }
        else
        {
            Array.Clear(_slots);
            _long?.Clear();
        }
    }

    /// <summary>
    /// Turns the codes of one batch's values into codes of that batch alone, in order of appearance.
    /// </summary>
    /// <param name="codes">The codes, changed in place.</param>
    /// <param name="order">Receives this field's code of each of the batch's; grown as needed.</param>
    /// <returns>How many codes the batch has.</returns>
    public int ToBatchCodes(Span<int> codes, ref int[] order)
    {
        if (_locals.Length < CodesEnd)
        {
            Array.Resize(ref _locals, Math.Max(CodesEnd, _locals.Length * 2));
        }

        if (++_batch == 0)
        {
            Array.Clear(_locals);
            _batch = 1;
        }

        var most = Math.Min(codes.Length, Count);
        if (order.Length < most)
        {
            order = new int[Math.Max(most, order.Length * 2)];
        }

        var stamp = (ulong)_batch << 32;
        var count = 0;
        var locals = _locals;
        for (var i = 0; i < codes.Length; i++)
        {
            ref var local = ref locals[codes[i]];
            if (local >> 32 != _batch)
            {
                order[count] = codes[i];
                local = stamp | (uint)count++;
            }

            codes[i] = (int)(uint)local;
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint HashOf(Vector256<byte> text)
    {
        var lower = text.GetLower().AsUInt64();
        var upper = text.GetUpper().AsUInt64();
        return (uint)(FastHash.Mix(lower.ToScalar() ^ Key0, lower.GetElement(1) ^ Key1) ^ FastHash.Mix(upper.ToScalar() ^ Key2, upper.GetElement(1) ^ Key3));
    }

    private static ulong Secret() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    private void Grow()
    {
        _slots = new ulong[Math.Max(32, _slots.Length * 2)];
        for (var index = 0; index < _shortCount; index++)
        {
            Place(index);
        }
    }

    private void Place(int index)
    {
        var mask = _slots.Length - 1;
        var hash = HashOf(_short[index]);
        var slot = (int)hash & mask;
        while (_slots[slot] != 0)
        {
            slot = (slot + 1) & mask;
        }

        _slots[slot] = ((ulong)hash << 32) | (uint)(index + 1);
    }
}
