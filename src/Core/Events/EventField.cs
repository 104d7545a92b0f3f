using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace StreamObserve.Core.Events;

/// <summary>
/// All that ingest keeps of one field: how its name and its last value stand in JSON text, the field that mostly follows, the texts seen with their codes, and the values of the rows
/// in the <see cref="EventStage"/>. One object, so that what an event touches of a field lies together. Not thread-safe.
/// </summary>
[SkipLocalsInit]
internal sealed class EventField
{
    /// <summary>Bytes that must be readable where a name or a value is compared.</summary>
    public const int Compared = 32;

    /// <summary>Same values, counted up, from which on the last value is looked for before any other; at most; and what one that differs counts down: four of five must be the same.</summary>
    private const int RunMin = 8, RunMax = 15, RunBreak = 4;

    /// <summary>A share of distinct texts in a batch, in eighths, past which codes save nothing.</summary>
    private const int DistinctEighthsMax = 7;

    private const int DistinctMin = 16;

    private readonly int _textBatchesMax;
    private Vector256<byte> _key, _keyMask, _token, _tokenMask;
    private FieldKind _tokenKind;
    private long _tokenBits;
    private byte[] _arena = [];
    private int _arenaLength;
    private int _run;
    private long _lastBits;
    private int _textBatches;
    private int _lastRow = -1;
    private bool _isUsed;
    private StagedColumn<long>? _integers, _floats, _bools;

    /// <summary>A field that no event has had yet.</summary>
    /// <param name="id">Its number in the table.</param>
    /// <param name="name">Its name; not to be changed.</param>
    /// <param name="role">What it means.</param>
    /// <param name="textBatchesMax">Batches whose texts go without codes before codes are tried again.</param>
    public EventField(int id, byte[] name, FieldRole role, int textBatchesMax)
    {
        Id = id;
        Name = name;
        Role = role;
        Next = this;
        _textBatchesMax = textBatchesMax;
        var key = KeyOf(name);
        KeyLength = key.Length;
        (_key, _keyMask) = Comparison(key);
        (_token, _tokenMask) = Comparison([]);
        IsTextMode = IsTime;
    }

    public int Id { get; }

    public byte[] Name { get; }

    public FieldRole Role { get; }

    /// <summary>The field that followed this one last time.</summary>
    public EventField Next { get; set; }

    /// <summary>Bytes of the name as it stands in JSON: quoted, with its colon. 0 where it needs escapes.</summary>
    public int KeyLength { get; }

    /// <summary>Bytes of the last value as it stood in JSON.</summary>
    public int TokenLength { get; private set; }

    /// <summary>Nearly every text is its own: they wait as they are, without codes.</summary>
    public bool IsTextMode { get; private set; }

    /// <summary>Texts by their codes, see <see cref="Texts"/>.</summary>
    public StagedColumn<int> Codes { get; } = new();

    /// <summary>Texts without codes: where each ends in <see cref="Arena"/>.</summary>
    public StagedColumn<int> Ends { get; } = new();

    /// <summary>Integers.</summary>
    public StagedColumn<long> Integers => _integers ??= new();

    /// <summary>The bits of floats.</summary>
    public StagedColumn<long> Floats => _floats ??= new();

    /// <summary>0 and 1.</summary>
    public StagedColumn<long> Bools => _bools ??= new();

    public bool HasNumbers => _integers is { Count: > 0 } || _floats is { Count: > 0 };

    public bool HasBools => _bools is { Count: > 0 };

    /// <summary>Texts without codes, one behind the other.</summary>
    public ReadOnlySpan<byte> Arena => _arena.AsSpan(0, _arenaLength);

    /// <summary>Some row may have a value.</summary>
    public bool IsActive { get; private set; }

    /// <summary>The kind of the value put last.</summary>
    public FieldKind LastKind { get; private set; }

    /// <summary>The value put last: a number or a truth value.</summary>
    public long LastBits => ColumnOf(LastKind).Values[^1];

