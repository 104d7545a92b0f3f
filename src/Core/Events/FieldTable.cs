using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace StreamObserve.Core.Events;

/// <summary>What a field means beyond being a field.</summary>
internal enum FieldRole : byte
{
    None, Time0, Time1, Time2, Time3, Time4, SampleRate0, SampleRate1, SampleRate2, Dataset, Truncated,
}

/// <summary>
/// The fields by name, for one parser. Names come mostly in the order of the event before, so the common look-up is one comparison with the name that followed last time.
/// Not thread-safe.
/// </summary>
[SkipLocalsInit]
internal sealed class FieldTable
{
    /// <summary>Of how many batches of a partition the texts go without codes before codes are tried again.</summary>
    private const int TextBatches = 128;

    private static readonly (string Name, FieldRole Role)[] Known =
    [
        ("timestamp", FieldRole.Time0), ("time", FieldRole.Time1), ("Timestamp", FieldRole.Time2), ("@timestamp", FieldRole.Time3), ("ts", FieldRole.Time4),
        ("sampleRate", FieldRole.SampleRate0), ("SampleRate", FieldRole.SampleRate1), ("samplerate", FieldRole.SampleRate2),
        ("dataset", FieldRole.Dataset), ("meta.truncated", FieldRole.Truncated),
    ];

    private readonly int _textBatchesMax;
    private readonly EventField[] _byRole = new EventField[Known.Length + 1];
    private EventField[] _fields = new EventField[64];
    private int[] _slots = new int[256];

    /// <summary>A table with the names that have a role.</summary>
    /// <param name="partitions">Partitions whose batches the fields' values go to.</param>
    public FieldTable(int partitions)
    {
        _textBatchesMax = TextBatches * partitions;
        Clear();
    }

    /// <summary>Fields in the table.</summary>
    public int Count { get; private set; }

    /// <summary>Stands before an event's first field: the field that follows it is the one that the last events began with.</summary>
    public EventField Start { get; private set; } = null!;

    /// <summary>The fields, by their numbers.</summary>
    public ReadOnlySpan<EventField> Fields => _fields.AsSpan(0, Count);

    /// <summary>The field of a role.</summary>
    public EventField this[FieldRole role] => _byRole[(int)role];

    /// <summary>Forgets all but the names with a role: their numbers stay the same.</summary>
    public void Clear()
    {
        Count = 0;
        Array.Clear(_slots);
        Array.Clear(_fields);
        foreach (var (name, role) in Known)
        {
            _byRole[(int)role] = Add(Encoding.UTF8.GetBytes(name), role);
        }

        Start = new EventField(-1, [], FieldRole.None, 0) { Next = _fields[0] };
    }

    /// <summary>
    /// Whether at <paramref name="i"/> of a JSON text stand, in quotes and with a colon right behind, the name that followed <paramref name="previous"/> last time or the one after
    /// it. <paramref name="i"/> moves behind the colon then. Names near the text's end are not tried.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryPredict(ReadOnlySpan<byte> text, ref int i, EventField previous, out EventField field)
    {
        field = previous.Next;
        if (i > text.Length - EventField.Compared)
        {
            return false;
        }

        ref var at = ref Unsafe.Add(ref MemoryMarshal.GetReference(text), i);
        if (!field.MatchesKey(ref at))
        {
            field = field.Next;     // an optional field was left out
            if (!field.MatchesKey(ref at))
            {
                return false;
            }
        }

        if (field.KeyLength > EventField.Compared && !IsNamed(text, i, field))
        {
            return false;
        }

        i += field.KeyLength;
        return true;
    }

    /// <summary>The field of a name that follows the field <paramref name="previous"/>; added when new.</summary>
    public EventField Find(ReadOnlySpan<byte> name, EventField previous)
    {
        // Fast path: the field that came after the previous one last time, or, an optional field being left out, the one after that.
        var guess = previous.Next;
        if (name.SequenceEqual(guess.Name))
        {
            return guess;
        }

        guess = guess.Next;
        if (name.SequenceEqual(guess.Name))
        {
            return guess;
        }

        var field = Search(name);
        previous.Next = field;
        return field;
    }

    /// <summary>The field of a name; added when new.</summary>
    public EventField Search(ReadOnlySpan<byte> name)
    {
        var mask = _slots.Length - 1;
        for (var slot = (int)FastHash.Of(name) & mask; ; slot = (slot + 1) & mask)
        {
            var entry = _slots[slot];
            if (entry == 0)
            {
                return Add(name.ToArray(), FieldRole.None);
            }

            if (name.SequenceEqual(_fields[entry - 1].Name))
            {
                return _fields[entry - 1];
            }
        }
    }

    private static bool IsNamed(ReadOnlySpan<byte> text, int i, EventField field) =>
        text.Length - i >= field.KeyLength && text.Slice(i + 1, field.Name.Length).SequenceEqual(field.Name) && text[i + field.KeyLength - 2] == (byte)'"' && text[i + field.KeyLength - 1] == (byte)':';

    private EventField Add(byte[] name, FieldRole role)
    {
        if (Count * 2 >= _slots.Length)
        {
            _slots = new int[_slots.Length * 2];
            for (var i = 0; i < Count; i++)
            {
                Place(i);
            }
        }

        if (Count == _fields.Length)
        {
            Array.Resize(ref _fields, Count * 2);
        }

        var field = new EventField(Count, name, role, _textBatchesMax);
        _fields[Count] = field;
        field.Next = _fields[0];
        Place(Count++);
        return field;
    }

    private void Place(int id)
    {
        var mask = _slots.Length - 1;
        var slot = (int)FastHash.Of(_fields[id].Name) & mask;
        while (_slots[slot] != 0)
        {
            slot = (slot + 1) & mask;
        }

        _slots[slot] = id + 1;
    }
}
