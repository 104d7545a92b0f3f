using System.Numerics;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying.Execution;
using StreamObserve.Core.Querying.Expressions;
using StreamObserve.Core.Querying.Filters;

namespace StreamObserve.Core.Querying.Relations;

/// <summary>
/// What the first pass over a leaf's rows finds for relational fields: which traces (or spans) have a related span that meets a condition, and the values of the
/// first one by time, then by span id. Filled by one thread; after that any thread may look things up.
/// </summary>
public sealed class RelationIndex
{
    private readonly LeafPlan _plan;
    private readonly Found[] _found;
    private readonly StringDictionary _values = new();
    private readonly ByteWriter _key = new();
    private readonly List<ColumnVector> _columns = [];
    private readonly int _entriesMax;
    private int[] _rows = [];
    private ValueVector? _decoded;
    private int _entries;

    /// <summary>An empty index of a plan that has relations.</summary>
    public RelationIndex(LeafPlan plan)
        : this(plan, RelationLimits.EntriesMax)
    {
    }

    internal RelationIndex(LeafPlan plan, int entriesMax)
    {
        _plan = plan;
        _entriesMax = entriesMax;
        _found = [.. plan.Relations!.Spans.Select(spans => new Found(spans))];
        _values.Add([0]);       // code 0: absent
        const long slackNs = RelationLimits.SlackSeconds * 1_000_000_000L;
        FromNs = plan.Time.StartNs - slackNs;
        ToNs = plan.Time.EndNs + slackNs;
    }

    /// <summary>Earliest event time that matters, unix nanoseconds: the range widened.</summary>
    public long FromNs { get; }

    /// <summary>End, exclusive, of the event times that matter.</summary>
    public long ToNs { get; }

    /// <summary>Traces or spans found, over all relations.</summary>
    public int Entries => _entries;

    /// <summary>Adds a segment's rows of the widened range. Throws <see cref="QueryLimitException"/> when there are too many.</summary>
    public void Add(IRowSegment segment)
    {
        if (segment.Rows == 0 || segment.MinTimeNs >= ToNs || segment.MaxTimeNs < FromNs)
        {
            return;
        }

        var rows = _plan.Present(segment, null);
        var ids = new SpanIds(segment);
        var selection = new ulong[(segment.Rows + 63) >> 6];
        foreach (var found in _found)
        {
            SelectTime(segment, selection);
            found.Filter?.Narrow(rows, selection);
            Add(found, rows, ids, selection);
        }
    }

    /// <summary>The spans found under a made-up field, -1 of any other.</summary>
    internal int FindTest(string column) => Array.FindIndex(_found, found => found.Spans.Column == column);

    /// <summary>Where a relational field's values are: the spans and the field's place in them; -1 when no breakdown shows it.</summary>
    internal (int Spans, int Field) FindValues(string column)
    {
        if (RelationalField.TryParse(column, out var field))
        {
            for (var i = 0; i < _found.Length; i++)
            {
                if (_found[i].Spans.Relation == field.Relation && _found[i].Spans.Fields.IndexOf(field.Name) is var at and >= 0)
                {
                    return (i, at);
                }
            }
        }

        return (-1, -1);
    }

    /// <summary>Whether each row satisfies a made-up field.</summary>
    internal ColumnVector Test(int spans, SpanIds ids, int rows)
    {
        var (relation, keys) = (_found[spans].Spans.Relation, _found[spans].Keys);
        var bits = new long[rows];
        for (var row = 0; row < rows; row++)
        {
            var holds = ids.TryKeyToFind(relation, row, out var key) && keys.Find(key) >= 0;
            bits[row] = holds != (relation == Relation.None) ? 1 : 0;
        }

        return ColumnVector.OfBools(rows, null, bits);
    }

    /// <summary>Each row's value of a related span's field.</summary>
    internal ValueVector Values(int spans, int field, SpanIds ids, int rows)
    {
        var found = _found[spans];
        var codes = new int[rows];
        for (var row = 0; row < rows; row++)
        {
            if (ids.TryKeyToFind(found.Spans.Relation, row, out var key) && found.Keys.Find(key) is var entry and >= 0)
            {
                codes[row] = found.Codes[field][entry];
            }
        }

        return (_decoded ?? Decode()).WithCodes(codes);
    }

    private void SelectTime(IRowSegment segment, ulong[] selection)
    {
        Array.Clear(selection);
        if (segment.MinTimeNs < FromNs || segment.MaxTimeNs >= ToNs)
        {
            segment.Times.Mark(FromNs, ToNs, selection);
            return;
        }

        Array.Fill(selection, ulong.MaxValue);
        if ((segment.Rows & 63) != 0)
        {
            selection[^1] = (1UL << (segment.Rows & 63)) - 1;
        }
    }

