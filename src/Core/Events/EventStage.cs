using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace StreamObserve.Core.Events;

/// <summary>
/// The rows that wait for their batches, of all partitions together, field by field: parsing puts a value behind the one that its field had before, and only when the batches are written
/// (<see cref="StageEncoder"/>) is a field's column divided among the partitions. The last row is open until it is committed or dropped. Not thread-safe.
/// </summary>
[SkipLocalsInit]
internal sealed class EventStage
{
    /// <summary>About the bytes of a row besides its values.</summary>
    private const int RowBytes = 8;

    /// <summary>About the bytes of a value besides its text.</summary>
    private const int ValueBytes = 3;

    /// <summary>About the bytes of a column in a batch besides its name.</summary>
    private const int ColumnBytes = 16;

    /// <summary>About the bytes of memory that a field takes besides its values.</summary>
    private const int FieldBytes = 1_024;

    /// <summary>Texts of one field past which it starts anew at the next empty moment: a table that stays in the processor's cache is worth more than what it remembers.</summary>
    private const int TextsMax = 4_096;

    /// <summary>Bytes of texts of all fields past which all start anew at the next empty moment.</summary>
    private const int RememberedBytesMax = 8 << 20;

    /// <summary>How often the stage is emptied until fields that are not used are looked for.</summary>
    private const int ClearsASweep = 1_024;

    private readonly List<EventField> _active = [];
    private readonly List<EventField> _cut = [];
    private readonly int[] _touched = new int[Limits.EventFieldsMax + 16];     // numbers of the open row's fields; some more than once
    private readonly FieldTable _table;
    private readonly int[] _rowsOf;
    private readonly int[] _bytesOf;
    private int[] _partitions = new int[256];
    private long[] _times = new long[256];
    private double[] _weights = new double[256];
    private int[] _datasets = new int[256];
    private int _touchedCount;
    private int _openBytes;
    private int _columnBytes;
    private long _rowBytes;
    private long _rememberedBytes;
    private bool _isOverfull;
    private int _clears;

    /// <summary>An empty stage of so many partitions, for fields of a table.</summary>
    public EventStage(int partitions, FieldTable table)
    {
        _table = table;
        _rowsOf = new int[partitions];
        _bytesOf = new int[partitions];
    }

    /// <summary>Committed rows.</summary>
    public int Rows { get; private set; }

    /// <summary>Estimate of the bytes that they take, and their fields.</summary>
    public long Bytes => _rowBytes + ((long)FieldBytes * _active.Count);

    /// <summary>Some row stands for other than one event.</summary>
    public bool IsWeighted { get; private set; }

    /// <summary>The roles, a bit each, of fields that the open row has or had.</summary>
    public int Roles { get; private set; }

    /// <summary>Fields of the open row whose texts were cut.</summary>
    public IReadOnlyList<EventField> Cut => _cut;

    /// <summary>Fields that rows have.</summary>
    public IReadOnlyList<EventField> Active => _active;

    /// <summary>Each row's partition.</summary>
    public ReadOnlySpan<int> Partitions => _partitions.AsSpan(0, Rows);

    /// <summary>Each row's time, Unix ns.</summary>
    public ReadOnlySpan<long> Times => _times.AsSpan(0, Rows);

    /// <summary>How many events each row stands for.</summary>
    public ReadOnlySpan<double> Weights => _weights.AsSpan(0, Rows);

    /// <summary>Each row's dataset, by its code.</summary>
    public ReadOnlySpan<int> Datasets => _datasets.AsSpan(0, Rows);

    /// <summary>Rows of each partition.</summary>
    public ReadOnlySpan<int> RowsOf => _rowsOf;

    /// <summary>Texts are to be forgotten as soon as no row waits.</summary>
    public bool IsOverfull => _isOverfull || _rememberedBytes > RememberedBytesMax;

    /// <summary><see cref="Sweep"/> is due.</summary>
    public bool IsToBeSwept => _clears >= ClearsASweep;

    /// <summary>Estimate of the bytes of a partition's batch, uncompressed: with the names of all columns, which it may have.</summary>
    public int BytesOf(int partition) => _rowsOf[partition] == 0 ? 0 : _bytesOf[partition] + _columnBytes;

    /// <summary>Whether the open row has a value of a field.</summary>
    public bool Has(EventField field) => field.IsIn(Rows);

    /// <summary>Opens a row.</summary>
    public void Open()
    {
        Roles = 0;
        _openBytes = RowBytes;
        _touchedCount = 0;
    }

    /// <summary>Puts the field's last value once more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PutToken(EventField field)
    {
        Begin(field);
        field.PutToken(Rows);
    }

    /// <summary>Puts a number or a truth value; a repeated field keeps its last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Put(EventField field, FieldKind kind, long bits)
    {
        Begin(field);
        field.Put(Rows, kind, bits);
    }

