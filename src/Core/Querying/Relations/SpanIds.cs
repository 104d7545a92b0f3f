using System.Numerics;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Sketches;

namespace StreamObserve.Core.Querying.Relations;

/// <summary>
/// Trace, span and parent ids of a segment's rows as 64-bit hashes of their text; 0 = none. Two of a million ids share a hash with a chance of some 10^-8.
/// For one thread.
/// </summary>
internal sealed class SpanIds(IRowSegment segment)
{
    private const string TraceField = "trace.trace_id";
    private const string SpanField = "trace.span_id";
    private const string ParentField = "trace.parent_id";

    private IdColumns? _traces;
    private IdColumns? _spans;
    private IdColumns? _parents;

    /// <summary>The row's trace; only text is a trace id, as where partitions are chosen.</summary>
    public ulong Trace(int row) => (_traces ??= new(segment, TraceField, true)).Of(row);

    /// <summary>The row's span id.</summary>
    public ulong Span(int row) => (_spans ??= new(segment, SpanField, false)).Of(row);

    /// <summary>The row's parent id.</summary>
    public ulong Parent(int row) => (_parents ??= new(segment, ParentField, false)).Of(row);

    /// <summary>The key under which a row that is a related span is found; false when it can't be one.</summary>
    public bool TryKeyOfRelated(Relation relation, int row, out long key)
    {
        var trace = Trace(row);
        switch (relation)
        {
            case Relation.Root:
                key = (long)trace;
                return trace != 0 && Parent(row) == 0;
            case Relation.Parent:
                return TryJoin(trace, Span(row), out key);
            case Relation.Child:
                return TryJoin(trace, Parent(row), out key);
            default:
                key = (long)trace;
                return trace != 0;
        }
    }

    /// <summary>The key under which a row looks for its related span; false when it has none.</summary>
    public bool TryKeyToFind(Relation relation, int row, out long key)
    {
        switch (relation)
        {
            case Relation.Parent:
                return TryJoin(Trace(row), Parent(row), out key);
            case Relation.Child:
                return TryJoin(Trace(row), Span(row), out key);
            default:
                key = (long)Trace(row);
                return key != 0;
        }
    }

    private static bool TryJoin(ulong trace, ulong id, out long key)
    {
        key = (long)((BitOperations.RotateLeft(trace, 29) ^ id) * 0x9E3779B97F4A7C15UL);
        return trace != 0 && id != 0;
    }

    /// <summary>The columns of one id.</summary>
    private sealed class IdColumns
    {
        private readonly List<ColumnVector> _columns = [];
        private readonly byte[] _scratch = new byte[512];       // hexadecimal text of the longest id there is
        private readonly ulong[]?[] _ofDictionary;

        public IdColumns(IRowSegment segment, string field, bool textOnly)
        {
            segment.GetColumns(field, _columns);
            if (textOnly)
            {
                _columns.RemoveAll(column => column.Type is not (ColumnType.Dictionary or ColumnType.Text or ColumnType.Hex));
            }

            _ofDictionary = new ulong[_columns.Count][];
            for (var i = 0; i < _columns.Count; i++)
            {
                if (_columns[i].Type == ColumnType.Dictionary)
                {
                    var strings = _columns[i].Strings;
                    var hashes = new ulong[strings.Count];
                    for (var code = 0; code < hashes.Length; code++)
                    {
                        hashes[code] = HashOf(strings[code]);
                    }

                    _ofDictionary[i] = hashes;
                }
            }
        }

        public ulong Of(int row)
        {
            for (var i = 0; i < _columns.Count; i++)
            {
                var column = _columns[i];
                if (column.Has(row))
                {
                    var k = column.Rank(row);
                    return _ofDictionary[i] is { } hashes ? hashes[column.CodeAt(k)] : HashOf(column.Utf8(k, _scratch));
                }
            }

            return 0;
        }

        private static ulong HashOf(ReadOnlySpan<byte> text) => text.IsEmpty ? 0 : Math.Max(1, Hash64.Of(text));
    }
}
