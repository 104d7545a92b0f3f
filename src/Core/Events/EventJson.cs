using System.Buffers;
using System.Text.Json;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Events;

/// <summary>Writes a stored row as the JSON object of an event: <c>time</c>, <c>dataset</c>, <c>samplerate</c> where it isn't 1, then its fields.</summary>
public static class EventJson
{
    private static readonly JsonWriterOptions Options = new() { SkipValidation = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One row as UTF-8. <paramref name="row"/> is a row number within the segment.</summary>
    public static byte[] Write(IRowSegment segment, int row)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(buffer, Options);
        json.WriteStartObject();
        json.WriteString("time"u8, EventTime.Format(segment.Times[row]));
        json.WriteString("dataset"u8, segment.Datasets[segment.DatasetColumn.CodeAt(row)]);
        if (segment.Weights is { } weights && weights[row] != 1)
        {
            json.WriteNumber("samplerate"u8, weights[row]);
        }

        var columns = new List<ColumnVector>();
        foreach (var field in segment.FieldNames)
        {
            if (field is "time" or "dataset" or "samplerate")
            {
                continue;
            }

            columns.Clear();
            segment.GetColumns(field, columns);
            foreach (var column in columns)
            {
                if (column.Has(row))
                {
                    WriteValue(json, field, column, column.Rank(row));
                    break;
                }
            }
        }

        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteValue(Utf8JsonWriter json, string field, ColumnVector column, int k)
    {
        switch (column.Type)
        {
            case ColumnType.Integer:
                json.WriteNumber(field, column.IntegerAt(k));
                break;
            case ColumnType.Float:
                if (ColumnVector.FloatValue(column.FloatAt(k)) is { Kind: FieldKind.Integer } integral)
                {
                    json.WriteNumber(field, integral.AsInteger);
                }
                else
                {
                    json.WriteNumber(field, column.FloatAt(k));
                }

                break;
            case ColumnType.Bool:
                json.WriteBoolean(field, column.IntegerAt(k) != 0);
                break;
            default:
                Span<byte> scratch = stackalloc byte[64];
                json.WriteString(field, column.Utf8(k, scratch));
                break;
        }
    }
}
