using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Variance;

/// <summary>
/// The sampling unit of each row of a segment, and how much its luck counts. A trace is kept or dropped as one, so it is the unit; a row without a trace is one of its
/// own. A unit kept at rate r with total y adds r (r - 1) y^2 to the variance of a sum: its weighted total r y times <see cref="Scale"/>, squared. Reusable.
/// </summary>
internal sealed class SamplingUnits
{
    /// <summary>The column with the sampler's own rate; a row's weight is this times the client's.</summary>
    public const string RateField = "meta.sample.rate";

    private const int HexTraceIdBytes = 16;
    private const ulong NeverZero = 1UL << 48;

    private readonly List<ColumnVector> _columns = [];
    private ulong[] _hashes = [];
    private double[] _scales = [];

    /// <summary>The unit's hash, by row number.</summary>
    public ReadOnlySpan<ulong> Hashes => _hashes;

    /// <summary>sqrt(1 - 1/rate) by row number: 0 for a row that was sure to be kept.</summary>
    public ReadOnlySpan<double> Scale => _scales;

    /// <summary>Finds both for the given rows of a sampled segment; false when all of them were sure to be kept.</summary>
    public bool Load(IRowSegment segment, ReadOnlySpan<int> rows, double[] weights)
    {
        if (_hashes.Length < segment.Rows)
        {
            _hashes = new ulong[segment.Rows];
            _scales = new double[segment.Rows];
        }

        if (!LoadScales(segment, rows, weights))
        {
            return false;
        }

        foreach (var row in rows)
        {
            _hashes[row] = 0;
        }

        _columns.Clear();
        segment.GetColumns(ColumnBlockWriter.TraceIdField, _columns);
        foreach (var column in _columns)
        {
            LoadHashes(column, rows);
        }

        // By its place: the same in whatever order segments are scanned, and another one in another segment.
        var ofSegment = Mix((ulong)segment.MinTimeNs, (ulong)segment.MaxTimeNs + (ulong)segment.Rows);
        foreach (var row in rows)
        {
            if (_hashes[row] == 0)
            {
                _hashes[row] = Mix((ulong)segment.TimesNs[row] ^ ofSegment, (ulong)row);
            }
        }

        return true;
    }

    private bool LoadScales(IRowSegment segment, ReadOnlySpan<int> rows, double[] weights)
    {
        _columns.Clear();
        segment.GetColumns(RateField, _columns);
        var any = false;
        var known = false;
        foreach (var row in rows)
        {
            _scales[row] = 0;
        }

        foreach (var column in _columns)
        {
            if (!column.IsNumeric)
            {
                continue;
            }

            known = true;
            foreach (var row in rows)
            {
                if (column.Has(row))
                {
                    // An event may carry a field of this name itself; the weight, which is at least the rate, is ours alone.
                    var k = column.Rank(row);
                    any |= SetScale(row, Math.Min(weights[row], column.Type == ColumnType.Float ? column.Floats[k] : column.Integers[k]));
                }
            }
        }

        if (!known)
        {
            foreach (var row in rows)
            {
                any |= SetScale(row, weights[row]);
            }
        }

        return any;
    }

    private bool SetScale(int row, double rate)
    {
        _scales[row] = rate > 1 ? Math.Sqrt(1 - (1 / rate)) : 0;
        return rate > 1;
    }

    private void LoadHashes(ColumnVector column, ReadOnlySpan<int> rows)
    {
        if (column.Type is not (ColumnType.Hex or ColumnType.Text or ColumnType.Dictionary))
        {
            return;
        }

        var byCode = column.Type == ColumnType.Dictionary ? new ulong[column.Strings.Count] : null;
        Span<byte> scratch = stackalloc byte[64];
        foreach (var row in rows)
        {
            if (!column.Has(row))
            {
                continue;
            }

            var k = column.Rank(row);
            if (byCode is not null)
            {
                ref var known = ref byCode[column.Codes[k]];
                if (known == 0 && column.Strings[column.Codes[k]].Length > 0)
                {
                    known = HashOf(TraceKey.Of(column.Strings[column.Codes[k]]));
                }

                _hashes[row] = known;
            }
            else if (column.Type == ColumnType.Hex && column.HexWidth == HexTraceIdBytes)
            {
                _hashes[row] = HashOf(TraceKey.FromBytes(column.HexBytes.AsSpan(k * HexTraceIdBytes, HexTraceIdBytes)));
            }
            else if (column.Utf8(k, scratch) is { IsEmpty: false } text)
            {
                _hashes[row] = HashOf(TraceKey.Of(text));
            }
        }
    }

    // Not the hash that places traces: a partition's traces have that one's high bits in common. Never 0, which means none.
    private static ulong HashOf(TraceKey key) => Mix(key.High, key.Low);

    private static ulong Mix(ulong a, ulong b)
    {
        var x = a ^ System.Numerics.BitOperations.RotateLeft(b * 0x9E3779B97F4A7C15UL, 31);
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9UL;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBUL;
        return x ^ (x >> 31) | NeverZero;
    }
}
