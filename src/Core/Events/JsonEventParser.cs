using System.Buffers.Text;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text;

namespace StreamObserve.Core.Events;

/// <summary>
/// Parses one JSON object (RFC 8259, strictly) into flat fields of an open row of an <see cref="EventStage"/>: nested objects flatten with dots, arrays become their JSON text,
/// null is absence, a repeated name keeps its last value. Nothing is allocated per event. Not thread-safe.
/// </summary>
/// <remarks>
/// The payload must be checked for UTF-8 by the caller. Measured against Utf8JsonReader over every token (0.9 CPU s per million 650-byte events): a parser that
/// knows that it wants flat fields saves the token state machine and the property look-ups, see docs/adr/0003-own-json-parser.md; one that knows what the event before had
/// saves most of the rest, docs/adr/0029-rows-are-staged.md.
/// </remarks>
[SkipLocalsInit]
internal sealed class JsonEventParser(FieldTable table, EventStage stage)
{
    private readonly FieldTable _table = table;
    private readonly EventStage _stage = stage;
    private byte[] _scratch = new byte[1024];
    private byte[] _path = new byte[256];
    private EventField _previous = table.Start;
    private int _count;

    public string Reason { get; private set; } = "";

    public string Detail { get; private set; } = "";

    /// <summary>
    /// Parses the object that starts at <paramref name="position"/> (a '{') into a row that is opened here; on success the position is behind its '}'. On failure the reason and
    /// detail say why, and the row is dropped.
    /// </summary>
    public bool TryParse(ReadOnlySpan<byte> payload, ref int position)
    {
        _count = 0;
        _previous = _table.Start;
        Reason = Detail = "";
        _stage.Open();
        var start = position;
        if (ParseObject(payload, ref position, 0, 1)
            && (position - start <= Limits.EventBytesMax || Fail(RefusalReasons.EventTooLarge, $"{position - start} bytes, the limit is {Limits.EventBytesMax}")))
        {
            return true;
        }

        _stage.Drop();
        return false;
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

        var previous = _previous;
        while (true)
        {
            var at = i;
            if (pathLength == 0 && FieldTable.TryPredict(s, ref at, previous, out var field) && (uint)at < (uint)s.Length && s[at] is > (byte)' ' and not (byte)'{')
            {
                i = at;
                previous = field;
                if (!TryCount())
                {
                    return false;
                }

                if (!TryParseShort(s, ref i, field) && !ParseScalarOrArray(s, ref i, field, depth))
                {
                    return false;
                }
            }
            else
            {
                _previous = previous;
                if (!ParseField(s, ref i, pathLength, depth))
                {
                    return false;
                }

                previous = _previous;
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
                _previous = previous;
                return true;
            }

            if ((uint)i < (uint)s.Length && s[i] <= ' ')
            {
                i = SkipSpace(s, i);
            }
        }
    }

    /// <summary>
    /// The way of nearly all values: one that is the same as in the event before, a text of at most 32 bytes without escapes, or a short number. What it takes depends
    /// on no length, so that the processor guesses its branches right. False when it is none of them.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryParseShort(ReadOnlySpan<byte> s, ref int i, EventField field)
    {
        if (i >= s.Length - EventField.Compared - 1)
        {
            return false;
        }

        ref var at = ref Unsafe.Add(ref MemoryMarshal.GetReference(s), i);
        if (field.IsSteady && field.MatchesToken(ref at))
        {
            _stage.PutToken(field);
            i += field.TokenLength;
            return true;
        }

        if (at != (byte)'"')
        {
            return TryParseNumber(ref at, ref i, field);
        }

        var bytes = Vector256.LoadUnsafe(ref Unsafe.Add(ref at, 1));
        var length = BitOperations.TrailingZeroCount(Stops(bytes));
        if (Unsafe.Add(ref at, length + 1) != (byte)'"')
        {
            return false;
        }

        var code = _stage.PutShortText(field, bytes, length);
        i += length + 2;
        if (code >= 0 && field.LearnRun(code) && length + 2 <= EventField.Compared)
        {
            field.RememberToken(ref at, length + 2, 0, FieldKind.String, code);
        }

        return true;
    }

    /// <summary>As <see cref="TryParseShort"/>, a number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryParseNumber(ref byte at, ref int i, EventField field)
    {
        if (!ShortNumber.TryRead(ref at, out var length, out var kind, out var bits))
        {
            return false;
        }

        _stage.Put(field, kind, bits);
        i += length;
        if (field.LearnRun(bits) && Unsafe.Add(ref at, length) is (byte)',' or (byte)'}')
        {
            // A number ends only where something else begins: with it the last value can be told from one that begins the same.
            field.RememberToken(ref at, length, 1, kind, bits);
        }

        return true;
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
            _previous = _table.Find(name, _previous);
            return TryCount() && (TryParseShort(s, ref i, _previous) || ParseScalarOrArray(s, ref i, _previous, depth));
        }

