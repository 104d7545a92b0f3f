using System.Text;

namespace StreamObserve.Ingest.Decoding;

/// <summary>Texts of the <c>dataset</c> header, each made once: records come by the million, datasets by the dozen. Not thread-safe.</summary>
internal sealed class DatasetNames
{
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> _byText;

    public DatasetNames() => _byText = _names.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The header's text; null when it is empty.</summary>
    public string? TextOf(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty)
        {
            return null;
        }

        if (utf8.Length > 256)
        {
            return Encoding.UTF8.GetString(utf8);
        }

        Span<char> buffer = stackalloc char[256];
        var text = buffer[..Encoding.UTF8.GetChars(utf8, buffer)];
        if (_byText.TryGetValue(text, out var known))
        {
            return known;
        }

        if (_names.Count >= Limits.RememberedDatasets)
        {
            _names.Clear();
        }

        return _names[text.ToString()] = text.ToString();
    }
}
