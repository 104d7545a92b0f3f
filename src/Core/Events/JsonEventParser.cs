using System.Buffers.Text;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text;

namespace StreamObserve.Core.Events;

/// <summary>A field of the event just parsed: its number in the <see cref="FieldTable"/> and its value, text being a slice of the payload or of the scratch buffer.</summary>
internal struct ParsedField
{
    public int Id;
    public FieldKind Kind;
    public bool InScratch;
    public int Offset;
    public int Length;

    /// <summary>The integer, the float's bits, or 0/1.</summary>
    public long Bits;
}

/// <summary>
/// Parses one JSON object (RFC 8259, strictly) into flat fields: nested objects flatten with dots, arrays become their JSON text, null is absence,
/// a repeated name keeps its last value. Nothing is allocated per event. Not thread-safe; the fields are valid until the next call.
/// </summary>
/// <remarks>
/// The payload must be checked for UTF-8 by the caller. Measured against Utf8JsonReader over every token (0.9 CPU s per million 650-byte events): a parser that
/// knows that it wants flat fields saves the token state machine and the property look-ups, see docs/adr/0003-own-json-parser.md.
/// </remarks>
internal sealed class JsonEventParser
{
    private readonly FieldTable _table;
    private ParsedField[] _fields = new ParsedField[64];
    private byte[] _scratch = new byte[1024];
    private int _scratchUsed;
    private byte[] _path = new byte[256];
    private int _previous;

    public JsonEventParser(FieldTable table) => _table = table;

    /// <summary>The fields of the last event.</summary>
    public Span<ParsedField> Fields => _fields.AsSpan(0, Count);

    public int Count { get; private set; }

    public string Reason { get; private set; } = "";

    public string Detail { get; private set; } = "";

    /// <summary>The text of a field of the last event.</summary>
    public ReadOnlySpan<byte> Text(ReadOnlySpan<byte> payload, in ParsedField field) =>
        field.InScratch ? _scratch.AsSpan(field.Offset, field.Length) : payload.Slice(field.Offset, field.Length);

    /// <summary>Parses the object that starts at <paramref name="position"/> (a '{'); on success the position is behind its '}'. On failure the reason and detail say why.</summary>
    public bool TryParse(ReadOnlySpan<byte> payload, ref int position)
    {
        Count = 0;
        _scratchUsed = 0;
        _previous = -1;
        Reason = Detail = "";
        var start = position;
        if (!ParseObject(payload, ref position, 0, 1))
        {
            return false;
        }

        if (position - start > Limits.EventBytesMax)
        {
            return Fail(RefusalReasons.EventTooLarge, $"{position - start} bytes, the limit is {Limits.EventBytesMax}");
        }

        return true;
    }

