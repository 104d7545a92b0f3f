using System.Numerics;
using System.Runtime.InteropServices;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Columns;

/// <summary>
/// One column gathered from several batches in the block's order: its values packed, entry k that of the k-th present row. The spans are lent: valid until the next
/// column is gathered.
/// </summary>
internal ref struct GatheredColumn
{
    public ColumnType Type;

    /// <summary>Rows with a value.</summary>
    public int Count;

    /// <summary>One bit a row; empty when every row has a value.</summary>
    public ReadOnlySpan<ulong> Presence;

    /// <summary>Of integers and truth values.</summary>
    public ReadOnlySpan<long> Integers;

    public ReadOnlySpan<double> Floats;

    /// <summary>Of both kinds of text: codes into <see cref="Dictionary"/>.</summary>
    public ReadOnlySpan<int> Codes;

    public StringDictionary Dictionary;

    public ReadOnlySpan<byte> HexBytes;

    public int HexWidth;
}

/// <summary>What is done with each gathered column.</summary>
internal interface IColumnSink
{
    void Accept(string name, in GatheredColumn column);
}

/// <summary>
/// The rows of several batches as columns of one block, the rows of a trace side by side. Its large arrays are rented: dispose it. Not thread-safe.
/// </summary>
/// <remarks>
/// A column at a time into the same few arrays: columns of 65,536 rows as objects of their own would be some thirty large-object allocations a block, and
/// collecting those cost more than filling them.
/// </remarks>
internal sealed class BlockInput : IDisposable
{
    /// <summary>Texts after which, three in four having been new, no more are looked up.</summary>
    private const int UniqueSample = 4_096;

    private readonly IReadOnlyList<EventBatch> _batches;
    private readonly int[] _firstRow;
    private readonly int[] _position;        // block position of each row, rows of the batches laid end to end
    private readonly StringDictionary _strings;
    private readonly List<Part> _texts = [];
    private readonly List<Part> _integers = [];
    private readonly List<Part> _floats = [];
    private readonly List<Part> _bools = [];
    private readonly long[] _timesNs;
    private readonly int[] _datasetCodes;
    private readonly double[] _weights;
    private readonly ulong[] _presence;
    private long[] _longs = [];
    private double[] _doubles = [];
    private int[] _codes = [];
    private byte[] _bytes = [];

    /// <summary>Of these batches. The dictionary and the map are lent too: their content is overwritten.</summary>
    public BlockInput(IReadOnlyList<EventBatch> batches, StringDictionary strings, IntegerMap traces)
    {
        _strings = strings;
        _batches = batches;
        _firstRow = new int[batches.Count];
        for (var b = 0; b < batches.Count; b++)
        {
            _firstRow[b] = Rows;
            Rows += batches[b].Rows;
            IsWeighted |= batches[b].Weights is not null;
            IsSampled |= batches[b].IsSampled;
            MinTimeNs = Math.Min(MinTimeNs, batches[b].MinTimeNs);
            MaxTimeNs = Math.Max(MaxTimeNs, batches[b].MaxTimeNs);
        }

        _position = LentArrays.Rent<int>(Rows);
        _timesNs = LentArrays.Rent<long>(Rows);
        _datasetCodes = LentArrays.Rent<int>(Rows);
        _presence = LentArrays.Rent<ulong>((Rows + 63) >> 6);
        _weights = IsWeighted ? LentArrays.Rent<double>(Rows) : [];
        Order(traces);
        for (var b = 0; b < batches.Count; b++)
        {
            var batch = batches[b];
            var remap = Remap(Datasets, batch.Datasets);
            var position = Positions(b);
            for (var row = 0; row < position.Length; row++)
            {
                var at = position[row];
                _timesNs[at] = batch.TimesNs[row];
                _datasetCodes[at] = remap[batch.DatasetCodes[row]];
            }

            for (var row = 0; IsWeighted && row < position.Length; row++)
            {
                _weights[position[row]] = batch.Weights is null ? 1 : batch.Weights[row];
            }
        }
    }

    public int Rows { get; }

    public long MinTimeNs { get; } = long.MaxValue;

    public long MaxTimeNs { get; } = long.MinValue;

    public bool IsWeighted { get; }

