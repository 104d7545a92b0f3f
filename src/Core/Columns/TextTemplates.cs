using System.Buffers.Text;

namespace StreamObserve.Core.Columns;

/// <summary>
/// Texts that programs wrote: a template, which many have in common, and the numbers that were put in. In a template each number is the byte 0; the texts of a template have their numbers
/// beside one another, a place in the template at a time. Immutable; any thread.
/// </summary>
/// <remarks>
/// What makes logs small and quick to search in CLP (Rodrigues, Luo and Yuan, OSDI 2021), with whole numbers as the only variables. A number is a run of digits but for the zeros
/// that it begins with, which belong to the template, and of 18 digits at most, so that each has one text. Hence what has no digits lies within a template or in none: a search for
/// it looks at the templates alone.
/// </remarks>
internal sealed class TextTemplates
{
    /// <summary>Stands for a number in a template.</summary>
    public const byte Number = 0;

    /// <summary>Digits of a number, so that it fits 64 bits.</summary>
    public const int DigitsMax = 18;

    private readonly PackedValues[][] _numbers;

    private TextTemplates(Utf8Strings templates, PackedValues codes, PackedValues[][] numbers, int bytes)
    {
        Templates = templates;
        Codes = codes;
        _numbers = numbers;
        MemoryBytes = bytes + (templates.Count * 40L);
    }

    /// <summary>The templates.</summary>
    public Utf8Strings Templates { get; }

    /// <summary>The template of each text.</summary>
    public PackedValues Codes { get; }

    /// <summary>Bytes of memory held, about.</summary>
    public long MemoryBytes { get; }

    /// <summary>True when a text has the asked-for part exactly where its template has it.</summary>
    public static bool IsOfTemplates(ReadOnlySpan<byte> part) => part.IndexOfAnyInRange((byte)'0', (byte)'9') < 0 && !part.Contains(Number);

    /// <summary>Reads what <see cref="TextTemplateWriter"/> wrote, over the bytes that <paramref name="r"/> reads from.</summary>
    public static TextTemplates Read(ref ByteReader r, ReadOnlyMemory<byte> bytes, int count)
    {
        var from = r.Position;
        var templates = EventBatchLayout.ReadStrings(ref r, bytes, r.Count());
        var codes = PackedNumbers.ReadPackedCodes(ref r, bytes, count, templates.Count);
        var texts = new int[templates.Count];
        var span = codes.Span;
        for (var k = 0; k < count; k++)
        {
            texts[span[k]]++;
        }

        var numbers = new PackedValues[templates.Count][];
        for (var template = 0; template < numbers.Length; template++)
        {
            numbers[template] = new PackedValues[templates[template].Count(Number)];
            for (var place = 0; place < numbers[template].Length; place++)
            {
                numbers[template][place] = PackedNumbers.ReadPacked(ref r, bytes, texts[template]);
            }
        }

        return new(templates, codes, numbers, r.Position - from);
    }

    /// <summary>The texts.</summary>
    public Utf8Strings ToStrings()
    {
        var offsets = new int[Codes.Count + 1];
        var next = new int[Templates.Count];
        using var texts = new LentBuffer();
        var codes = Codes.Span;
        for (var k = 0; k < codes.Count; k++)
        {
            var template = (int)codes[k];
            Append(texts, Templates[template], _numbers[template], next[template]++);
            offsets[k + 1] = texts.WrittenSpan.Length;
        }

        return new(texts.WrittenSpan.ToArray(), offsets);
    }

    private static void Append(LentBuffer texts, ReadOnlySpan<byte> template, PackedValues[] numbers, int text)
    {
        var room = texts.GetSpan(template.Length + (numbers.Length * (DigitsMax + 1)));
        var written = 0;
        foreach (var places in numbers)
        {
            var at = template.IndexOf(Number);
            template[..at].CopyTo(room[written..]);
            Utf8Formatter.TryFormat(places.Span[text], room[(written + at)..], out var digits);
            written += at + digits;
            template = template[(at + 1)..];
        }

        template.CopyTo(room[written..]);
        texts.Advance(written + template.Length);
    }
}