    public static int SkipSpace(ReadOnlySpan<byte> s, int i)
    {
        while ((uint)i < (uint)s.Length && s[i] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
        {
            i++;
        }

        return i;
    }

    /// <summary>Finds the end of the value at <paramref name="i"/>, checking its grammar; -1 with reason on failure.</summary>
    public int SkipValue(ReadOnlySpan<byte> s, int i, int depth)
    {
        if ((uint)i >= (uint)s.Length)
        {
            return FailAt(s, i, "a value");
        }

        switch (s[i])
        {
            case (byte)'"':
                i = StringEnd(s, i + 1, out _);
                return i < 0 ? -1 : i + 1;
            case (byte)'{':
            case (byte)'[':
                return SkipContainer(s, i, depth);
            case (byte)'t':
                return Literal(s, i, "true"u8);
            case (byte)'f':
                return Literal(s, i, "false"u8);
            case (byte)'n':
                return Literal(s, i, "null"u8);
            default:
                return NumberEnd(s, i, out _);
        }
    }

    private bool ParseObject(ReadOnlySpan<byte> s, ref int position, int pathLength, int depth)
    {
        if (depth > Limits.NestingDepthMax)
        {
            return Fail(RefusalReasons.TooDeep, $"nested deeper than {Limits.NestingDepthMax} levels");
        }

        var i = SkipSpace(s, position + 1);
        if ((uint)i < (uint)s.Length && s[i] == (byte)'}')
        {
            position = i + 1;
            return true;
        }

        while (true)
        {
            var at = i;
            if (pathLength == 0 && _table.TryPredict(s, ref at, _previous, out var id) && (uint)at < (uint)s.Length && s[at] is > (byte)' ' and not (byte)'{')
            {
                // Fast path: the field that followed last time, its value right behind the colon.
                i = at;
                if (!ParseScalarOrArray(s, ref i, id, depth))
                {
                    return false;
                }
            }
            else if (!ParseField(s, ref i, pathLength, depth))
            {
                return false;
            }

            if ((uint)i < (uint)s.Length && s[i] <= ' ')
            {
                i = SkipSpace(s, i);
            }

            if ((uint)i >= (uint)s.Length || s[i] is not ((byte)',' or (byte)'}'))
            {
                FailAt(s, i, "',' or '}'");
                return false;
            }

            if (s[i++] == (byte)'}')
            {
                position = i;
                return true;
            }

            if ((uint)i < (uint)s.Length && s[i] <= ' ')
            {
                i = SkipSpace(s, i);
            }
        }
    }

    /// <summary>Parses a name, the colon and the value.</summary>
    private bool ParseField(ReadOnlySpan<byte> s, ref int i, int pathLength, int depth)
    {
        if ((uint)i >= (uint)s.Length || s[i] != (byte)'"')
        {
            FailAt(s, i, "a field name in quotes");
            return false;
        }

        var nameStart = i + 1;
        var nameEnd = StringEnd(s, nameStart, out var escaped);
        if (nameEnd < 0)
        {
            return false;
        }

        var name = s[nameStart..nameEnd];
        if (escaped | pathLength > 0)
        {
            // Slow path: a name with escapes, or within a nested object.
            if (!TryExtendPath(name, escaped, pathLength, out var whole))
            {
                return false;
            }

            name = _path.AsSpan(0, whole);
        }

        if (name.Length > Limits.FieldNameBytesMax)
        {
            return Fail(RefusalReasons.FieldNameTooLong, $"a field name of {name.Length} bytes, the limit is {Limits.FieldNameBytesMax}");
        }

        i = SkipSpace(s, nameEnd + 1);
        if ((uint)i >= (uint)s.Length || s[i] != (byte)':')
        {
            FailAt(s, i, "':'");
            return false;
        }

        i = SkipSpace(s, i + 1);
        if ((uint)i >= (uint)s.Length)
        {
            FailAt(s, i, "a value");
            return false;
        }

        if (s[i] != (byte)'{')
        {
            return ParseScalarOrArray(s, ref i, _table.Find(name, _previous), depth);
        }

        var length = name.Length;
        if (pathLength == 0 && !escaped)
        {
            EnsurePath(length);
            name.CopyTo(_path);
        }

        return ParseObject(s, ref i, length, depth + 1);
    }

    private bool ParseScalarOrArray(ReadOnlySpan<byte> s, ref int i, int id, int depth)
    {
        ParsedField field = default;
        switch (s[i])
        {
            case (byte)'"':
            {
                var end = StringEnd(s, i + 1, out var escaped);
                if (end < 0)
                {
                    return false;
                }

                field.Kind = FieldKind.String;
                field.Offset = i + 1;
                field.Length = end - i - 1;
                if (escaped)
                {
                    var at = _scratchUsed;
                    EnsureScratch(field.Length);
                    field.Length = Unescape(s.Slice(field.Offset, field.Length), _scratch.AsSpan(at));
                    field.Offset = at;
                    field.InScratch = true;
                    _scratchUsed += field.Length;
                }

                i = end + 1;
                break;
            }

            case (byte)'[':
            {
                var end = SkipContainer(s, i, depth);
                if (end < 0)
                {
                    return false;
                }

                field.Kind = FieldKind.String;
                field.Offset = i;
                field.Length = end - i;
                i = end;
                break;
            }

            case (byte)'t':
                field.Kind = FieldKind.Bool;
                field.Bits = 1;
                i = Literal(s, i, "true"u8);
                break;
            case (byte)'f':
                field.Kind = FieldKind.Bool;
                i = Literal(s, i, "false"u8);
                break;
            case (byte)'n':
                field.Kind = FieldKind.Absent;
                i = Literal(s, i, "null"u8);
                break;
            default:
                i = Number(s, i, ref field);
                break;
        }

        if (i < 0)
        {
            return false;
        }

        field.Id = _previous = id;
        if (Count == Limits.EventFieldsMax)
        {
            return Fail(RefusalReasons.TooManyFields, $"more than {Limits.EventFieldsMax} fields");
        }

        if (Count == _fields.Length)
        {
            Array.Resize(ref _fields, Count * 2);
        }

        _fields[Count++] = field;
        return true;
    }

    /// <summary>The index of the closing quote of the string that begins at <paramref name="i"/>; -1 with reason when there is none or a control character stands in it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int StringEnd(ReadOnlySpan<byte> s, int i, out bool escaped)
    {
        // Fast path: the end within 16 bytes, found in one comparison.
        if (i + 16 <= s.Length)
        {
            var stop = Stops(ref Unsafe.Add(ref MemoryMarshal.GetReference(s), i));
            if (stop != 0)
            {
                var end = i + BitOperations.TrailingZeroCount(stop);
                if (s[end] == (byte)'"')
                {
                    escaped = false;
                    return end;
                }
            }
        }

        return LongStringEnd(s, i, out escaped);
    }

    private int LongStringEnd(ReadOnlySpan<byte> s, int i, out bool escaped)
    {
        escaped = false;
        while (true)
        {
            while (i + 16 <= s.Length)
            {
                var stop = Stops(ref Unsafe.Add(ref MemoryMarshal.GetReference(s), i));
                if (stop != 0)
                {
                    i += BitOperations.TrailingZeroCount(stop);
                    break;
                }

                i += 16;
            }

            if ((uint)i >= (uint)s.Length)
            {
                return FailAt(s, s.Length, "the end of a string");
            }

            var c = s[i];
            if (c == (byte)'"')
            {
                return i;
            }

            if (c == (byte)'\\')
            {
                escaped = true;
                var next = i + 1 < s.Length ? s[i + 1] : (byte)0;
                if (next == (byte)'u')
                {
                    if (i + 6 > s.Length || !IsHex(s.Slice(i + 2, 4)))
                    {
                        return FailAt(s, i, "four hexadecimal digits after \\u");
                    }

                    i += 6;
                }
                else if (next is (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t')
                {
                    i += 2;
                }
                else
                {
                    return FailAt(s, i, "an escape that JSON knows");
                }
            }
            else if (c < 0x20)
            {
                return FailAt(s, i, "no control character in a string");
            }
            else
            {
                i++;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Stops(ref byte at)
    {
        var chunk = Vector128.LoadUnsafe(ref at);
        var hit = Vector128.Equals(chunk, Vector128.Create((byte)'"')) | Vector128.Equals(chunk, Vector128.Create((byte)'\\'))
            | Vector128.Equals(Vector128.Min(chunk, Vector128.Create((byte)0x1F)), chunk);
        return hit.ExtractMostSignificantBits();
    }

    private static bool IsHex(ReadOnlySpan<byte> four)
    {
        foreach (var c in four)
        {
            if (!char.IsAsciiHexDigit((char)c))
            {
                return false;
            }
        }

        return true;
    }

    private int SkipContainer(ReadOnlySpan<byte> s, int i, int depth)
    {
        if (depth >= Limits.NestingDepthMax)
        {
            Fail(RefusalReasons.TooDeep, $"nested deeper than {Limits.NestingDepthMax} levels");
            return -1;
        }

        var isObject = s[i] == (byte)'{';
        var close = isObject ? (byte)'}' : (byte)']';
        i = SkipSpace(s, i + 1);
        if ((uint)i < (uint)s.Length && s[i] == close)
        {
            return i + 1;
        }

        while (true)
        {
            if (isObject)
            {
                if ((uint)i >= (uint)s.Length || s[i] != (byte)'"')
                {
                    return FailAt(s, i, "a field name in quotes");
                }

                i = StringEnd(s, i + 1, out _);
                if (i < 0)
                {
                    return -1;
                }

                i = SkipSpace(s, i + 1);
                if ((uint)i >= (uint)s.Length || s[i] != (byte)':')
                {
                    return FailAt(s, i, "':'");
                }

                i = SkipSpace(s, i + 1);
            }

            i = SkipValue(s, i, depth + 1);
            if (i < 0)
            {
                return -1;
            }

            i = SkipSpace(s, i);
            if ((uint)i < (uint)s.Length && s[i] == close)
            {
                return i + 1;
            }

            if ((uint)i >= (uint)s.Length || s[i] != (byte)',')
            {
                return FailAt(s, i, isObject ? "',' or '}'" : "',' or ']'");
            }

            i = SkipSpace(s, i + 1);
        }
    }

    private int Literal(ReadOnlySpan<byte> s, int i, ReadOnlySpan<byte> word) =>
        s[i..].StartsWith(word) ? i + word.Length : FailAt(s, i, "a JSON value");

    private int NumberEnd(ReadOnlySpan<byte> s, int i, out bool isFloat)
    {
        isFloat = false;
        var start = i;
        if ((uint)i < (uint)s.Length && s[i] == (byte)'-')
        {
            i++;
        }

        var digits = i;
        while ((uint)i < (uint)s.Length && (uint)(s[i] - '0') <= 9)
        {
            i++;
        }

        if (i == digits || (s[digits] == (byte)'0' && i - digits > 1))
        {
            return FailAt(s, start, "a JSON value");
        }

        if ((uint)i < (uint)s.Length && s[i] == (byte)'.')
        {
            isFloat = true;
            var fraction = ++i;
            while ((uint)i < (uint)s.Length && (uint)(s[i] - '0') <= 9)
            {
                i++;
            }

            if (i == fraction)
            {
                return FailAt(s, i, "a digit after the decimal point");
            }
        }

        if ((uint)i < (uint)s.Length && (s[i] | 0x20) == 'e')
        {
            isFloat = true;
            i++;
            if ((uint)i < (uint)s.Length && s[i] is (byte)'+' or (byte)'-')
            {
                i++;
            }

            var exponent = i;
            while ((uint)i < (uint)s.Length && (uint)(s[i] - '0') <= 9)
            {
                i++;
            }

            if (i == exponent)
            {
                return FailAt(s, i, "a digit in the exponent");
            }
        }

        return i;
    }

    private int Number(ReadOnlySpan<byte> s, int i, ref ParsedField field)
    {
        var start = i;
        var end = NumberEnd(s, i, out var isFloat);
        if (end < 0)
        {
            return -1;
        }

        var text = s[start..end];
        if (!isFloat && text.Length <= 18)
        {
            field.Kind = FieldKind.Integer;
            field.Bits = Digits(text);
            return end;
        }

        if (isFloat && text.Length <= 17 && TryShortDecimal(text, out var value))
        {
            field.Kind = FieldKind.Float;
            field.Bits = BitConverter.DoubleToInt64Bits(value);
            return end;
        }

        // Slow path: long digits, exponents.
        if (!isFloat && Utf8Parser.TryParse(text, out long integer, out var used) && used == text.Length)
        {
            field.Kind = FieldKind.Integer;
            field.Bits = integer;
            return end;
        }

        if (!Utf8Parser.TryParse(text, out value, out used) || used != text.Length || !double.IsFinite(value))
        {
            return FailAt(s, start, "a number within the range of a 64-bit float");
        }

        field.Kind = FieldKind.Float;
        field.Bits = BitConverter.DoubleToInt64Bits(value);
        return end;
    }

    private static long Digits(ReadOnlySpan<byte> text)
    {
        var negative = text[0] == (byte)'-';
        long value = 0;
        for (var i = negative ? 1 : 0; i < text.Length; i++)
        {
            value = (value * 10) + (text[i] - '0');
        }

        return negative ? -value : value;
    }

    /// <summary>Digits and a point, at most 15 digits: mantissa and power of ten are exact floats, so one division rounds correctly (Clinger's fast path).</summary>
    private static bool TryShortDecimal(ReadOnlySpan<byte> text, out double value)
    {
        var i = text[0] == (byte)'-' ? 1 : 0;
        long mantissa = 0;
        int digits = 0, scale = 0;
        var point = false;
        for (; i < text.Length; i++)
        {
            var d = text[i] - '0';
            if ((uint)d <= 9)
            {
                mantissa = (mantissa * 10) + d;
                digits++;
                scale += point ? 1 : 0;
            }
            else if (text[i] == (byte)'.')
            {
                point = true;
            }
            else
            {
                value = 0;
                return false;
            }
        }

        value = mantissa / PowersOfTen[scale];
        value = text[0] == (byte)'-' ? -value : value;
        return digits <= 15;
    }

    private static readonly double[] PowersOfTen = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

    private static int Unescape(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        int from = 0, to = 0;
        while (from < text.Length)
        {
            var run = text[from..].IndexOf((byte)'\\');
            if (run < 0)
            {
                run = text.Length - from;
            }

            text.Slice(from, run).CopyTo(destination[to..]);
            from += run;
            to += run;
            if (from >= text.Length)
            {
                break;
            }

            var c = text[from + 1];
            if (c != (byte)'u')
            {
                destination[to++] = c switch { (byte)'b' => 8, (byte)'f' => 12, (byte)'n' => 10, (byte)'r' => 13, (byte)'t' => 9, _ => c };
                from += 2;
                continue;
            }

            var unit = Unit(text[(from + 2)..]);
            from += 6;
            Rune rune;
            if (char.IsHighSurrogate(unit) && from + 6 <= text.Length && text[from] == (byte)'\\' && text[from + 1] == (byte)'u'
                && char.IsLowSurrogate(Unit(text[(from + 2)..])))
            {
                rune = new Rune(unit, Unit(text[(from + 2)..]));
                from += 6;
            }
            else if (!Rune.TryCreate(unit, out rune))
            {
                rune = Rune.ReplacementChar;      // half of a surrogate pair: JSON's grammar lets it pass, UTF-8 can't carry it
            }

            to += rune.EncodeToUtf8(destination[to..]);
        }

        return to;

        static char Unit(ReadOnlySpan<byte> four)
        {
            var value = 0;
            for (var i = 0; i < 4; i++)
            {
                value = (value << 4) | (four[i] <= '9' ? four[i] - '0' : (four[i] | 0x20) - 'a' + 10);
            }

            return (char)value;
        }
    }

    private bool TryExtendPath(ReadOnlySpan<byte> name, bool escaped, int pathLength, out int whole)
    {
        EnsurePath(pathLength + 1 + name.Length);
        var at = pathLength;
        if (at > 0)
        {
            _path[at++] = (byte)'.';
        }

        if (escaped)
        {
            at += Unescape(name, _path.AsSpan(at));
        }
        else
        {
            name.CopyTo(_path.AsSpan(at));
            at += name.Length;
        }

        whole = at;
        return at <= Limits.FieldNameBytesMax || Fail(RefusalReasons.FieldNameTooLong, $"a field name of {at} bytes, the limit is {Limits.FieldNameBytesMax}");
    }

    private void EnsurePath(int length)
    {
        if (length > _path.Length)
        {
            Array.Resize(ref _path, Math.Max(length, _path.Length * 2));
        }
    }

    private void EnsureScratch(int more)
    {
        if (_scratchUsed + more > _scratch.Length)
        {
            Array.Resize(ref _scratch, Math.Max(_scratchUsed + more, _scratch.Length * 2));
        }
    }

    private bool Fail(string reason, string detail)
    {
        Reason = reason;
        Detail = detail;
        return false;
    }

    private int FailAt(ReadOnlySpan<byte> s, int i, string expected)
    {
        var found = (uint)i >= (uint)s.Length ? "the end" : s[i] is > 0x20 and < 0x7F ? $"'{(char)s[i]}'" : $"byte 0x{s[i]:x2}";
        Fail(RefusalReasons.InvalidJson, $"expected {expected} at byte {Math.Min(i, s.Length)}, found {found}");
        return -1;
    }
}