    public bool IsSampled { get; }

    public ReadOnlySpan<long> TimesNs => _timesNs.AsSpan(0, Rows);

    public ReadOnlySpan<double> Weights => _weights.AsSpan(0, Rows);

    public ReadOnlySpan<int> DatasetCodes => _datasetCodes.AsSpan(0, Rows);

    public StringDictionary Datasets { get; } = new();

    public void Dispose()
    {
        LentArrays.Return(_position);
        LentArrays.Return(_timesNs);
        LentArrays.Return(_datasetCodes);
        LentArrays.Return(_presence);
        LentArrays.Return(_weights);
        LentArrays.Return(_longs);
        LentArrays.Return(_doubles);
        LentArrays.Return(_codes);
        LentArrays.Return(_bytes);
    }

    /// <summary>Gathers all columns, in order of their fields' first appearance. Returns how many were given to the sink.</summary>
    public int Gather(IColumnSink sink)
    {
        var columns = 0;
        foreach (var (name, parts) in Fields())
        {
            Sort(parts);
            if (_texts.Count > 0)
            {
                sink.Accept(name, Texts());
                columns++;
            }

            if (_floats.Count > 0)
            {
                sink.Accept(name, Floats());
                columns++;
            }

            if (_integers.Count > 0)
            {
                sink.Accept(name, Integers(_integers, ColumnType.Integer));
                columns++;
            }

            if (_bools.Count > 0)
            {
                sink.Accept(name, Integers(_bools, ColumnType.Bool));
                columns++;
            }
        }

        return columns;
    }

    private static int[] Remap(StringDictionary into, Utf8Strings from)
    {
        var remap = new int[from.Count];
        for (var code = 0; code < remap.Length; code++)
        {
            remap[code] = into.Add(from[code]);
        }

        return remap;
    }

    private ReadOnlySpan<int> Positions(int batch) => _position.AsSpan(_firstRow[batch], _batches[batch].Rows);

    private List<(string Name, List<Part> Parts)> Fields()
    {
        var index = new Dictionary<string, List<Part>>();
        var fields = new List<(string, List<Part>)>();
        for (var b = 0; b < _batches.Count; b++)
        {
            foreach (var (name, vector) in _batches[b].Columns)
            {
                if (!index.TryGetValue(name, out var parts))
                {
                    index[name] = parts = [];
                    fields.Add((name, parts));
                }

                parts.Add(new(b, vector));
            }
        }

        return fields;
    }

    /// <summary>By type. Integers beside floats become floats, all of them or none: 3 and 3.5 are both JSON numbers.</summary>
    private void Sort(List<Part> parts)
    {
        _texts.Clear();
        _integers.Clear();
        _floats.Clear();
        _bools.Clear();
        foreach (var part in parts)
        {
            var list = part.Vector.Type switch
            {
                ColumnType.Integer => _integers,
                ColumnType.Float => _floats,
                ColumnType.Bool => _bools,
                _ => _texts,
            };
            list.Add(part);
        }

        if (_floats.Count > 0 && _integers.TrueForAll(part => Array.TrueForAll(part.Vector.Integers, value => value is >= -9007199254740992 and <= 9007199254740992)))
        {
            _floats.AddRange(_integers);
            _integers.Clear();
        }
    }

    private GatheredColumn Integers(List<Part> parts, ColumnType type)
    {
        var column = Begin(parts, type);
        LentArray.Room(ref _longs, Rows);
        foreach (var part in parts)
        {
            Scatter(part, part.Vector.Integers, _longs);
        }

        Pack(_longs, column);
        column.Integers = _longs.AsSpan(0, column.Count);
        return column;
    }

    private GatheredColumn Floats()
    {
        var column = Begin(_floats, ColumnType.Float);
        LentArray.Room(ref _doubles, Rows);
        foreach (var part in _floats)
        {
            Scatter(part, part.Vector.Type == ColumnType.Float ? part.Vector.Floats : Array.ConvertAll(part.Vector.Integers, value => (double)value), _doubles);
        }

        Pack(_doubles, column);
        column.Floats = _doubles.AsSpan(0, column.Count);
        return column;
    }