    /// <summary>Puts a text, cut to what a value may hold.</summary>
    public void PutText(EventField field, ReadOnlySpan<byte> text)
    {
        if (text.Length > Limits.StringBytesMax)
        {
            PutCut(field, text);
            return;
        }

        Begin(field);
        _openBytes += text.Length;      // also of one that is remembered: the batch may not have it yet
        if (field.IsTextMode)
        {
            field.PutText(Rows, text);
            return;
        }

        var before = field.Texts.Count;
        var code = field.Texts.CodeOf(text);
        Remember(field, before, text.Length);
        field.PutCode(Rows, code);
    }

    /// <summary>Puts a text of at most <see cref="EventField.Compared"/> bytes; its code, -1 when it has none.</summary>
    /// <param name="field">Its field.</param>
    /// <param name="bytes">The text and what stands behind it.</param>
    /// <param name="length">Its length.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int PutShortText(EventField field, Vector256<byte> bytes, int length)
    {
        Begin(field);
        if (field.IsTextMode)
        {
            _openBytes += length;
            field.PutText(Rows, bytes, length);
            return -1;
        }

        var text = bytes & EventField.Mask(length);
        var code = field.Texts.Find(text);
        code = code >= 0 ? code : AddShort(field, text, length);
        field.PutCode(Rows, code);
        return code;
    }

    /// <summary>Takes back what the open row has of a field: null, or a value that became something else.</summary>
    public void Remove(EventField field)
    {
        if (field.IsIn(Rows))
        {
            field.DropLast();
            _cut.Remove(field);
        }
    }

    /// <summary>Closes the row.</summary>
    public void Commit(int partition, long timeNs, double weight, int dataset)
    {
        if (Rows == _times.Length)
        {
            Array.Resize(ref _partitions, Rows * 2);
            Array.Resize(ref _times, Rows * 2);
            Array.Resize(ref _weights, Rows * 2);
            Array.Resize(ref _datasets, Rows * 2);
        }

        _partitions[Rows] = partition;
        _times[Rows] = timeNs;
        _weights[Rows] = weight;
        _datasets[Rows] = dataset;
        IsWeighted |= weight != 1;
        _rowsOf[partition]++;
        _bytesOf[partition] += _openBytes;
        _rowBytes += _openBytes;
        _cut.Clear();
        Rows++;
    }

    /// <summary>Forgets the open row.</summary>
    public void Drop()
    {
        var fields = _table.Fields;
        foreach (var id in _touched.AsSpan(0, _touchedCount))
        {
            if (fields[id].IsIn(Rows))
            {
                fields[id].DropLast();
            }
        }

        _cut.Clear();
    }

    /// <summary>Forgets all rows.</summary>
    public void Clear()
    {
        foreach (var field in _active)
        {
            field.Clear();
        }

        _clears++;
        _active.Clear();
        _cut.Clear();
        Array.Clear(_rowsOf);
        Array.Clear(_bytesOf);
        IsWeighted = false;
        Rows = 0;
        _rowBytes = 0;
        _columnBytes = 0;
    }

    /// <summary>Gives the memory of fields back that no row has had for a while. No row may wait.</summary>
    public void Sweep(ReadOnlySpan<EventField> fields)
    {
        _clears = 0;
        foreach (var field in fields)
        {
            field.ReleaseUnused();
        }
    }

    /// <summary>Forgets texts until those that stay are within bounds. No row may wait.</summary>
    public void Trim(ReadOnlySpan<EventField> fields)
    {
        var isAll = _rememberedBytes > RememberedBytesMax;
        _rememberedBytes = 0;
        foreach (var field in fields)
        {
            if (isAll || field.IsTextMode || field.Texts.Count > TextsMax)
            {
                field.ForgetTexts(isAll || field.Texts.Count > 4 * TextsMax);
            }

            _rememberedBytes += field.Texts.Bytes;
        }

        _isOverfull = false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Begin(EventField field)
    {
        Roles |= 1 << (int)field.Role;
        _openBytes += ValueBytes;
        _touched[_touchedCount++] = field.Id;
        if (field.IsIn(Rows) || !field.IsActive)
        {
            BeginSlowly(field);
        }
    }

    private void BeginSlowly(EventField field)
    {
        Remove(field);      // a repeated name: the last value counts
        if (!field.IsActive)
        {
            field.Activate();
            _active.Add(field);
            _columnBytes += field.Name.Length + ColumnBytes;
        }
    }

    private int AddShort(EventField field, Vector256<byte> text, int length)
    {
        var before = field.Texts.Count;
        var code = field.Texts.Add(text, length);
        _openBytes += length;
        Remember(field, before, 0);
        return code;
    }

    private void Remember(EventField field, int before, int bytes)
    {
        if (field.Texts.Count != before)
        {
            _rememberedBytes += bytes + FieldTexts.BytesOfText;
            _isOverfull |= before >= TextsMax;
        }
    }

    private void PutCut(EventField field, ReadOnlySpan<byte> text)
    {
        var end = Limits.StringBytesMax;
        while (end > 0 && (text[end] & 0xC0) == 0x80)
        {
            end--;
        }

        PutText(field, text[..end]);
        _cut.Add(field);
    }
}