    private void Add(Found found, IRowSegment segment, SpanIds ids, ulong[] selection)
    {
        var relation = found.Spans.Relation;
        var before = found.Keys.Count;
        if (found.Spans.Fields.Count == 0)
        {
            for (var word = 0; word < selection.Length; word++)
            {
                for (var bits = selection[word]; bits != 0; bits &= bits - 1)
                {
                    if (ids.TryKeyOfRelated(relation, (word << 6) + BitOperations.TrailingZeroCount(bits), out var key))
                    {
                        found.Keys.Add(key);
                    }
                }
            }
        }
        else
        {
            AddValues(found, segment, ids, selection);
        }

        _entries += found.Keys.Count - before;
        if (_entries > _entriesMax || _values.ByteCount > RelationLimits.ValueBytesMax)
        {
            var prefix = RelationalField.PrefixOf(relation);
            throw new QueryLimitException(
                $"{prefix} speaks of too much: more than {_entriesMax} traces or {RelationLimits.ValueBytesMax >> 20} MB of values of related spans in one partition; "
                + $"narrow the time range or add filters on {prefix} fields");
        }
    }

    private void AddValues(Found found, IRowSegment segment, SpanIds ids, ulong[] selection)
    {
        var count = ListRelated(found.Spans.Relation, ids, selection, segment.Rows);
        if (count == 0)
        {
            return;
        }

        var rows = _rows.AsSpan(0, count);
        var codings = new BreakdownCodes[found.Codes.Length];
        var locals = new int[codings.Length][];
        for (var i = 0; i < codings.Length; i++)
        {
            _columns.Clear();
            segment.GetColumns(found.Spans.Fields[i], _columns);
            (codings[i], locals[i]) = (new(), new int[count]);
            codings[i].Fill(_columns, rows, count == segment.Rows, locals[i]);
        }

        var known = new Dictionary<int, int>[codings.Length];
        var codes = new int[codings.Length];
        var times = segment.Times;
        for (var k = 0; k < count; k++)
        {
            var row = rows[k];
            _ = ids.TryKeyOfRelated(found.Spans.Relation, row, out var key);
            for (var i = 0; i < codes.Length; i++)
            {
                codes[i] = CodeOf(codings[i], locals[i][k], known[i] ??= []);
            }

            var entry = found.Keys.Count;
            var at = found.Keys.Add(key);
            if (at == entry)
            {
                found.Grow(at + 1);
            }
            else if (!IsBefore(times[row], ids.Span(row), codes, found, at))
            {
                continue;
            }

            (found.Times[at], found.SpanIds[at]) = (times[row], ids.Span(row));
            for (var i = 0; i < codes.Length; i++)
            {
                found.Codes[i][at] = codes[i];
            }
        }
    }

    private int ListRelated(Relation relation, SpanIds ids, ulong[] selection, int most)
    {
        if (_rows.Length < most)
        {
            _rows = new int[most];
        }

        var count = 0;
        for (var word = 0; word < selection.Length; word++)
        {
            for (var bits = selection[word]; bits != 0; bits &= bits - 1)
            {
                var row = (word << 6) + BitOperations.TrailingZeroCount(bits);
                if (ids.TryKeyOfRelated(relation, row, out _))
                {
                    _rows[count++] = row;
                }
            }
        }

        return count;
    }

    private int CodeOf(BreakdownCodes coding, int local, Dictionary<int, int> known)
    {
        if (local == 0)
        {
            return 0;
        }

        if (!known.TryGetValue(local, out var code))
        {
            _key.Clear();
            coding.WriteKey(_key, local);
            known[local] = code = _values.Add(_key.Written);
        }

        return code;
    }

    /// <summary>First by time, then by span id, then by the values themselves: the same whatever the order of segments.</summary>
    private bool IsBefore(long timeNs, ulong spanId, int[] codes, Found found, int at)
    {
        if (timeNs != found.Times[at])
        {
            return timeNs < found.Times[at];
        }

        if (spanId != found.SpanIds[at])
        {
            return spanId < found.SpanIds[at];
        }

        for (var i = 0; i < codes.Length; i++)
        {
            var order = _values[codes[i]].SequenceCompareTo(_values[found.Codes[i][at]]);
            if (order != 0)
            {
                return order < 0;
            }
        }

        return false;
    }

    private ValueVector Decode()
    {
        var builder = new VectorBuilder(_values.Count, new TextSink());
        for (var code = 1; code < _values.Count; code++)
        {
            var reader = new ByteReader(_values[code]);
            switch (reader.U8())
            {
                case 1:
                    builder.Text(code, reader.Blob());
                    break;
                case 2:
                    builder.Integer(code, reader.Zigzag());
                    break;
                case 3:
                    builder.Float(code, reader.F64());
                    break;
                case var kind:
                    builder.Bool(code, kind == 5);
                    break;
            }
        }

        return _decoded = builder.Done();
    }

    /// <summary>The related spans of one kind by key, with the first one's time, span id and values where they are wanted.</summary>
    private sealed class Found(RelatedSpans spans)
    {
        private long[] _times = [];
        private ulong[] _spanIds = [];

        public RelatedSpans Spans { get; } = spans;

        public ConditionFilter? Filter { get; } = spans.Condition is null ? null : new(spans.Condition);

        public IntegerMap Keys { get; } = new();

        public long[] Times => _times;

        public ulong[] SpanIds => _spanIds;

        public int[][] Codes { get; } = [.. spans.Fields.Select(_ => Array.Empty<int>())];

        public void Grow(int count)
        {
            if (count <= _times.Length)
            {
                return;
            }

            var room = Math.Max(16, count * 2);
            Array.Resize(ref _times, room);
            Array.Resize(ref _spanIds, room);
            for (var i = 0; i < Codes.Length; i++)
            {
                Array.Resize(ref Codes[i], room);
            }
        }
    }
}