    private GatheredColumn Texts()
    {
        var width = _texts[0].Vector.HexWidth;
        if (width > 0 && _texts.TrueForAll(part => part.Vector.Type == ColumnType.Hex && part.Vector.HexWidth == width))
        {
            return Hexadecimal(width);
        }

        var column = Begin(_texts, ColumnType.Dictionary);
        LentArray.Room(ref _codes, Rows);
        _strings.Clear();
        Span<byte> scratch = stackalloc byte[64];
        var onlyTexts = _texts.TrueForAll(part => part.Vector.Type != ColumnType.Dictionary);
        var isUnique = false;
        var seen = 0;
        foreach (var part in _texts)
        {
            var vector = part.Vector;
            var codes = LentArrays.Rent<int>(vector.Count);
            if (vector.Type == ColumnType.Dictionary)
            {
                var remap = Remap(_strings, vector.Strings);
                for (var k = 0; k < vector.Count; k++)
                {
                    codes[k] = remap[vector.Codes[k]];
                }
            }
            else
            {
                isUnique |= seen >= UniqueSample && _strings.Count * 4L > seen * 3L && onlyTexts;
                for (var k = 0; k < vector.Count; k++)
                {
                    var text = vector.Utf8(k, scratch);
                    codes[k] = isUnique ? _strings.AddUnseen(text) : _strings.Add(text);
                }
            }

            seen += vector.Count;
            Scatter(part, codes, _codes);
            LentArrays.Return(codes);
        }

        Pack(_codes, column);
        column.Codes = _codes.AsSpan(0, column.Count);
        column.Dictionary = _strings;
        return _strings.Count * 2 <= column.Count || _strings.Count <= 256 ? column : NearlyUnique(column);
    }

    /// <summary>Nearly every value its own: bytes of hexadecimal digits where all are that (ids of small batches), else plain text.</summary>
    private GatheredColumn NearlyUnique(GatheredColumn column)
    {
        column.Type = ColumnType.Text;
        var width = _strings[0].Length / 2;
        if (width is < 4 or > 16)
        {
            return column;
        }

        LentArray.Room(ref _bytes, column.Count * width);
        for (var k = 0; k < column.Count; k++)
        {
            if (!Hex.TryDecodeLower(_strings[column.Codes[k]], _bytes.AsSpan(k * width, width)))
            {
                return column;
            }
        }

        column.Type = ColumnType.Hex;
        column.HexBytes = _bytes.AsSpan(0, column.Count * width);
        column.HexWidth = width;
        return column;
    }

    private GatheredColumn Hexadecimal(int width)
    {
        var column = Begin(_texts, ColumnType.Hex);
        LentArray.Room(ref _bytes, Rows * width);
        switch (width)
        {
            case 16:
                ScatterHex<UInt128>();
                break;
            case 8:
                ScatterHex<ulong>();
                break;
            case 4:
                ScatterHex<uint>();
                break;
            default:
                foreach (var part in _texts)
                {
                    var position = Positions(part.Batch);
                    for (int row = 0, k = 0; row < position.Length; row++)
                    {
                        if (part.Vector.Has(row))
                        {
                            part.Vector.HexBytes.AsSpan(k++ * width, width).CopyTo(_bytes.AsSpan(position[row] * width));
                        }
                    }
                }

                break;
        }

        if (!column.Presence.IsEmpty)
        {
            var to = 0;
            for (var row = 0; row < Rows; row++)
            {
                if ((column.Presence[row >> 6] >> (row & 63) & 1) != 0)
                {
                    _bytes.AsSpan(row * width, width).CopyTo(_bytes.AsSpan(width * to++));
                }
            }
        }

        column.HexBytes = _bytes.AsSpan(0, column.Count * width);
        column.HexWidth = width;
        return column;
    }

    /// <summary>Ids of the usual widths move as one number each.</summary>
    private void ScatterHex<T>()
        where T : unmanaged
    {
        var byRow = MemoryMarshal.Cast<byte, T>(_bytes.AsSpan());
        foreach (var part in _texts)
        {
            Scatter<T>(part, MemoryMarshal.Cast<byte, T>(part.Vector.HexBytes), byRow);
        }
    }

