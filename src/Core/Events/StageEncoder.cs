using System.Runtime.InteropServices;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Events;

/// <summary>
/// Writes the rows of an <see cref="EventStage"/> as one record of the batches log for each partition, field by field: a field's column is divided among the partitions by one pass,
/// and each share written while it is in the processor's cache. Reusable; nothing but the records is allocated once warm. Not thread-safe.
/// </summary>
internal sealed class StageEncoder
{
    /// <summary>Integers up to it are exact floats.</summary>
    private const long ExactMax = 1L << 53;

    private readonly EventBatchWriter[] _writers;
    private readonly int[] _starts;
    private readonly int[] _next;
    private readonly ChunkCompression _compressTimes = new();
    private readonly ChunkCompression _compressDatasets = new();
    private readonly Shares<long> _integers, _floats, _texts;
    private readonly Shares<int> _codes;
    private int[] _places = [];         // of each row: its number within its partition's batch
    private long[] _longs = [];
    private double[] _doubles = [];
    private int[] _order = [];

    /// <summary>An encoder for stages of so many partitions.</summary>
    public StageEncoder(int partitions)
    {
        _writers = new EventBatchWriter[partitions];
        for (var i = 0; i < partitions; i++)
        {
            _writers[i] = new();
        }

        _starts = new int[partitions];
        _next = new int[partitions];
        _integers = new(partitions);
        _floats = new(partitions);
        _texts = new(partitions);
        _codes = new(partitions);
    }

    /// <summary>Writes all rows. Partitions without rows get no record.</summary>
    /// <param name="stage">The rows; they stay.</param>
    /// <param name="datasets">Has their datasets' names.</param>
    /// <param name="records">Receives each partition's record and how many rows it has.</param>
    public void Encode(EventStage stage, FieldTexts datasets, Queue<(byte[] Record, int Rows)>[] records)
    {
        Number(stage);
        BeginRecords(stage, datasets);
        foreach (var field in stage.Active)
        {
            WriteNumbers(stage, field);
            WriteBools(stage, field);
            WriteTexts(stage, field);
        }

        for (var partition = 0; partition < _writers.Length; partition++)
        {
            if (stage.RowsOf[partition] is > 0 and var rows)
            {
                records[partition].Enqueue((_writers[partition].Finish(), rows));
            }
        }
    }

    /// <summary>Numbers the rows within their partitions.</summary>
    private void Number(EventStage stage)
    {
        if (_places.Length < stage.Rows)
        {
            _places = new int[Math.Max(stage.Rows, _places.Length * 2)];
        }

        var start = 0;
        for (var partition = 0; partition < _starts.Length; partition++)
        {
            _starts[partition] = start;
            start += stage.RowsOf[partition];
        }

        Array.Clear(_next);
        var partitions = stage.Partitions;
        for (var row = 0; row < partitions.Length; row++)
        {
            _places[row] = _next[partitions[row]]++;
        }
    }

    private void BeginRecords(EventStage stage, FieldTexts datasets)
    {
        _integers.DivideRows(stage.Times, stage, this);
        _floats.DivideRows(MemoryMarshal.Cast<double, long>(stage.Weights), stage, this);
        _codes.DivideRows(stage.Datasets, stage, this);
        for (var partition = 0; partition < _writers.Length; partition++)
        {
            if (stage.RowsOf[partition] == 0)
            {
                continue;
            }

            var writer = _writers[partition];
            writer.Begin(_integers.Of(partition), _compressTimes);
            var weights = MemoryMarshal.Cast<long, double>(_floats.Of(partition));
            if (stage.IsWeighted && weights.ContainsAnyExcept(1d))
            {
                PackedNumbers.WriteFloats(writer.Body, weights, ref _longs);
            }

            writer.AddChunk(_compressTimes);
            WriteCodes(writer.Body, datasets, _codes.Of(partition));
            writer.AddChunk(_compressDatasets);
        }
    }

    private void WriteNumbers(EventStage stage, EventField field)
    {
        if (!field.HasNumbers)
        {
            return;
        }

        _integers.Divide(field.Integers, stage, this);
        _floats.Divide(field.Floats, stage, this);
        for (var partition = 0; partition < _writers.Length; partition++)
        {
            var body = _writers[partition].Body;
            var integers = _integers.Of(partition);
            var floats = MemoryMarshal.Cast<long, double>(_floats.Of(partition));
            var rows = stage.RowsOf[partition];
            if (integers.Length > 0 && floats.Length > 0 && !integers.ContainsAnyExceptInRange(-ExactMax, ExactMax))
            {
                // One column of floats, not two of halves: 3 and 3.5 are both JSON numbers.
                WritePresence(body, rows, _integers.PlacesOf(partition), _floats.PlacesOf(partition));
                PackedNumbers.WriteFloats(body, Merge(integers, _integers.PlacesOf(partition), floats, _floats.PlacesOf(partition)), ref _longs);
                _writers[partition].AddColumn(field.Name, ColumnType.Float, integers.Length + floats.Length, field.Floats.Compression);
                continue;
            }

            WriteIntegers(field, partition, rows, ColumnType.Integer, field.Integers.Compression);
            if (floats.Length > 0)
            {
                WritePresence(body, rows, _floats.PlacesOf(partition), []);
                PackedNumbers.WriteFloats(body, floats, ref _longs);
                _writers[partition].AddColumn(field.Name, ColumnType.Float, floats.Length, field.Floats.Compression);
            }
        }
    }

