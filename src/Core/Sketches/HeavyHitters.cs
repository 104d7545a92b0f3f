using System.Runtime.InteropServices;
using System.Text;

namespace StreamObserve.Core.Sketches;

/// <summary>A key of <see cref="HeavyHitters"/> and the bounds of its true weight, which always hold.</summary>
/// <param name="Key">The key.</param>
/// <param name="LowerBound">Its weight is at least this.</param>
/// <param name="UpperBound">Its weight is at most this.</param>
public readonly record struct HeavyHitter(string Key, double LowerBound, double UpperBound);

/// <summary>
/// The keys of most weight in a stream, by Misra-Gries counters that are purged in bulk and merge (Agarwal et al., "Mergeable summaries", PODS 2012).
/// With capacity k and total weight W, every key's weight is known to within <see cref="Undercount"/> &lt;= W / (k + 1), so every key of more weight than that is held.
/// The bounds hold after any sequence of additions and merges. Merging is commutative, with the empty sketch as identity, and associative in what it
/// promises; the counters themselves are equal in any order as long as there are at most 2 k distinct keys (nothing was purged), and may differ within the bounds beyond.
/// Exact arithmetic for integral weights up to 2^53 in sum. Single-threaded; reuse with <see cref="Clear"/>.
/// </summary>
public sealed class HeavyHitters
{
    private const byte ExportFormat = 1;

    private readonly Dictionary<string, double> _counters = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double>.AlternateLookup<ReadOnlySpan<char>> _bySpan;
    private double[] _scratch = [];

    /// <summary>An empty sketch.</summary>
    /// <param name="capacity">k, in keys: from 1 to <see cref="SketchLimits.HeavyHittersCapacityMax"/>, else <see cref="ArgumentOutOfRangeException"/>. Up to 2 k counters are kept between purges.</param>
    public HeavyHitters(int capacity)
    {
        if (capacity is < 1 or > SketchLimits.HeavyHittersCapacityMax)
        {
            throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"the capacity is from 1 to {SketchLimits.HeavyHittersCapacityMax} keys");
        }

        Capacity = capacity;
        _bySpan = _counters.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>k, in keys.</summary>
    public int Capacity { get; }

    /// <summary>The weight of everything added, whether its key is held or not.</summary>
    public double TotalWeight { get; private set; }

    /// <summary>The most that any key's weight can exceed its lower bound; 0 as long as nothing was purged.</summary>
    public double Undercount { get; private set; }

    /// <summary>The keys held at present.</summary>
    public int HeldCount => _counters.Count;

    /// <summary>Adds weight to a key. A weight that is not finite or not greater than 0 is refused with <see cref="ArgumentOutOfRangeException"/>. Allocates only for a key that is not held.</summary>
    public void Add(ReadOnlySpan<char> key, double weight = 1)
    {
        SketchWeights.Check(weight);
        TotalWeight += weight;
        CollectionsMarshal.GetValueRefOrAddDefault(_bySpan, key, out _) += weight;
        PurgeWhenFull();
    }

    /// <summary>As <see cref="Add(ReadOnlySpan{char}, double)"/>, keeping the given string as the key.</summary>
    public void Add(string key, double weight = 1)
    {
        ArgumentNullException.ThrowIfNull(key);
        SketchWeights.Check(weight);
        TotalWeight += weight;
        AddCounter(key, weight);
        PurgeWhenFull();
    }

    /// <summary>Adds all that the other sketch has seen; the other is left as it is. Another capacity is refused with <see cref="ArgumentException"/>.</summary>
    public void Merge(HeavyHitters other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Capacity != Capacity)
        {
            throw new ArgumentException($"a sketch of capacity {other.Capacity} cannot be merged into one of {Capacity}", nameof(other));
        }

        TotalWeight += other.TotalWeight;
        Undercount += other.Undercount;
        foreach (var (key, weight) in other == this ? new(_counters) : other._counters)
        {
            AddCounter(key, weight);
        }