    /// <summary>Type, count and presence of a column made of parts of different rows.</summary>
    private GatheredColumn Begin(List<Part> parts, ColumnType type)
    {
        var count = 0;
        foreach (var part in parts)
        {
            count += part.Vector.Count;
        }

        var column = new GatheredColumn { Type = type, Count = count, Dictionary = _strings };
        if (count == Rows)
        {
            return column;
        }

        var presence = _presence.AsSpan(0, (Rows + 63) >> 6);
        presence.Clear();
        foreach (var part in parts)
        {
            var position = Positions(part.Batch);
            if (part.Vector.Presence is null)
            {
                foreach (var at in position)
                {
                    presence[at >> 6] |= 1UL << (at & 63);
                }

                continue;
            }

            for (var word = 0; word < part.Vector.Presence.Length; word++)
            {
                for (var bits = part.Vector.Presence[word]; bits != 0; bits &= bits - 1)
                {
                    var at = position[(word << 6) + BitOperations.TrailingZeroCount(bits)];
                    presence[at >> 6] |= 1UL << (at & 63);
                }
            }
        }

        column.Presence = presence;
        return column;
    }

    private void Scatter<T>(in Part part, ReadOnlySpan<T> values, Span<T> byRow)
    {
        var position = Positions(part.Batch);
        if (part.Vector.Presence is not { } presence)
        {
            for (var row = 0; row < position.Length; row++)
            {
                byRow[position[row]] = values[row];
            }

            return;
        }

        var k = 0;
        for (var word = 0; word < presence.Length; word++)
        {
            for (var bits = presence[word]; bits != 0; bits &= bits - 1)
            {
                byRow[position[(word << 6) + BitOperations.TrailingZeroCount(bits)]] = values[k++];
            }
        }
    }

    /// <summary>Moves the values of the present rows to the front.</summary>
    private static void Pack<T>(Span<T> byRow, in GatheredColumn column)
    {
        var to = 0;
        for (var word = 0; word < column.Presence.Length; word++)
        {
            for (var bits = column.Presence[word]; bits != 0; bits &= bits - 1)
            {
                byRow[to++] = byRow[(word << 6) + BitOperations.TrailingZeroCount(bits)];
            }
        }
    }

    /// <summary>Each row's position. Stable: traces by their first row, the rows of a trace as they came; rows without one stay where they are, each its own.</summary>
    private void Order(IntegerMap map)
    {
        map.Clear();
        var columns = new List<ColumnVector>();
        var next = -1L;
        for (var b = 0; b < _batches.Count; b++)
        {
            columns.Clear();
            _batches[b].GetColumns(ColumnBlockWriter.TraceIdField, columns);
            var vector = columns.Count == 1 && columns[0].Type is ColumnType.Dictionary or ColumnType.Text or ColumnType.Hex ? columns[0] : null;
            var group = _position.AsSpan(_firstRow[b], _batches[b].Rows);
            for (int row = 0, k = 0; row < group.Length; row++)
            {
                group[row] = map.Add(vector is not null && vector.Has(row) ? TraceOf(vector, k++) : next--);
            }
        }

        var starts = LentArrays.Rent<int>(map.Count + 1);
        starts.AsSpan(0, map.Count + 1).Clear();
        var groups = _position.AsSpan(0, Rows);
        foreach (var group in groups)
        {
            starts[group + 1]++;
        }

        for (var group = 0; group < map.Count; group++)
        {
            starts[group + 1] += starts[group];
        }

        for (var row = 0; row < groups.Length; row++)
        {
            groups[row] = starts[groups[row]]++;
        }

        LentArrays.Return(starts);
    }

    /// <summary>A number of 0 or more that rows of one trace share, whatever type their batch's column has.</summary>
    private static long TraceOf(ColumnVector vector, int k)
    {
        Span<byte> scratch = stackalloc byte[64];
        var key = vector is { Type: ColumnType.Hex, HexWidth: 16 } ? TraceKey.FromBytes(vector.HexBytes.AsSpan(k * 16, 16)) : TraceKey.Of(vector.Utf8(k, scratch));
        return (long)(FastHash.Mix(key.High ^ 0x9E3779B97F4A7C15UL, key.Low ^ 0xC2B2AE3D27D4EB4FUL) >> 1);
    }

    private readonly record struct Part(int Batch, ColumnVector Vector);
}
