using System.Runtime.CompilerServices;
using K4os.Compression.LZ4;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Collects rows column by column and writes them as one record of the batches log (docs/formats/event-batch.md). Reusable; nothing is allocated per row once warm.
/// Not thread-safe.
/// </summary>
internal sealed class EventBatchBuilder
{
    /// <summary>First byte of the record: what kind of record it is.</summary>
    public const byte RecordKind = 1;

    /// <summary>Second byte: the version of the format.</summary>
    public const byte Version = 2;

    /// <summary>Bytes below which a chunk is not compressed: what it would save is less than what it says about it.</summary>
    private const int CompressedMin = 64;

    private readonly ByteWriter _directory = new(1 << 12);
    private readonly ByteWriter _chunks = new(1 << 16);
    private readonly ByteWriter _body = new(1 << 14);
    private readonly Compressing _compressTimes = new();
    private readonly Compressing _compressDatasets = new();
    private readonly StringDictionary _datasets = new();
    private readonly List<ColumnBuilder> _used = [];
    private ColumnBuilder?[] _byField = new ColumnBuilder?[64];
    private long[] _times = new long[256];
    private double[] _weights = new double[256];
    private int[] _datasetCodes = new int[256];
    private long[] _scratch = new long[256];
    private bool _weighted;

    public int Rows { get; private set; }

    /// <summary>Estimate of the uncompressed batch.</summary>
    public int ApproximateBytes { get; private set; }

    /// <summary>Starts a row; its number within the batch.</summary>
    public int AddRow(long timeNs, double weight, ReadOnlySpan<byte> dataset)
    {
        if (Rows == _times.Length)
        {
            Array.Resize(ref _times, Rows * 2);
            Array.Resize(ref _weights, Rows * 2);
            Array.Resize(ref _datasetCodes, Rows * 2);
        }

        _times[Rows] = timeNs;
        _weights[Rows] = weight;
        _weighted |= weight != 1;
        _datasetCodes[Rows] = _datasets.Add(dataset);
        ApproximateBytes += 8;
        return Rows++;
    }

    /// <summary>Sets a field of the row that was added last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(int field, byte[] name, int row, in ParsedField value, ReadOnlySpan<byte> text)
    {
        var column = (uint)field < (uint)_byField.Length ? _byField[field] : null;
        if (column is null or { IsEmpty: true })
        {
            column = Begin(field, name);
        }

        ApproximateBytes += column.Append(row, value, text);
    }

    public void Clear()
    {
        foreach (var column in _used)
        {
            column.Clear();
        }

        _used.Clear();
        _datasets.Clear();
        Rows = 0;
        ApproximateBytes = 0;
        _weighted = false;
    }

    /// <summary>Forgets the columns themselves too, with their learnt layouts: when field numbers are given anew.</summary>
    public void ForgetFields()
    {
        Clear();
        Array.Clear(_byField);
    }

    /// <summary>Writes the rows as one log record and starts anew.</summary>
    public byte[] Encode()
    {
        _directory.Clear();
        _chunks.Clear();
        var (least, greatest) = WriteTimes();
        AddChunk(_compressTimes);
        if (_weighted)
        {
            PackedNumbers.WriteFloats(_body, _weights.AsSpan(0, Rows), ref _scratch);
        }

        AddChunk(_compressTimes);
        WriteStrings(_body, _datasets);
        PackedNumbers.WriteCodes(_body, _datasetCodes.AsSpan(0, Rows), _datasets.Count);
        AddChunk(_compressDatasets);
        var columns = 0;
        foreach (var column in _used)
        {
            columns += column.Write(this);
        }

        _body.Clear();
        _body.U8(RecordKind);
        _body.U8(Version);
        _body.Varint((ulong)Rows);
        _body.I64(least);
        _body.I64(greatest);
        _body.Varint((ulong)columns);
        byte[] record = [.. _body.Written, .. _directory.Written, .. _chunks.Written];
        _body.Clear();
        Clear();
        return record;
    }

    /// <summary>The column of a field that the batch has no value of yet.</summary>
    private ColumnBuilder Begin(int field, byte[] name)
    {
        if (field >= _byField.Length)
        {
            Array.Resize(ref _byField, Math.Max(field + 1, _byField.Length * 2));
        }

        var column = _byField[field] ??= new ColumnBuilder(name);
        _used.Add(column);
        ApproximateBytes += name.Length + 16;
        return column;
    }

