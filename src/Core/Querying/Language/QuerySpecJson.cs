using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace StreamObserve.Core.Querying.Language;

/// <summary>
/// A query as JSON: Honeycomb's query specification, with one member more, <c>where</c>, for conditions that a flat filter list can't say
/// (docs/query-language.md). Reading what was written gives an equal query.
/// </summary>
public static class QuerySpecJson
{
    /// <summary>
    /// Reads and checks a specification. All that is wrong is reported at once, each with its path. Unknown members are errors; a null member counts as left out.
    /// <paramref name="withoutSeries"/> (disable_series) raises the limit on rows to <see cref="QueryLimits.LimitWithoutSeriesMax"/>. Never throws on input.
    /// </summary>
    public static Parsed<QuerySpec> Read(JsonElement element, bool withoutSeries = false)
    {
        var reader = new QuerySpecReader();
        var spec = reader.Read(element);
        var errors = reader.Errors;
        var readable = errors.Count == 0;
        QueryRules.CheckMembers(spec, withoutSeries, errors);
        if (readable)
        {
            QueryRules.CheckReferences(spec, errors);
        }

        return errors.Count == 0 ? Parsed<QuerySpec>.Of(spec) : Parsed<QuerySpec>.Failed(errors.Errors);
    }

    /// <summary>The same from UTF-8 text; text that isn't JSON is an error at the field <c>query</c>.</summary>
    public static Parsed<QuerySpec> Parse(ReadOnlyMemory<byte> utf8, bool withoutSeries = false)
    {
        try
        {
            using var document = JsonDocument.Parse(utf8);
            return Read(document.RootElement, withoutSeries);
        }
        catch (JsonException error)
        {
            return Parsed<QuerySpec>.Failed(new QueryError("query", ErrorList.Cut(Encoding.UTF8.GetString(utf8.Span)), $"not JSON: line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}"));
        }
    }

    /// <summary>Writes the specification as one object. What is at its default is left out, except calculations and limit.</summary>
    public static void Write(Utf8JsonWriter writer, QuerySpec spec) => QuerySpecWriter.Write(writer, spec);

    /// <summary>The specification as a line of JSON.</summary>
    public static string Format(QuerySpec spec)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            Write(writer, spec);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
