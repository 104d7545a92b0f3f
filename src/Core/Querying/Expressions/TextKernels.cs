using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>Functions over text. What isn't text has no prefix, no match and no length.</summary>
internal static class TextKernels
{
    /// <summary>CONCAT, and STRING of one argument: other kinds as JSON writes them, absent ones as nothing.</summary>
    public static ValueVector Concat(ValueVector[] args, int length)
    {
        if (args is [var only] && only.IsAll(FieldKind.String))
        {
            return only;
        }

        var builder = new VectorBuilder(length, new TextSink());
        var writer = new ByteWriter();
        for (var i = 0; i < length; i++)
        {
            writer.Clear();
            foreach (var arg in args)
            {
                if (writer.Length <= ExpressionLimits.TextBytesMax)
                {
                    Append(new Operand(arg), i, writer);
                }
            }

            builder.Text(i, writer.Written);
        }

        return builder.Done();
    }

    public static ValueVector Affix(ExpressionFunction function, ValueVector text, ValueVector part, int length)
    {
        var bits = new long[length];
        Operand whole = new(text), sought = new(part);
        for (var i = 0; i < length; i++)
        {
            if (whole.Kind(i) != FieldKind.String || sought.Kind(i) != FieldKind.String)
            {
                continue;
            }

            var holds = function switch
            {
                ExpressionFunction.StartsWith => whole.Text(i).StartsWith(sought.Text(i)),
                ExpressionFunction.EndsWith => whole.Text(i).EndsWith(sought.Text(i)),
                _ => whole.Text(i).IndexOf(sought.Text(i)) >= 0,
            };
            bits[i] = holds ? 1 : 0;
        }

        return LogicKernels.Bools(bits);
    }

    public static ValueVector ToLower(ValueVector arg, int length)
    {
        var builder = new VectorBuilder(length, new TextSink());
        var value = new Operand(arg);
        using var chars = new Chars();
        var writer = new ByteWriter();
        for (var i = 0; i < length; i++)
        {
            if (value.Kind(i) != FieldKind.String)
            {
                continue;
            }

            var lower = chars.Decode(value.Text(i));
            for (var k = 0; k < lower.Length; k++)
            {
                lower[k] = char.ToLowerInvariant(lower[k]);
            }

            writer.Clear();
            Encoding.UTF8.GetBytes(lower, writer.Take(Encoding.UTF8.GetByteCount(lower)));
            builder.Text(i, writer.Written);
        }

        return builder.Done();
    }

    /// <summary>Bytes of UTF-8, or characters as a reader counts them: a letter with its accents, a family emoji.</summary>
    public static ValueVector Length(ValueVector arg, int length, bool countsBytes)
    {
        var builder = new VectorBuilder(length);
        var value = new Operand(arg);
        using var chars = new Chars();
        for (var i = 0; i < length; i++)
        {
            if (value.Kind(i) != FieldKind.String)
            {
                continue;
            }

            var text = value.Text(i);
            builder.Integer(i, countsBytes || Ascii.IsValid(text) ? text.Length : Characters(chars.Decode(text)));
        }

        return builder.Done();
    }

    public static ValueVector RegMatch(Regex pattern, ValueVector arg, int length)
    {
        var bits = new long[length];
        var value = new Operand(arg);
        using var chars = new Chars();
        for (var i = 0; i < length; i++)
        {
            bits[i] = value.Kind(i) == FieldKind.String && pattern.IsMatch(chars.Decode(value.Text(i))) ? 1 : 0;
        }

        return LogicKernels.Bools(bits);
    }

    public static ValueVector RegCount(Regex pattern, ValueVector arg, int length)
    {
        var builder = new VectorBuilder(length);
        var value = new Operand(arg);
        using var chars = new Chars();
        for (var i = 0; i < length; i++)
        {
            builder.Integer(i, value.Kind(i) == FieldKind.String ? pattern.Count(chars.Decode(value.Text(i))) : 0);
        }

        return builder.Done();
    }