        PurgeWhenFull();
    }

    /// <summary>Forgets everything; keeps the memory.</summary>
    public void Clear()
    {
        _counters.Clear();
        TotalWeight = 0;
        Undercount = 0;
    }

    /// <summary>The bounds of one key's weight, held or not.</summary>
    public HeavyHitter BoundsOf(string key) =>
        _counters.TryGetValue(key, out var weight) ? new HeavyHitter(key, weight, weight + Undercount) : new HeavyHitter(key, 0, Undercount);

    /// <summary>The held keys of greatest lower bound, greatest first, equal ones in ordinal order of the key. At most <paramref name="count"/>.</summary>
    public IReadOnlyList<HeavyHitter> Top(int count)
    {
        var all = new List<HeavyHitter>(_counters.Count);
        foreach (var (key, weight) in _counters)
        {
            all.Add(new HeavyHitter(key, weight, weight + Undercount));
        }

        all.Sort(static (a, b) => a.LowerBound != b.LowerBound ? b.LowerBound.CompareTo(a.LowerBound) : string.CompareOrdinal(a.Key, b.Key));
        return all.Count <= count ? all : all.GetRange(0, Math.Max(0, count));
    }

    /// <summary>The bytes that <see cref="Export"/> will write.</summary>
    public int ExportSize()
    {
        var writer = SketchWriter.Measuring();
        Write(ref writer);
        return writer.Position;
    }

    /// <summary>
    /// Writes the sketch, self-delimiting and in one way only: equal contents give equal bytes. Returns the bytes written.
    /// Format 1: byte 1 | byte 1 when weights are integers, as varints (else 0, doubles) | varint capacity | total weight as a double | undercount as a double |
    /// varint count | (varint length | UTF-8 key | weight) in ordinal order of the keys. The destination must hold <see cref="ExportSize"/> bytes,
    /// else <see cref="IndexOutOfRangeException"/> or <see cref="ArgumentException"/>.
    /// </summary>
    public int Export(Span<byte> destination)
    {
        var writer = SketchWriter.Into(destination);
        Write(ref writer);
        return writer.Position;
    }

    /// <summary>The sketch that was exported at the start of the source, and how many bytes it took. Damage is an <see cref="InvalidDataException"/>.</summary>
    public static HeavyHitters Import(ReadOnlySpan<byte> source, out int read)
    {
        var reader = new SketchReader(source);
        var format = reader.ReadByte();
        var integral = reader.ReadByte();
        if (format != ExportFormat || integral > 1)
        {
            throw reader.Damaged($"format {format} with flags {integral} is not known");
        }

        var capacity = reader.ReadCount(SketchLimits.HeavyHittersCapacityMax);
        if (capacity == 0)
        {
            throw reader.Damaged("the capacity is 0");
        }

        var sketch = new HeavyHitters(capacity) { TotalWeight = reader.ReadDouble(), Undercount = reader.ReadDouble() };
        if (!(sketch.TotalWeight >= 0 && sketch.Undercount >= 0 && double.IsFinite(sketch.TotalWeight + sketch.Undercount)))
        {
            throw reader.Damaged($"the total weight is {sketch.TotalWeight} and the undercount {sketch.Undercount}");
        }

        var count = reader.ReadCount(2 * capacity);
        for (var i = 0; i < count; i++)
        {
            var key = Encoding.UTF8.GetString(reader.ReadBytes(reader.ReadCount(int.MaxValue)));
            sketch.AddCounter(key, reader.ReadWeight(integral == 1));
        }

        read = reader.Position;
        return sketch;
    }

    private void AddCounter(string key, double weight) => CollectionsMarshal.GetValueRefOrAddDefault(_counters, key, out _) += weight;

    private void PurgeWhenFull()
    {
        if (_counters.Count > 2 * Capacity)
        {
            Purge();
        }
    }

    /// <summary>
    /// Takes the weight of the (k + 1)-th heaviest counter from all of them and drops those that come to nothing. At least k + 1 counters lose that much, which is why
    /// the sum of what was taken stays at most W / (k + 1).
    /// </summary>
    private void Purge()
    {
        if (_scratch.Length < _counters.Count)
        {
            _scratch = new double[Math.Max(_counters.Count, (2 * Capacity) + 1)];
        }

        _counters.Values.CopyTo(_scratch, 0);
        var weights = _scratch.AsSpan(0, _counters.Count);
        weights.Sort();
        var taken = weights[^(Capacity + 1)];
        Undercount += taken;
        foreach (var (key, weight) in _counters)
        {
            if (weight > taken)
            {
                CollectionsMarshal.GetValueRefOrNullRef(_counters, key) = weight - taken;
            }
            else
            {
                _counters.Remove(key);
            }
        }
    }

    private void Write(ref SketchWriter writer)
    {
        var keys = new string[_counters.Count];
        _counters.Keys.CopyTo(keys, 0);
        Array.Sort(keys, StringComparer.Ordinal);
        var integral = true;
        foreach (var weight in _counters.Values)
        {
            integral &= SketchWeights.IsIntegral(weight);
        }

        writer.WriteByte(ExportFormat);
        writer.WriteByte(integral ? (byte)1 : (byte)0);
        writer.WriteVarint((ulong)Capacity);
        writer.WriteDouble(TotalWeight);
        writer.WriteDouble(Undercount);
        writer.WriteVarint((ulong)keys.Length);
        foreach (var key in keys)
        {
            var bytes = Encoding.UTF8.GetBytes(key);
            writer.WriteVarint((ulong)bytes.Length);
            writer.WriteBytes(bytes);
            writer.WriteWeight(_counters[key], integral);
        }
    }
}
