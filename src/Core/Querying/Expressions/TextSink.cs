using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Execution;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>Collects the texts that a kernel makes, each once.</summary>
internal sealed class TextSink
{
    private readonly StringDictionary _texts = new();

    /// <summary>The index of a text, cut to <see cref="ExpressionLimits.TextBytesMax"/>.</summary>
    public int Add(ReadOnlySpan<byte> text)
    {
        if (text.Length > ExpressionLimits.TextBytesMax)
        {
            text = Cut(text);
        }

        var code = _texts.Add(text);
        return _texts.ByteCount <= ExpressionLimits.SegmentTextBytesMax
            ? code
            : throw new QueryLimitException($"a calculated field makes more than {ExpressionLimits.SegmentTextBytesMax >> 20} MB of text from one block of rows; make shorter text of it");
    }

    /// <summary>A table for <see cref="Map"/>: which of a source's texts are in here already.</summary>
    public static int[] NewMap(Utf8Strings source)
    {
        var map = new int[source.Count];
        Array.Fill(map, -1);
        return map;
    }

    /// <summary>The index of a source's text; each is looked up once.</summary>
    public int Map(int[] map, Utf8Strings source, long index)
    {
        ref var known = ref map[index];
        return known >= 0 ? known : known = Add(source[(int)index]);
    }

    /// <summary>What was collected.</summary>
    public Utf8Strings ToStrings() => _texts.Count == 0 ? Utf8Strings.Empty : _texts.ToStrings();

    private static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> text)
    {
        var end = ExpressionLimits.TextBytesMax;
        while ((text[end] & 0xC0) == 0x80)
        {
            end--;
        }

        return text[..end];
    }
}