    /// <summary>Puts the body into a chunk of its own, compressed where that saves an eighth, and clears it. What did not compress is tried again a while later.</summary>
    private void AddChunk(Compressing compressing)
    {
        var body = _body.Written;
        if (body.Length >= CompressedMin && compressing.IsWorthATry())
        {
            var at = _chunks.Length;
            var stored = LZ4Codec.Encode(body, _chunks.Take(LZ4Codec.MaximumOutputSize(body.Length)), LZ4Level.L00_FAST);
            if (compressing.Tried(stored <= body.Length - (body.Length >> 3)))
            {
                _chunks.Rewind(at + stored);
                _directory.Varint((ulong)stored);
                _directory.Varint((ulong)body.Length);
                _body.Clear();
                return;
            }

            _chunks.Rewind(at);
        }

        _chunks.Raw(body);
        _directory.Varint((ulong)body.Length);
        _directory.Varint(0);
        _body.Clear();
    }

    /// <summary>Writes the times; the least and the greatest of them.</summary>
    private (long Least, long Greatest) WriteTimes()
    {
        // Clocks tick in ns, us, ms or s: the coarsest unit that all times share makes the numbers short.
        long unit = 1_000_000_000, least = long.MaxValue, greatest = long.MinValue;
        var times = _times.AsSpan(0, Rows);
        foreach (var time in times)
        {
            (least, greatest) = (Math.Min(least, time), Math.Max(greatest, time));
            while (time % unit != 0)
            {
                unit /= 1000;
            }
        }

        if (_scratch.Length < Rows)
        {
            _scratch = new long[_times.Length];
        }

        for (var i = 0; i < times.Length; i++)
        {
            _scratch[i] = times[i] / unit;
        }

        _body.I64(unit);
        PackedNumbers.WriteIntegers(_body, _scratch.AsSpan(0, Rows));
        return (least, greatest);
    }

    internal static void WriteStrings(ByteWriter w, StringDictionary dictionary)
    {
        w.Varint((ulong)dictionary.Count);
        for (var i = 0; i < dictionary.Count; i++)
        {
            w.Varint((ulong)dictionary[i].Length);
        }

        for (var i = 0; i < dictionary.Count; i++)
        {
            w.Raw(dictionary[i]);
        }
    }

    /// <summary>Whether a kind of chunk is worth compressing, learnt: one that was not is left as it is for the next ones.</summary>
    private sealed class Compressing
    {
        private const int LeftAlone = 31;

        private int _left;

        /// <summary>For what never compresses. Not changed by anybody.</summary>
        public static Compressing Never { get; } = new() { _left = int.MaxValue };

        public bool IsWorthATry() => this != Never && --_left < 0;

        public bool Tried(bool isSmaller)
        {
            _left = isSmaller ? 0 : LeftAlone;
            return isSmaller;
        }
    }

    /// <summary>All values of one field, by type.</summary>
    private sealed class ColumnBuilder(byte[] name)
    {
        private Values? _strings, _integers, _floats, _bools;

        public bool IsEmpty { get; private set; } = true;

        /// <summary>Appends a value; about the bytes it takes.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public int Append(int row, in ParsedField value, ReadOnlySpan<byte> text)
        {
            if (value.Kind != FieldKind.String)
            {
                return AppendNumber(row, value);
            }

            var values = Use(ref _strings);
            if (values.TextMode)
            {
                values.AppendText(row, text);
                return text.Length + 2;
            }

            values.AppendCode(row, text);
            return 2;
        }

        private int AppendNumber(int row, in ParsedField value)
        {
            switch (value.Kind)
            {
                case FieldKind.Integer:
                    Use(ref _integers).AppendInteger(row, value.Bits);
                    return 4;
                case FieldKind.Float:
                    Use(ref _floats).AppendFloat(row, BitConverter.Int64BitsToDouble(value.Bits));
                    return 8;
                default:
                    Use(ref _bools).AppendInteger(row, value.Bits);
                    return 1;
            }
        }

        public void Clear()
        {
            IsEmpty = true;
            _strings?.Clear();
            _integers?.Clear();
            _floats?.Clear();
            _bools?.Clear();
        }

