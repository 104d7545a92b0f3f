using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using StreamObserve.Core.Columns;

namespace StreamObserve.Processors.LogPasses;

/// <summary>
/// A row by all that its producer sent: time, dataset and every field with its value, whatever the order and form in which they are stored, without what sampling added. Whole numbers are
/// the same as integers and as floats. Rows that are alike in all of it have the same. One segment's columns are looked up once; single-threaded.
/// </summary>
internal sealed class RowIdentity
{
    /// <summary>What fields that sampling adds begin with.</summary>
    public const string AddedPrefix = "meta.sample.";

    // Up to here floats hold every whole number.
    private const double WholeMax = 1L << 53;

    private readonly List<(byte[] Name, ColumnVector Column)> _columns = [];
    private readonly IRowSegment _segment;
    private readonly XxHash128 _hash = new();

    /// <summary>Of the rows of a segment.</summary>
    public RowIdentity(IRowSegment segment)
    {
        _segment = segment;
        var columns = new List<ColumnVector>();
        foreach (var name in segment.FieldNames)
        {
            if (!name.StartsWith(AddedPrefix, StringComparison.Ordinal))
            {
                columns.Clear();
                segment.GetColumns(name, columns);
                var utf8 = Encoding.UTF8.GetBytes(name);
                _columns.AddRange(columns.Select(column => (utf8, column)));
            }
        }
    }

    /// <summary>Of a row: the sum of the hashes of its parts.</summary>
    public UInt128 Of(int row)
    {
        Span<byte> scratch = stackalloc byte[64];
        BinaryPrimitives.WriteInt64LittleEndian(scratch, _segment.TimesNs[row]);
        var identity = Hash([], Kind.Time, scratch[..sizeof(long)]) + Hash([], Kind.Dataset, _segment.Datasets[_segment.DatasetCodes[row]]);
        foreach (var (name, column) in _columns)
        {
            if (!column.Has(row))
            {
                continue;
            }

            var k = column.Rank(row);
            switch (column.Type)
            {
                case ColumnType.Float:
                    // A whole number is one of either kind: a block has one column of numbers where its batches had two.
                    var number = column.FloatAt(k);
                    var isWhole = Math.Abs(number) <= WholeMax && number == Math.Floor(number);
                    BinaryPrimitives.WriteInt64LittleEndian(scratch, isWhole ? (long)number : BitConverter.DoubleToInt64Bits(number));
                    identity += Hash(name, isWhole ? Kind.Integer : Kind.Float, scratch[..sizeof(long)]);
                    break;
                case ColumnType.Integer or ColumnType.Bool:
                    BinaryPrimitives.WriteInt64LittleEndian(scratch, column.IntegerAt(k));
                    identity += Hash(name, column.Type == ColumnType.Bool ? Kind.Bool : Kind.Integer, scratch[..sizeof(long)]);
                    break;
                case ColumnType.Hex when column.HexWidth * 2 > scratch.Length:
                    var text = ArrayPool<byte>.Shared.Rent(column.HexWidth * 2);
                    identity += Hash(name, Kind.Text, column.Utf8(k, text));
                    ArrayPool<byte>.Shared.Return(text);
                    break;
                default:
                    identity += Hash(name, Kind.Text, column.Utf8(k, scratch));
                    break;
            }
        }

        return identity;
    }

    private UInt128 Hash(ReadOnlySpan<byte> name, Kind kind, ReadOnlySpan<byte> value)
    {
        // The length tells where the name ends.
        Span<byte> head = stackalloc byte[5];
        head[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(head[1..], name.Length);
        _hash.Reset();
        _hash.Append(head);
        _hash.Append(name);
        _hash.Append(value);
        return _hash.GetCurrentHashAsUInt128();
    }

    private enum Kind : byte
    {
        Time,
        Dataset,
        Text,
        Integer,
        Float,
        Bool,
    }
}