/// <summary>Finds the templates of texts and writes them. Keeps its memory from column to column. Not thread-safe.</summary>
internal sealed class TextTemplateWriter
{
    /// <summary>Texts after which templates must have turned out to be few.</summary>
    private const int Sample = 4_096;

    /// <summary>Texts a template, at least: with fewer the plain texts are as small.</summary>
    private const int TextsPerTemplate = 16;

    private const int TemplatesKeptMax = 1 << 16;

    private readonly ByteWriter _template = new();
    private StringDictionary _templates = new();
    private int[] _codes = [];
    private long[] _numbers = [];
    private long[] _ordered = [];
    private int _numberCount;

    /// <summary>Writes the texts of a column if they have few templates; else writes nothing and says so.</summary>
    public bool TryWrite(in GatheredColumn column, ByteWriter to)
    {
        _templates.Clear();
        _numberCount = 0;
        var codes = LentArray.Room(ref _codes, column.Count);
        try
        {
            for (var k = 0; k < codes.Length; k++)
            {
                if (!TryTake(column.Dictionary[column.Codes[k]]) || (k == Sample && _templates.Count * TextsPerTemplate > Sample))
                {
                    return false;
                }

                codes[k] = _templates.Add(_template.Written);
            }

            if (_templates.Count * TextsPerTemplate > codes.Length)
            {
                return false;
            }

            EventBatchBuilder.WriteStrings(to, _templates);
            PackedNumbers.WriteCodes(to, codes, _templates.Count);
            WriteNumbers(codes, to);
            return true;
        }
        finally
        {
            LentArray.Return(ref _codes);
            LentArray.Return(ref _numbers);
            LentArray.Return(ref _ordered);
            if (_templates.ByteCount > TemplatesKeptMax)
            {
                _templates.Release();
                _templates = new();
            }
        }
    }

    /// <summary>Takes a text apart: its template, its numbers behind those of the texts before. False when it has the byte that stands for a number.</summary>
    private bool TryTake(ReadOnlySpan<byte> text)
    {
        _template.Clear();
        while (text.IndexOfAnyInRange((byte)'1', (byte)'9') is var at && at >= 0)
        {
            // Zeros stay in the template, those before a number and those that are one.
            var literal = text[..at];
            if (literal.Contains(TextTemplates.Number))
            {
                return false;
            }

            _template.Raw(literal);
            _template.U8(TextTemplates.Number);
            text = text[at..];
            long number = 0;
            var digits = 0;
            for (; digits < text.Length && digits < TextTemplates.DigitsMax && text[digits] is >= (byte)'0' and <= (byte)'9'; digits++)
            {
                number = (number * 10) + (text[digits] - '0');
            }

            if (_numberCount == _numbers.Length)
            {
                LentArray.Grow(ref _numbers, Math.Max(Sample, _numberCount * 2));
            }

            _numbers[_numberCount++] = number;
            text = text[digits..];
        }

        _template.Raw(text);
        return !text.Contains(TextTemplates.Number);
    }

    /// <summary>The numbers, of a template and a place in it together.</summary>
    private void WriteNumbers(ReadOnlySpan<int> codes, ByteWriter to)
    {
        var texts = new int[_templates.Count];
        foreach (var code in codes)
        {
            texts[code]++;
        }

        // The first number of each template's first place; its other places follow at distances of its texts.
        var first = new int[_templates.Count];
        var places = new int[_templates.Count];
        var at = 0;
        for (var template = 0; template < first.Length; template++)
        {
            first[template] = at;
            places[template] = _templates[template].Count(TextTemplates.Number);
            at += places[template] * texts[template];
        }

        var ordered = LentArray.Room(ref _ordered, at);
        var next = (int[])first.Clone();
        var from = 0;
        foreach (var code in codes)
        {
            for (var place = 0; place < places[code]; place++)
            {
                ordered[next[code] + (place * texts[code])] = _numbers[from++];
            }

            next[code]++;
        }

        for (var template = 0; template < first.Length; template++)
        {
            for (var place = 0; place < places[template]; place++)
            {
                PackedNumbers.WriteIntegers(to, ordered.Slice(first[template] + (place * texts[template]), texts[template]));
            }
        }
    }
}