        var length = name.Length;
        if (pathLength == 0 && !escaped)
        {
            EnsurePath(length);
            name.CopyTo(_path);
        }

        return ParseObject(s, ref i, length, depth + 1);
    }

    private bool ParseScalarOrArray(ReadOnlySpan<byte> s, ref int i, EventField field, int depth)
    {
        var start = i;
        switch (s[i])
        {
            case (byte)'"':
            {
                var end = StringEnd(s, i + 1, out var escaped);
                if (end < 0)
                {
                    return false;
                }

                var text = s.Slice(i + 1, end - i - 1);
                _stage.PutText(field, escaped ? Unescaped(text) : text);
                i = end + 1;
                return true;
            }

            case (byte)'[':
            {
                i = SkipContainer(s, i, depth);
                if (i < 0)
                {
                    return false;
                }

                _stage.PutText(field, s[start..i]);
                return true;
            }

            case (byte)'n':
                i = Literal(s, i, "null"u8);
                _stage.Remove(field);
                return i >= 0;
        }

        FieldKind kind;
        long bits;
        if (s[i] is (byte)'t' or (byte)'f')
        {
            kind = FieldKind.Bool;
            bits = s[i] == (byte)'t' ? 1 : 0;
            i = Literal(s, i, bits == 1 ? "true"u8 : "false"u8);
        }
        else
        {
            i = Number(s, i, out kind, out bits);
        }

        if (i < 0)
        {
            return false;
        }

        _stage.Put(field, kind, bits);

        if (field.LearnRun(bits) && i - start < EventField.Compared && start < s.Length - EventField.Compared && s[i] is (byte)',' or (byte)'}')
        {
            field.RememberToken(ref Unsafe.Add(ref MemoryMarshal.GetReference(s), start), i - start, 1, kind, bits);
        }

        return true;
    }

    /// <summary>Counts a field of the event.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryCount() => ++_count <= Limits.EventFieldsMax || Fail(RefusalReasons.TooManyFields, $"more than {Limits.EventFieldsMax} fields");

    /// <summary>The index of the closing quote of the string that begins at <paramref name="i"/>; -1 with reason when there is none or a control character stands in it.</summary>
    private int StringEnd(ReadOnlySpan<byte> s, int i, out bool escaped)
    {
        escaped = false;
        while (true)
        {
            while (i <= s.Length - EventField.Compared)
            {
                var stop = Stops(Vector256.LoadUnsafe(ref Unsafe.Add(ref MemoryMarshal.GetReference(s), i)));
                if (stop != 0)
                {
                    i += BitOperations.TrailingZeroCount(stop);
                    break;
                }

                i += EventField.Compared;
            }

            if (s.Length >= EventField.Compared && i > s.Length - EventField.Compared)
            {
                // Near the end: the last bytes there are, without those that were passed.
                var last = s.Length - EventField.Compared;
                var stop = (ulong)Stops(Vector256.LoadUnsafe(ref Unsafe.Add(ref MemoryMarshal.GetReference(s), last))) >> Math.Min(i - last, EventField.Compared);
                i = stop != 0 ? i + BitOperations.TrailingZeroCount(stop) : s.Length;
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

    /// <summary>A bit for each byte that ends a run of ordinary ones: a quote, a backslash, a control character.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Stops(Vector256<byte> bytes)
    {
        var hit = Vector256.Equals(bytes, Vector256.Create((byte)'"')) | Vector256.Equals(bytes, Vector256.Create((byte)'\\'))
            | Vector256.Equals(Vector256.Min(bytes, Vector256.Create((byte)0x1F)), bytes);
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

    /// <summary>Reads a number; the index behind it, or -1 with reason.</summary>
    private int Number(ReadOnlySpan<byte> s, int i, out FieldKind kind, out long bits)
    {
        if (ShortNumber.TryReadDigits(s, i, out var end, out kind, out bits))
        {
            return end;
        }

        // Slow path: many digits, exponents, what is no number.
        end = NumberEnd(s, i, out var isFloat);
        if (end < 0)
        {
            return -1;
        }

        var text = s[i..end];
        if (!isFloat && Utf8Parser.TryParse(text, out long integer, out var used) && used == text.Length)
        {
            kind = FieldKind.Integer;
            bits = integer;
            return end;
        }

        if (!Utf8Parser.TryParse(text, out double value, out used) || used != text.Length || !double.IsFinite(value))
        {
            return FailAt(s, i, "a number within the range of a 64-bit float");
        }

        kind = FieldKind.Float;
        bits = BitConverter.DoubleToInt64Bits(value);
        return end;
    }

    /// <summary>A text without its escapes; valid until the next one.</summary>
    private ReadOnlySpan<byte> Unescaped(ReadOnlySpan<byte> text)
    {
        if (_scratch.Length < text.Length)
        {
            _scratch = new byte[Math.Max(text.Length, _scratch.Length * 2)];
        }

        return _scratch.AsSpan(0, Unescape(text, _scratch));
    }

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