    /// <summary>The first match's first group, or all of it when the pattern has none; absent without a match.</summary>
    public static ValueVector RegValue(Regex pattern, ValueVector arg, int length)
    {
        var builder = new VectorBuilder(length, new TextSink());
        var value = new Operand(arg);
        using var chars = new Chars();
        var writer = new ByteWriter();
        var hasGroups = pattern.GetGroupNumbers().Length > 1;
        for (var i = 0; i < length; i++)
        {
            if (value.Kind(i) != FieldKind.String)
            {
                continue;
            }

            var text = chars.Decode(value.Text(i));
            ReadOnlySpan<char> found;
            if (hasGroups)
            {
                // Groups are only to be had of a string.
                if (pattern.Match(text.ToString()) is not { Success: true } match || match.Groups[1] is not { Success: true } group)
                {
                    continue;
                }

                found = group.ValueSpan;
            }
            else
            {
                var matches = pattern.EnumerateMatches(text);
                if (!matches.MoveNext())
                {
                    continue;
                }

                found = text.Slice(matches.Current.Index, matches.Current.Length);
            }

            writer.Clear();
            Encoding.UTF8.GetBytes(found, writer.Take(Encoding.UTF8.GetByteCount(found)));
            builder.Text(i, writer.Written);
        }

        return builder.Done();
    }

    /// <summary>Unix seconds of RFC 3339 text.</summary>
    public static ValueVector UnixTimestamp(ValueVector arg, int length)
    {
        var builder = new VectorBuilder(length);
        var value = new Operand(arg);
        for (var i = 0; i < length; i++)
        {
            if (value.Kind(i) == FieldKind.String && EventTime.TryParseRfc3339(value.Text(i), out var timeNs))
            {
                builder.Float(i, Seconds(timeNs));
            }
        }

        return builder.Done();
    }

    /// <summary>Unix nanoseconds as a float of seconds: resolves a quarter of a microsecond at today's dates.</summary>
    public static double Seconds(long timeNs) => (timeNs / 1_000_000_000) + (timeNs % 1_000_000_000 / 1e9);

    private static void Append(in Operand value, int i, ByteWriter writer)
    {
        Span<byte> number = stackalloc byte[32];
        int written;
        switch (value.Kind(i))
        {
            case FieldKind.String:
                writer.Raw(value.Text(i));
                break;
            case FieldKind.Integer:
                value.Bits(i).TryFormat(number, out written, default, CultureInfo.InvariantCulture);
                writer.Raw(number[..written]);
                break;
            case FieldKind.Float:
                // A whole float within 2^53 is the integer that the JSON number was, also in text.
                var real = value.Double(i);
                _ = Math.Abs(real) <= 9007199254740992 && real == Math.Floor(real)
                    ? ((long)real).TryFormat(number, out written, default, CultureInfo.InvariantCulture)
                    : real.TryFormat(number, out written, "R", CultureInfo.InvariantCulture);
                writer.Raw(number[..written]);
                break;
            case FieldKind.Bool:
                writer.Raw(value.Bits(i) != 0 ? "true"u8 : "false"u8);
                break;
        }
    }

    private static int Characters(ReadOnlySpan<char> text)
    {
        var count = 0;
        while (!text.IsEmpty)
        {
            text = text[StringInfo.GetNextTextElementLength(text)..];
            count++;
        }

        return count;
    }

    /// <summary>UTF-8 as UTF-16 in a rented buffer, valid until the next.</summary>
    private sealed class Chars : IDisposable
    {
        private char[] _buffer = ArrayPool<char>.Shared.Rent(256);

        public Span<char> Decode(ReadOnlySpan<byte> text)
        {
            if (_buffer.Length < text.Length)
            {
                ArrayPool<char>.Shared.Return(_buffer);
                _buffer = ArrayPool<char>.Shared.Rent(text.Length);
            }

            return _buffer.AsSpan(0, Encoding.UTF8.GetChars(text, _buffer));
        }

        public void Dispose() => ArrayPool<char>.Shared.Return(_buffer);
    }
}
