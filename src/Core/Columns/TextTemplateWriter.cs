namespace StreamObserve.Core.Columns;

/// <summary>Finds the templates of texts and writes them. Keeps its memory from column to column. Not thread-safe.</summary>
internal sealed class TextTemplateWriter
{
    /// <summary>Texts after which templates must have turned out to be few.</summary>
    private const int Sample = 4_096;

    /// <summary>Texts a template, at least. Not tuned.</summary>
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

            EventBatchWriter.WriteStrings(to, _templates);
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