        /// <summary>Writes the physical columns; how many there are.</summary>
        public int Write(EventBatchBuilder batch)
        {
            // One column of floats, not two of halves: 3 and 3.5 are both JSON numbers.
            var areMoved = _integers is { Count: > 0 } && _floats is { Count: > 0 } && _integers.TryMoveTo(_floats);
            var written = 0;
            if (_integers is { Count: > 0 } integers && !areMoved)
            {
                Begin(batch, integers);
                PackedNumbers.WriteIntegers(batch._body, integers.Integers.AsSpan(0, integers.Count));
                written += End(batch, ColumnType.Integer, integers);
            }

            if (_floats is { Count: > 0 } floats)
            {
                Begin(batch, floats);
                PackedNumbers.WriteFloats(batch._body, floats.Floats.AsSpan(0, floats.Count), ref batch._scratch);
                written += End(batch, ColumnType.Float, floats);
            }

            if (_bools is { Count: > 0 } bools)
            {
                Begin(batch, bools);
                PackedNumbers.WriteIntegers(batch._body, bools.Integers.AsSpan(0, bools.Count));
                written += End(batch, ColumnType.Bool, bools);
            }

            if (_strings is { Count: > 0 } strings)
            {
                Begin(batch, strings);
                written += End(batch, WriteTexts(batch._body, strings), strings);
            }

            return written;
        }

        private static ColumnType WriteTexts(ByteWriter body, Values strings)
        {
            if (!strings.TextMode)
            {
                WriteStrings(body, strings.Dictionary);
                PackedNumbers.WriteCodes(body, strings.Codes.AsSpan(0, strings.Count), strings.Dictionary.Count);
                return ColumnType.Dictionary;
            }

            if (strings.TryWriteHex(body))
            {
                return ColumnType.Hex;
            }

            for (var i = 0; i < strings.Count; i++)
            {
                body.Varint((ulong)(strings.Ends[i] - (i == 0 ? 0 : strings.Ends[i - 1])));
            }

            body.Raw(strings.Text.AsSpan(0, strings.Ends[strings.Count - 1]));
            return ColumnType.Text;
        }

        private static void Begin(EventBatchBuilder batch, Values values)
        {
            if (values.Count < batch.Rows)
            {
                batch._body.Words(values.PresenceWords((batch.Rows + 63) >> 6));
            }
        }

        private int End(EventBatchBuilder batch, ColumnType type, Values values)
        {
            batch._directory.Blob(name);
            batch._directory.U8((byte)type);
            batch._directory.Varint((ulong)values.Count);
            batch.AddChunk(type == ColumnType.Hex ? Compressing.Never : values.Compressing);
            return 1;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Values Use(ref Values? slot) => slot is { Count: > 0 } values ? values : Begin(ref slot);

        private Values Begin(ref Values? slot)
        {
            IsEmpty = false;
            return slot ??= new Values();
        }
    }

    /// <summary>The values of one physical column.</summary>
    private sealed class Values
    {
        public readonly StringDictionary Dictionary = new();
        public ulong[] Presence = new ulong[4];
        public long[] Integers = [];
        public double[] Floats = [];
        public int[] Codes = [];
        public byte[] Text = [];
        public int[] Ends = [];
        public int Count;
        public bool TextMode;
        public readonly Compressing Compressing = new();
        private int _marked;                // words of Presence in use; 0 = a value in every row so far, the bits not written
        private int _textBatches;
        private int _lastCode;

        private int WordsUsed => Math.Max(_marked, (Count >> 6) + 1);

        public void AppendInteger(int row, long value)
        {
            if (Count == Integers.Length)
            {
                Array.Resize(ref Integers, Math.Max(64, Count * 2));
            }

            Integers[Count] = value;
            Mark(row);
        }

        public void AppendFloat(int row, double value)
        {
            if (Count == Floats.Length)
            {
                Array.Resize(ref Floats, Math.Max(64, Count * 2));
            }

            Floats[Count] = value;
            Mark(row);
        }

        /// <summary>Appends a text by its code.</summary>
        public void AppendCode(int row, ReadOnlySpan<byte> text)
        {
            if (Count == Codes.Length)
            {
                Array.Resize(ref Codes, Math.Max(64, Count * 2));
            }

            // Fast path: the value of the row before, as often as not: a trace's spans come one after the other, with one customer, build and host.
            if (Count == 0 || !Dictionary.Is(_lastCode, text))
            {
                _lastCode = Dictionary.Add(text);
            }

            Codes[Count] = _lastCode;
            Mark(row);
        }

