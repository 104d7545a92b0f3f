using System.Runtime.InteropServices;
using System.Text;

namespace StreamObserve.Core.Columns;

/// <summary>An immutable list of UTF-8 strings in one buffer: entry i is <c>Bytes[Offsets[i]..Offsets[i + 1]]</c>.</summary>
public sealed class Utf8Strings
{
    private readonly byte[] _bytes;
    private readonly int[] _offsets;
    private readonly int _start;

    /// <summary>Over a buffer that nobody changes any more; <paramref name="offsets"/> has one entry more than there are strings and ascends.</summary>
    public Utf8Strings(byte[] bytes, int[] offsets)
    {
        _bytes = bytes;
        _offsets = offsets;
    }

    /// <summary>Over a part of a buffer that nobody changes any more; offsets count from the part's start.</summary>
    internal Utf8Strings(ReadOnlyMemory<byte> bytes, int[] offsets)
    {
        var isArray = MemoryMarshal.TryGetArray(bytes, out var part);
        (_bytes, _start) = isArray ? (part.Array!, part.Offset) : (bytes.ToArray(), 0);
        _offsets = offsets;
    }

    /// <summary>No strings.</summary>
    public static Utf8Strings Empty { get; } = new([], [0]);

    /// <summary>How many strings.</summary>
    public int Count => _offsets.Length - 1;

    /// <summary>UTF-8 bytes of all strings together.</summary>
    public int ByteCount => _offsets[^1] - _offsets[0];

    /// <summary>The bytes of one string.</summary>
    public ReadOnlySpan<byte> this[int index] => new(_bytes, _start + _offsets[index], _offsets[index + 1] - _offsets[index]);

    /// <summary>The bytes of all strings, one behind the other: see <see cref="Offsets"/>.</summary>
    internal ReadOnlySpan<byte> AllBytes => _bytes.AsSpan(_start + _offsets[0], ByteCount);

    /// <summary>Where in <see cref="AllBytes"/> each string starts; one entry more than there are strings, all of them too high by the first.</summary>
    internal ReadOnlySpan<int> Offsets => _offsets;

    /// <summary>One string, decoded: allocates.</summary>
    public string Text(int index) => Encoding.UTF8.GetString(this[index]);

    /// <summary>From .NET strings, for tests and small tables.</summary>
    public static Utf8Strings From(IEnumerable<string> values)
    {
        var bytes = new List<byte>();
        var offsets = new List<int> { 0 };
        foreach (var value in values)
        {
            bytes.AddRange(Encoding.UTF8.GetBytes(value));
            offsets.Add(bytes.Count);
        }

        return new([.. bytes], [.. offsets]);
    }
}
