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