    /// <summary>The text put last: its code; -1 when it has none.</summary>
    public int LastCode => IsTextMode ? -1 : Codes.Values[^1];

    /// <summary>The text put last; valid until the next one of this field.</summary>
    public ReadOnlySpan<byte> LastText => IsTextMode ? Arena[EndBefore(Ends.Count - 1)..] : Texts[Codes.Values[^1]];

    /// <summary>The texts that have codes. Codes hold until <see cref="ForgetTexts"/>.</summary>
    public FieldTexts Texts { get; } = new();

    private bool IsTime => Role is >= FieldRole.Time0 and <= FieldRole.Time4;

    /// <summary>
    /// True when the first <see cref="Compared"/> bytes of the name with its quotes and its colon stand at <paramref name="at"/>: all of it where <see cref="KeyLength"/> is not longer.
    /// So many bytes must be readable.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MatchesKey(ref byte at) => ((Vector256.LoadUnsafe(ref at) ^ _key) & _keyMask) == Vector256<byte>.Zero;

    /// <summary>True when the last value stands at <paramref name="at"/>, where <see cref="Compared"/> bytes must be readable. As many NULs match when there is none: no JSON either.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MatchesToken(ref byte at) => ((Vector256.LoadUnsafe(ref at) ^ _token) & _tokenMask) == Vector256<byte>.Zero;

    /// <summary>The field has mostly the value that it had in the event before.</summary>
    public bool IsSteady => _run >= RunMin;

    /// <summary>Remembers how a value, which is no text without a code, stands in JSON.</summary>
    /// <param name="at">Where it begins; <see cref="Compared"/> bytes must be readable.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="behind">Bytes behind it that belong to the comparison; with its own at most <see cref="Compared"/>.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="bits">The number, or the text's code.</param>
    public void RememberToken(ref byte at, int length, int behind, FieldKind kind, long bits)
    {
        _tokenMask = Mask(length + behind);
        _token = Vector256.LoadUnsafe(ref at) & _tokenMask;
        TokenLength = length;
        _tokenKind = kind;
        _tokenBits = bits;
    }

    /// <summary>Learns from a value whether values come in runs.</summary>
    /// <returns>Whether the value is worth <see cref="RememberToken"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool LearnRun(long bits)
    {
        var step = bits == _lastBits ? 1 : -RunBreak;
        _lastBits = bits;
        _run = Math.Clamp(_run + step, 0, RunMax);
        return _run >= RunMin;
    }

    /// <summary>Whether a row, the last one, has a value of this field.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsIn(int row) => _lastRow == row;

    /// <summary>Puts a number or a truth value into a row that has none of this field.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Put(int row, FieldKind kind, long bits)
    {
        _lastRow = row;
        LastKind = kind;
        ColumnOf(kind).Append(row, bits);
    }

    /// <summary>Puts a text by its code into a row that has no value of this field.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PutCode(int row, int code)
    {
        _lastRow = row;
        LastKind = FieldKind.String;
        Codes.Append(row, code);
    }

    /// <summary>Puts the last value once more, into a row that has none of this field.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PutToken(int row)
    {
        if (_tokenKind == FieldKind.String)
        {
            PutCode(row, (int)_tokenBits);
        }
        else
        {
            Put(row, _tokenKind, _tokenBits);
        }
    }

    /// <summary>Puts a text without a code into a row that has no value of this field.</summary>
    public void PutText(int row, ReadOnlySpan<byte> text)
    {
        EnsureArena(text.Length);
        text.CopyTo(_arena.AsSpan(_arenaLength));
        EndText(row, text.Length);
    }