    private void WriteBools(EventStage stage, EventField field)
    {
        if (!field.HasBools)
        {
            return;
        }

        _integers.Divide(field.Bools, stage, this);
        for (var partition = 0; partition < _writers.Length; partition++)
        {
            WriteIntegers(field, partition, stage.RowsOf[partition], ColumnType.Bool, field.Bools.Compression);
        }
    }

    /// <summary>Writes a partition's share of the integers that were divided last.</summary>
    private void WriteIntegers(EventField field, int partition, int rows, ColumnType type, ChunkCompression compression)
    {
        var integers = _integers.Of(partition);
        if (integers.Length > 0)
        {
            var writer = _writers[partition];
            WritePresence(writer.Body, rows, _integers.PlacesOf(partition), []);
            PackedNumbers.WriteIntegers(writer.Body, integers);
            writer.AddColumn(field.Name, type, integers.Length, compression);
        }
    }

    private void WriteTexts(EventStage stage, EventField field)
    {
        if (field.Codes.Count > 0)
        {
            _codes.Divide(field.Codes, stage, this);
            for (var partition = 0; partition < _writers.Length; partition++)
            {
                var codes = _codes.Of(partition);
                if (codes.Length > 0)
                {
                    var body = _writers[partition].Body;
                    WritePresence(body, stage.RowsOf[partition], _codes.PlacesOf(partition), []);
                    field.Learn(codes.Length, WriteCodes(body, field.Texts, codes));
                    _writers[partition].AddColumn(field.Name, ColumnType.Dictionary, codes.Length, field.Codes.Compression);
                }
            }
        }

        if (field.Ends.Count > 0)
        {
            _texts.Divide(field.Ends, Slices(field.Ends.Values), stage, this);
            for (var partition = 0; partition < _writers.Length; partition++)
            {
                var slices = _texts.Of(partition);
                if (slices.Length > 0)
                {
                    var body = _writers[partition].Body;
                    WritePresence(body, stage.RowsOf[partition], _texts.PlacesOf(partition), []);
                    field.Learn(slices.Length, -1);
                    var isHex = TryWriteHex(body, field.Arena, slices);
                    if (!isHex)
                    {
                        WriteTexts(body, field.Arena, slices);
                    }

                    _writers[partition].AddColumn(field.Name, isHex ? ColumnType.Hex : ColumnType.Text, slices.Length, isHex ? ChunkCompression.Never : field.Ends.Compression);
                }
            }
        }
    }

    /// <summary>Writes texts by their codes, and those texts; how many different ones there are.</summary>
    private int WriteCodes(ByteWriter body, FieldTexts texts, Span<int> codes)
    {
        var distinct = texts.ToBatchCodes(codes, ref _order);
        var order = _order.AsSpan(0, distinct);
        body.Varint((ulong)distinct);
        foreach (var code in order)
        {
            body.Varint((ulong)texts[code].Length);
        }

        foreach (var code in order)
        {
            body.Raw(texts[code]);
        }

        PackedNumbers.WriteCodes(body, codes, distinct);
        return distinct;
    }

    private static void WriteTexts(ByteWriter body, ReadOnlySpan<byte> arena, ReadOnlySpan<long> slices)
    {
        foreach (var slice in slices)
        {
            body.Varint((uint)slice);
        }

        foreach (var slice in slices)
        {
            body.Raw(arena.Slice((int)(slice >> 32), (int)slice));
        }
    }

    /// <summary>When all texts are lower-case hexadecimal of one even length up to 32 digits: how many bytes each has, and the bytes.</summary>
    private static bool TryWriteHex(ByteWriter body, ReadOnlySpan<byte> arena, ReadOnlySpan<long> slices)
    {
        var digits = (int)slices[0];
        var width = digits / 2;
        if (width is < 4 or > 16 || digits % 2 != 0)
        {
            return false;
        }

        var at = body.Length;
        body.U8((byte)width);
        var to = body.Take(width * slices.Length);
        foreach (var slice in slices)
        {
            if ((int)slice != digits || !Hex.TryDecodeLower(arena.Slice((int)(slice >> 32), digits), to[..width]))
            {
                body.Rewind(at);
                return false;
            }

            to = to[width..];
        }

        return true;
    }

