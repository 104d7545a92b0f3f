using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Sampling;

/// <summary>
/// Sets of (field, value) pairs, of which traces' keys are made, each under a number of its own, so that a summary holds its trace's set in four bytes. A set is the same number whatever the
/// order in which its pairs came. Bounded: <see cref="SamplingLimits.KeyPairsMax"/>, <see cref="SamplingLimits.KeySetsMax"/>, <see cref="SamplingLimits.KeyValuesMax"/>. Single-threaded.
/// </summary>
/// <remarks>A set is its greatest pair and the set of the others: a tree in which the pairs ascend from the root.</remarks>
public sealed class KeySets
{
    /// <summary>The number of the set without pairs.</summary>
    public const int Empty = 0;

    /// <summary>Stands for every value past those that are told apart.</summary>
    public const string OtherValue = "…";

    private readonly StringDictionary _pairs = new();
    private readonly List<(int Lesser, int Pair)> _sets = [(Empty, -1)];
    private readonly Dictionary<(int Lesser, int Pair), int> _setOf = [];

    // With a pair more, by set and pair: most batches add to a set what others added to it before.
    private readonly Dictionary<(int Set, int Pair), int> _grown = [];

    /// <summary>Distinct pairs so far.</summary>
    public int Pairs => _pairs.Count;

    /// <summary>Distinct sets so far, the empty one among them.</summary>
    public int Count => _sets.Count;

    /// <summary>True when a further value or set would not be told apart.</summary>
    public bool IsFull => _pairs.Count >= SamplingLimits.KeyPairsMax || _sets.Count >= SamplingLimits.KeySetsMax;

    /// <summary>The number of a field's value; of <see cref="OtherValue"/> when it is new and there are too many.</summary>
    public int PairOf(string field, ReadOnlySpan<byte> value)
    {
        value = value[..Math.Min(value.Length, SamplingLimits.KeyValueBytesMax)];
        var name = Encoding.UTF8.GetBytes(field);
        var pair = Bytes(name, value);
        var known = _pairs.Find(pair);
        return known >= 0 ? known : _pairs.Add(_pairs.Count < SamplingLimits.KeyPairsMax ? pair : Bytes(name, Encoding.UTF8.GetBytes(OtherValue)));
    }

    /// <summary>The set with a pair more; the set itself when it has the pair already or there is no room.</summary>
    public int Add(int set, int pair)
    {
        if (pair > _sets[set].Pair)
        {
            return Find(set, pair);
        }

        if (!_grown.TryGetValue((set, pair), out var grown))
        {
            grown = Insert(set, pair);
            if (_grown.Count < SamplingLimits.KeySetsMax)
            {
                _grown.Add((set, pair), grown);
            }
        }

        return grown;
    }

    /// <summary>The fields and values of a set.</summary>
    public IEnumerable<(string Field, string Value)> ValuesOf(int set)
    {
        for (; set != Empty; set = _sets[set].Lesser)
        {
            var (field, value) = Read(_pairs[_sets[set].Pair]);
            yield return (field, value);
        }
    }

    /// <summary>Writes all sets; what <see cref="Read(ref ByteReader)"/> reads.</summary>
    public void Write(ByteWriter writer)
    {
        writer.Varint((ulong)_pairs.Count);
        for (var pair = 0; pair < _pairs.Count; pair++)
        {
            writer.Blob(_pairs[pair]);
        }

        writer.Varint((ulong)(_sets.Count - 1));
        foreach (var (lesser, pair) in CollectionsMarshal.AsSpan(_sets)[1..])
        {
            writer.Varint((ulong)lesser);
            writer.Varint((ulong)pair);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote, from a checked source.</summary>
    public static KeySets Read(ref ByteReader reader)
    {
        var sets = new KeySets();
        for (var left = reader.Count(); left > 0; left--)
        {
            sets._pairs.Add(reader.Blob());
        }

        for (var left = reader.Count(); left > 0; left--)
        {
            var set = (reader.Count(), reader.Count());
            sets._setOf.Add(set, sets._sets.Count);
            sets._sets.Add(set);
        }

        return sets;
    }

    private int Insert(int set, int pair)
    {
        Span<int> above = stackalloc int[SamplingLimits.KeyValuesMax];
        var count = 0;
        var below = set;
        for (; _sets[below].Pair > pair; below = _sets[below].Lesser)
        {
            above[count++] = _sets[below].Pair;
        }

        if (below != Empty && _sets[below].Pair == pair)
        {
            return set;
        }

        var grown = Find(below, pair);
        if (grown == below)
        {
            return set;
        }

        while (count > 0)
        {
            var next = Find(grown, above[--count]);
            if (next == grown)
            {
                return set;     // no room for all of it
            }

            grown = next;
        }

        return grown;
    }

    /// <summary>The set of a lesser set and a greater pair; the lesser one when there is no room for another.</summary>
    private int Find(int lesser, int pair)
    {
        if (_setOf.TryGetValue((lesser, pair), out var set))
        {
            return set;
        }

        if (_sets.Count >= SamplingLimits.KeySetsMax || SizeOf(lesser) >= SamplingLimits.KeyValuesMax)
        {
            return lesser;
        }

        _setOf.Add((lesser, pair), _sets.Count);
        _sets.Add((lesser, pair));
        return _sets.Count - 1;
    }

    private int SizeOf(int set)
    {
        var size = 0;
        for (; set != Empty; set = _sets[set].Lesser)
        {
            size++;
        }

        return size;
    }

    private static byte[] Bytes(ReadOnlySpan<byte> field, ReadOnlySpan<byte> value)
    {
        var bytes = new byte[4 + field.Length + value.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, field.Length);
        field.CopyTo(bytes.AsSpan(4));
        value.CopyTo(bytes.AsSpan(4 + field.Length));
        return bytes;
    }

    private static (string Field, string Value) Read(ReadOnlySpan<byte> pair)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(pair);
        return (Encoding.UTF8.GetString(pair.Slice(4, length)), Encoding.UTF8.GetString(pair[(4 + length)..]));
    }
}
