using System.Text;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>A group's breakdown values as bytes: equal values give equal bytes (the integer 3 and the float 3.0 are one number).</summary>
internal static class GroupKey
{
    public static void Write(ByteWriter writer, FieldValue value)
    {
        switch (value.Kind)
        {
            case FieldKind.Absent:
                writer.U8(0);
                break;
            case FieldKind.String:
                WriteText(writer, Encoding.UTF8.GetBytes(value.AsString));
                break;
            case FieldKind.Integer:
                WriteInteger(writer, value.AsInteger);
                break;
            case FieldKind.Float:
                WriteFloat(writer, value.AsDouble);
                break;
            default:
                writer.U8((byte)(value.AsBool ? 5 : 4));
                break;
        }
    }

    public static void WriteText(ByteWriter writer, ReadOnlySpan<byte> text)
    {
        writer.U8(1);
        writer.Blob(text);
    }

    public static void WriteInteger(ByteWriter writer, long value)
    {
        writer.U8(2);
        writer.Zigzag(value);
    }

    public static void WriteFloat(ByteWriter writer, double value)
    {
        if (Math.Abs(value) <= 9007199254740992 && value == Math.Floor(value))
        {
            WriteInteger(writer, (long)value);
            return;
        }

        writer.U8(3);
        writer.F64(value);
    }

    public static FieldValue[] Read(ReadOnlySpan<byte> key, int count)
    {
        var reader = new ByteReader(key);
        var values = new FieldValue[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = reader.U8() switch
            {
                0 => FieldValue.Absent,
                1 => FieldValue.Of(reader.Text()),
                2 => FieldValue.Of(reader.Zigzag()),
                3 => FieldValue.Of(reader.F64()),
                4 => FieldValue.Of(false),
                5 => FieldValue.Of(true),
                var kind => throw new FormatException($"a group value of kind {kind}"),
            };
        }

        return values;
    }
}
