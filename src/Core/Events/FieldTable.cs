using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace StreamObserve.Core.Events;

/// <summary>What a field means beyond being a field.</summary>
internal enum FieldRole : byte
{
    None, Time0, Time1, Time2, Time3, Time4, SampleRate, Dataset, ServiceName, TraceId,
}

/// <summary>
/// Field names and their small numbers, for one parser. Names come mostly in the order of the event before, so the common look-up is one comparison
/// with the name that followed last time. Not thread-safe.
/// </summary>
internal sealed class FieldTable
{
    private static readonly (string Name, FieldRole Role)[] Known =
    [
        ("timestamp", FieldRole.Time0), ("time", FieldRole.Time1), ("Timestamp", FieldRole.Time2), ("@timestamp", FieldRole.Time3), ("ts", FieldRole.Time4),
        ("sampleRate", FieldRole.SampleRate), ("SampleRate", FieldRole.SampleRate), ("samplerate", FieldRole.SampleRate),
        ("dataset", FieldRole.Dataset), ("service.name", FieldRole.ServiceName), ("trace.trace_id", FieldRole.TraceId),
    ];

    private byte[][] _names = new byte[64][];
    private byte[][] _keys = new byte[64][];        // each name as it stands in JSON text: quoted, with its colon; empty where it needs escapes
    private FieldRole[] _roles = new FieldRole[64];
    private int[] _next = new int[64];
    private int[] _slots = new int[256];
    private int _first;

    /// <summary>An empty table with the names that have a role.</summary>
    public FieldTable() => Clear();

    /// <summary>Names in the table.</summary>
    public int Count { get; private set; }

    public byte[] Name(int id) => _names[id];

    public FieldRole Role(int id) => _roles[id];

    /// <summary>Forgets all but the names with a role: their numbers stay the same.</summary>
    public void Clear()
    {
        Count = _first = 0;
        Array.Clear(_slots);
        foreach (var (name, role) in Known)
        {
            var id = Add(Encoding.UTF8.GetBytes(name));
            _roles[id] = role;
        }
    }

    /// <summary>
    /// Whether at <paramref name="i"/> of a JSON text stand, in quotes and with a colon right behind, the name that followed <paramref name="previous"/> (or -1) last
    /// time or the one after it. Then its number; <paramref name="i"/> moves behind the colon.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryPredict(ReadOnlySpan<byte> text, ref int i, int previous, out int id)
    {
        id = previous >= 0 ? _next[previous] : _first;
        if (StartsWith(text, ref i, _keys[id]))
        {
            return true;
        }

        id = _next[id];     // an optional field was left out
        return StartsWith(text, ref i, _keys[id]);
    }

    /// <summary>The number of a name that follows the field <paramref name="previous"/> (or -1); the name is added when new.</summary>
    public int Find(ReadOnlySpan<byte> name, int previous)
    {
        // Fast path: the field that came after the previous one last time, or, an optional field being left out, the one after that.
        var guess = previous >= 0 ? _next[previous] : _first;
        if (name.SequenceEqual(_names[guess]))
        {
            return guess;
        }

        guess = _next[guess];
        if (name.SequenceEqual(_names[guess]))
        {
            return guess;
        }

        var id = Search(name);
        if (previous >= 0)
        {
            _next[previous] = id;
        }
        else
        {
            _first = id;
        }

        return id;
    }

    /// <summary>The number of a name; added when new.</summary>
    public int Search(ReadOnlySpan<byte> name)
    {
        var mask = _slots.Length - 1;
        for (var slot = (int)FastHash.Of(name) & mask; ; slot = (slot + 1) & mask)
        {
            var entry = _slots[slot];
            if (entry == 0)
            {
                return Add(name.ToArray());
            }

            if (name.SequenceEqual(_names[entry - 1]))
            {
                return entry - 1;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool StartsWith(ReadOnlySpan<byte> text, ref int i, byte[] key)
    {
        if (key.Length == 0 || text.Length - i < key.Length
            || !ShortBytes.Equal(ref Unsafe.Add(ref MemoryMarshal.GetReference(text), i), ref MemoryMarshal.GetArrayDataReference(key), key.Length))
        {
            return false;
        }

        i += key.Length;
        return true;
    }

    private static byte[] KeyOf(byte[] name)
    {
        foreach (var c in name)
        {
            if (c is < 0x20 or (byte)'"' or (byte)'\\')
            {
                return [];
            }
        }

        return [(byte)'"', .. name, (byte)'"', (byte)':'];
    }

    private int Add(byte[] name)
    {
        if (Count * 2 >= _slots.Length)
        {
            _slots = new int[_slots.Length * 2];
            for (var i = 0; i < Count; i++)
            {
                Place(i);
            }
        }

        if (Count == _names.Length)
        {
            Array.Resize(ref _names, Count * 2);
            Array.Resize(ref _keys, Count * 2);
            Array.Resize(ref _roles, Count * 2);
            Array.Resize(ref _next, Count * 2);
        }

        _names[Count] = name;
        _keys[Count] = KeyOf(name);
        _roles[Count] = FieldRole.None;
        _next[Count] = 0;
        Place(Count);
        return Count++;
    }

    private void Place(int id)
    {
        var mask = _slots.Length - 1;
        var slot = (int)FastHash.Of(_names[id]) & mask;
        while (_slots[slot] != 0)
        {
            slot = (slot + 1) & mask;
        }

        _slots[slot] = id + 1;
    }
}