    /// <summary>As <see cref="PutText"/>, of at most <see cref="Compared"/> bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PutText(int row, Vector256<byte> text, int length)
    {
        EnsureArena(Compared);
        text.StoreUnsafe(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_arena), _arenaLength));
        EndText(row, length);
    }

    /// <summary>Takes the value put last back.</summary>
    public void DropLast()
    {
        _lastRow = -1;
        if (LastKind != FieldKind.String)
        {
            ColumnOf(LastKind).DropLast();
        }
        else if (IsTextMode)
        {
            _arenaLength = EndBefore(Ends.Count - 1);
            Ends.DropLast();
        }
        else
        {
            Codes.DropLast();
        }
    }

    /// <summary>Some row may have a value from now on.</summary>
    public void Activate()
    {
        IsActive = true;
        _isUsed = true;
    }

    /// <summary>Forgets the values.</summary>
    public void Clear() => Clear(withBuffers: false);

    /// <summary>Gives the memory of values and texts back when no row had any since the last call.</summary>
    public void ReleaseUnused()
    {
        if (!_isUsed)
        {
            Clear(withBuffers: true);
            ForgetTexts(withBuffers: true);
        }

        _isUsed = IsActive;
    }

    /// <summary>Forgets the texts and their codes, which nothing staged and no batch may hold any more.</summary>
    /// <param name="withBuffers">Their memory too.</param>
    public void ForgetTexts(bool withBuffers)
    {
        if (_tokenKind == FieldKind.String)
        {
            ForgetToken();
        }

        Texts.Clear(withBuffers);
    }

    /// <summary>Learns from a batch written whether codes are worth their look-ups.</summary>
    /// <param name="rows">Texts in the batch.</param>
    /// <param name="distinct">Distinct ones; -1 when they went without codes.</param>
    public void Learn(int rows, int distinct)
    {
        if (distinct < 0)
        {
            if (IsTextMode && !IsTime && ++_textBatches >= _textBatchesMax)
            {
                IsTextMode = false;
            }
        }
        else if (distinct > DistinctMin && distinct * 8L > rows * (long)DistinctEighthsMax)
        {
            IsTextMode = true;
            _textBatches = 0;
            ForgetToken();
        }
    }

    private static (Vector256<byte> Bytes, Vector256<byte> Mask) Comparison(ReadOnlySpan<byte> bytes)
    {
        // Nothing to compare with: 32 NULs, which stand nowhere in JSON.
        Span<byte> padded = stackalloc byte[Compared];
        padded.Clear();
        bytes[..Math.Min(bytes.Length, Compared)].CopyTo(padded);
        return (Vector256.Create<byte>(padded), bytes.IsEmpty ? Vector256<byte>.AllBitsSet : Mask(Math.Min(bytes.Length, Compared)));
    }

    /// <summary>Ones in the first bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Mask(int length)
    {
        ReadOnlySpan<byte> onesThenZeros =
        [
            255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        return Vector256.LoadUnsafe(ref Unsafe.Add(ref MemoryMarshal.GetReference(onesThenZeros), Compared - length));
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

    private StagedColumn<long> ColumnOf(FieldKind kind) => kind switch { FieldKind.Integer => Integers, FieldKind.Float => Floats, _ => Bools };

    private int EndBefore(int index) => index == 0 ? 0 : Ends.Values[index - 1];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void EndText(int row, int length)
    {
        _lastRow = row;
        LastKind = FieldKind.String;
        _arenaLength += length;
        Ends.Append(row, _arenaLength);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void EnsureArena(int more)
    {
        if (_arenaLength + more > _arena.Length)
        {
            Array.Resize(ref _arena, Math.Max(_arenaLength + more, _arena.Length * 2));
        }
    }

    private void Clear(bool withBuffers)
    {
        Codes.Clear(withBuffers);
        Ends.Clear(withBuffers);
        _integers?.Clear(withBuffers);
        _floats?.Clear(withBuffers);
        _bools?.Clear(withBuffers);
        _arenaLength = 0;
        _lastRow = -1;
        IsActive = false;
        if (withBuffers)
        {
            _arena = [];
        }
    }

    private void ForgetToken()
    {
        (_token, _tokenMask) = Comparison([]);
        _tokenKind = FieldKind.Absent;
        TokenLength = 0;
    }
}