        /// <summary>Appends a text as it is.</summary>
        public void AppendText(int row, ReadOnlySpan<byte> text)
        {
            if (Count == Ends.Length)
            {
                Array.Resize(ref Ends, Math.Max(64, Count * 2));
            }

            var start = Count == 0 ? 0 : Ends[Count - 1];
            if (start + text.Length > Text.Length)
            {
                Array.Resize(ref Text, Math.Max(start + text.Length, Text.Length * 2));
            }

            text.CopyTo(Text.AsSpan(start));
            Ends[Count] = start + text.Length;
            Mark(row);
        }

        /// <summary>Presence as so many words.</summary>
        public ReadOnlySpan<ulong> PresenceWords(int words)
        {
            if (_marked == 0)
            {
                MarkAll();
            }

            EnsurePresence(words);
            return Presence.AsSpan(0, words);
        }

        /// <summary>Moves integers into the floats' column, in row order; false when one is past 2^53.</summary>
        public bool TryMoveTo(Values floats)
        {
            for (var i = 0; i < Count; i++)
            {
                if (Integers[i] is < -9007199254740992 or > 9007199254740992)
                {
                    return false;
                }
            }

            var merged = new double[Count + floats.Count];
            var words = Math.Max(WordsUsed, floats.WordsUsed);
            var mineHas = PresenceWords(words);
            _ = floats.PresenceWords(words);
            int mine = 0, theirs = 0, to = 0;
            for (var word = 0; word < words; word++)
            {
                for (var bits = mineHas[word] | floats.Presence[word]; bits != 0; bits &= bits - 1)
                {
                    var isMine = (mineHas[word] & bits & (~bits + 1)) != 0;
                    merged[to++] = isMine ? Integers[mine++] : floats.Floats[theirs++];
                }

                floats.Presence[word] |= mineHas[word];
            }

            floats.Floats = merged;
            floats.Count = merged.Length;
            floats._marked = words;
            return true;
        }

        /// <summary>When all values are lower-case hexadecimal of one even length up to 32 digits: how many bytes each has, and the bytes.</summary>
        public bool TryWriteHex(ByteWriter plain)
        {
            var width = Ends[0] / 2;
            if (width is < 4 or > 16 || Ends[0] % 2 != 0)
            {
                return false;
            }

            var at = plain.Length;
            var digits = width * 2;
            plain.U8((byte)width);
            for (var i = 0; i < Count; i++)
            {
                var start = i == 0 ? 0 : Ends[i - 1];
                if (Ends[i] - start != digits || !Hex.TryDecodeLower(Text.AsSpan(start, digits), plain.Take(width)))
                {
                    plain.Rewind(at);
                    return false;
                }
            }

            return true;
        }

        public void Clear()
        {
            if (Count == 0)
            {
                return;
            }

            // Nearly every value its own: a dictionary costs look-ups and saves nothing. Learnt for the next batches, tried again now and then.
            if (TextMode)
            {
                if (++_textBatches == 128)
                {
                    TextMode = false;
                }
            }
            else if (Dictionary.Count > 16 && Dictionary.Count * 8L > Count * 7L)
            {
                TextMode = true;
                _textBatches = 0;
            }

            Dictionary.Clear();
            Presence.AsSpan(0, _marked).Clear();
            Count = 0;
            _marked = 0;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Mark(int row)
        {
            // A column with a value in every row so far has no bits yet.
            if (Count != row || _marked > 0)
            {
                MarkSparse(row);
            }

            Count++;
        }

        private void EnsurePresence(int words)
        {
            if (Presence.Length < words)
            {
                Array.Resize(ref Presence, Math.Max(words, Presence.Length * 2));
            }
        }

        private void MarkSparse(int row)
        {
            if (_marked == 0)
            {
                MarkAll();
            }

            EnsurePresence((row >> 6) + 1);
            Presence[row >> 6] |= 1UL << (row & 63);
            _marked = (row >> 6) + 1;
        }

        /// <summary>Writes the bits that a column without a gap has left out.</summary>
        private void MarkAll()
        {
            EnsurePresence((Count >> 6) + 1);
            Presence.AsSpan(0, Count >> 6).Fill(ulong.MaxValue);
            Presence[Count >> 6] = (1UL << (Count & 63)) - 1;
            _marked = (Count >> 6) + 1;
        }
    }
}