    /// <summary>Offset and length of each text, from where they end.</summary>
    private ReadOnlySpan<long> Slices(ReadOnlySpan<int> ends)
    {
        if (_longs.Length < ends.Length)
        {
            _longs = new long[Math.Max(ends.Length, _longs.Length * 2)];
        }

        var start = 0;
        for (var i = 0; i < ends.Length; i++)
        {
            _longs[i] = ((long)start << 32) | (uint)(ends[i] - start);
            start = ends[i];
        }

        return _longs.AsSpan(0, ends.Length);
    }

    /// <summary>Writes which rows have a value, unless all have: those at one list of places and those at the other.</summary>
    private static void WritePresence(ByteWriter body, int rows, ReadOnlySpan<int> places, ReadOnlySpan<int> others)
    {
        if (places.IsEmpty || places.Length + others.Length == rows)
        {
            return;
        }

        var words = MemoryMarshal.Cast<byte, ulong>(body.Take(((rows + 63) >> 6) * sizeof(ulong)));
        words.Clear();
        foreach (var place in places)
        {
            words[place >> 6] |= 1UL << (place & 63);
        }

        foreach (var place in others)
        {
            words[place >> 6] |= 1UL << (place & 63);
        }
    }

    private ReadOnlySpan<double> Merge(ReadOnlySpan<long> integers, ReadOnlySpan<int> integerPlaces, ReadOnlySpan<double> floats, ReadOnlySpan<int> floatPlaces)
    {
        var count = integers.Length + floats.Length;
        if (_doubles.Length < count)
        {
            _doubles = new double[Math.Max(count, _doubles.Length * 2)];
        }

        int i = 0, f = 0;
        for (var to = 0; to < count; to++)
        {
            var isInteger = f == floats.Length || (i < integers.Length && integerPlaces[i] < floatPlaces[f]);
            _doubles[to] = isInteger ? integers[i++] : floats[f++];
        }

        return _doubles.AsSpan(0, count);
    }

    /// <summary>A column's values by partition.</summary>
    private sealed class Shares<T>(int partitions)
        where T : unmanaged
    {
        private readonly int[] _starts = new int[partitions];
        private readonly int[] _ends = new int[partitions];
        private T[] _values = [];
        private int[] _places = [];
        private bool _isWhole;

        /// <summary>A partition's values, in row order; may be changed.</summary>
        public Span<T> Of(int partition) => _values.AsSpan(_starts[partition], _ends[partition] - _starts[partition]);

        /// <summary>Their rows' numbers within the partition; empty when every row has a value.</summary>
        public ReadOnlySpan<int> PlacesOf(int partition) => _isWhole ? [] : _places.AsSpan(_starts[partition], _ends[partition] - _starts[partition]);

        public void Divide(StagedColumn<T> column, EventStage stage, StageEncoder encoder) => Divide(column, column.Values, stage, encoder);

        /// <summary>Divides values in the rows of a column.</summary>
        public void Divide<TOther>(StagedColumn<TOther> column, ReadOnlySpan<T> values, EventStage stage, StageEncoder encoder)
            where TOther : unmanaged
        {
            if (!column.IsSparse && column.Count == stage.Rows)
            {
                DivideRows(values, stage, encoder);
                return;
            }

            _isWhole = false;
            Array.Clear(_ends);
            if (values.IsEmpty)
            {
                Array.Clear(_starts);
                return;
            }

            Reserve(values.Length);
            if (_places.Length < _values.Length)
            {
                _places = new int[_values.Length];
            }

            var rows = column.Rows;
            var partitions = stage.Partitions;
            for (var i = 0; i < values.Length; i++)
            {
                _ends[partitions[rows.IsEmpty ? i : rows[i]]]++;
            }

            var start = 0;
            for (var partition = 0; partition < _starts.Length; partition++)
            {
                var count = _ends[partition];
                _starts[partition] = _ends[partition] = start;
                start += count;
            }

            for (var i = 0; i < values.Length; i++)
            {
                var row = rows.IsEmpty ? i : rows[i];
                var to = _ends[partitions[row]]++;
                _values[to] = values[i];
                _places[to] = encoder._places[row];
            }
        }

        /// <summary>Divides a value of each row.</summary>
        public void DivideRows(ReadOnlySpan<T> values, EventStage stage, StageEncoder encoder)
        {
            Reserve(values.Length);
            _isWhole = true;
            encoder._starts.CopyTo(_starts, 0);
            encoder._starts.CopyTo(_ends, 0);
            var partitions = stage.Partitions;
            var ends = _ends;
            var to = _values;
            for (var row = 0; row < values.Length; row++)
            {
                to[ends[partitions[row]]++] = values[row];
            }
        }

        private void Reserve(int count)
        {
            if (_values.Length < count)
            {
                _values = new T[Math.Max(count, _values.Length * 2)];
            }
        }
    }
}
