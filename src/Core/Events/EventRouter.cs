using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Events;

/// <summary>
/// Decodes records into events and collects them, each in its partition's columnar batch: rows with a trace id by its hash, others by what correlates them in their dataset, else round robin.
/// One router serves one stream: not thread-safe. Nothing is allocated per event once the buffers have grown.
/// </summary>
public sealed class EventRouter
{
    private static readonly string DatasetTooLong = $"the dataset's name is longer than {Limits.DatasetNameBytesMax} bytes";

    private static readonly SearchValues<byte> Structure = SearchValues.Create("\"[]{}"u8);

    private readonly FieldTable _fields;
    private readonly EventStage _stage;
    private readonly StageEncoder _encoder;
    private readonly Queue<(byte[] Record, int Rows)>[] _records;
    private readonly JsonEventParser _parser;
    private readonly DatasetNames _datasets = new();
    private EventField _body;
    private EventField _service;
    private EventField _trace;
    private int _traceCode = -1;
    private int _tracePartition;
    private uint _roundRobin;
    private int _rowsEncoded;
    private long _bytesEncoded;
    private (string Reason, string Detail)? _failure;
    private readonly CorrelationFields _correlation;
    private readonly Dictionary<int, EventField?> _correlationOf = [];      // by the dataset's code
    private int _correlationVersion;

    /// <summary>A router over so many partitions of the batches log; <paramref name="correlation"/> may change while it is in use.</summary>
    public EventRouter(int partitions, CorrelationFields? correlation = null)
    {
        _correlation = correlation ?? new();
        ArgumentOutOfRangeException.ThrowIfLessThan(partitions, 1);
        _fields = new(partitions);
        _stage = new(partitions, _fields);
        _encoder = new(partitions);
        _parser = new(_fields, _stage);
        _records = new Queue<(byte[] Record, int Rows)>[partitions];
        for (var i = 0; i < partitions; i++)
        {
            _records[i] = new();
        }

        (_body, _service, _trace) = Named();
    }

    /// <summary>Partitions routed to.</summary>
    public int Partitions => _records.Length;

    /// <summary>Rows waiting in all partitions.</summary>
    public int Rows => _stage.Rows + _rowsEncoded;

    /// <summary>Estimate of the waiting rows' batches, uncompressed unless they are encoded already.</summary>
    public long ApproximateBytes => _stage.Bytes + _bytesEncoded;

    /// <summary>
    /// Decodes a record of one or many events. Returns how many were taken; the others went to <paramref name="refusals"/>, with their index in the record.
    /// </summary>
    public int Append(ReadOnlySpan<byte> payload, PayloadEncoding encoding, in RecordSource source, IRefusalSink refusals)
    {
        if (_stage.Rows == 0)
        {
            Forget();
        }

        if (encoding == PayloadEncoding.Text)
        {
            return AppendLines(payload, source, refusals);
        }

        var i = JsonEventParser.SkipSpace(payload, 0);
        if (i == payload.Length)
        {
            refusals.Refuse(0, RefusalReasons.Empty, "a record without an event", payload);
            return 0;
        }

        var valid = Utf8.IsValid(payload);
        return payload[i] == (byte)'[' ? AppendArray(payload, i, valid, source, refusals) : AppendObjects(payload, i, valid, source, refusals);
    }

    /// <summary>
    /// Takes rows that wait for a partition as one record of the batches log; false when there are none. Call until false. When the partition's rows are not encoded yet, those of all
    /// partitions are: each record waits until it is taken.
    /// </summary>
    public bool TryTakeBatch(int partition, out byte[] record)
    {
        var records = _records[partition];
        if (records.Count == 0 && _stage.RowsOf[partition] > 0)
        {
            Encode();
        }

        if (!records.TryDequeue(out var next))
        {
            record = [];
            return false;
        }

        record = next.Record;
        _rowsEncoded -= next.Rows;
        _bytesEncoded -= record.Length;
        return true;
    }

    /// <summary>True when the partition's waiting rows are as many as one record should hold: take the batch before appending more.</summary>
    public bool IsFull(int partition) => _stage.BytesOf(partition) >= Limits.BatchBytesMax || _stage.RowsOf[partition] >= Limits.BatchRowsMax;

    /// <summary>Forgets the waiting rows.</summary>
    public void Clear()
    {
        _stage.Clear();
        foreach (var records in _records)
        {
            records.Clear();
        }

        _rowsEncoded = 0;
        _bytesEncoded = 0;
    }

    private void Encode()
    {
        _encoder.Encode(_stage, _datasets.Texts, _records);
        _rowsEncoded += _stage.Rows;
        _stage.Clear();
        _bytesEncoded = _records.Sum(records => records.Sum(r => (long)r.Record.Length));
    }

    /// <summary>Forgets names and texts past what is worth remembering. Nothing waits.</summary>
    private void Forget()
    {
        if (_fields.Count > Limits.RememberedFieldsMax)
        {
            _stage.Clear();         // fields of events that were refused
            _fields.Clear();
            (_body, _service, _trace) = Named();
        }
        else if (_stage.IsOverfull || _datasets.IsOverfull)
        {
            _stage.Trim(_fields.Fields);
        }
        else if (_stage.IsToBeSwept)
        {
            _stage.Sweep(_fields.Fields);
        }
        else
        {
            return;
        }

        _datasets.Forget();
        _correlationOf.Clear();
        _traceCode = -1;
    }

    private (EventField Body, EventField Service, EventField Trace) Named() => (_fields.Search("body"u8), _fields.Search("service.name"u8), _fields.Search("trace.trace_id"u8));

    private int AppendObjects(ReadOnlySpan<byte> payload, int i, bool valid, in RecordSource source, IRefusalSink refusals)
    {
        int index = 0, taken = 0;
        while (i < payload.Length)
        {
            var start = i;
            string reason, detail;
            if (payload[i] == (byte)'{')
            {
                if (_parser.TryParse(payload, ref i) && TryCommit(EndsAsEvent(payload, i) && (valid || Utf8.IsValid(payload[start..i])), source))
                {
                    taken++;
                    index++;
                    i = JsonEventParser.SkipSpace(payload, i);
                    continue;
                }

                (reason, detail) = _failure ?? (_parser.Reason.Length > 0 ? (_parser.Reason, _parser.Detail) : (RefusalReasons.InvalidJson, $"text behind the object, at byte {i}"));
            }
            else
            {
                reason = RefusalReasons.NotAnObject;
                detail = $"an event is a JSON object; byte {start} of the record begins something else";
            }

            // An object that could be read to its end is refused to its line's end, however many lines it has.
            var end = i > start ? EndOfLine(payload, i) : EndOfBadEvent(payload, start, index == 0);
            var bad = payload[start..end];
            var own = 0;
            if (_failure is null && bad.Length < payload.Length && bad[0] == (byte)'{')
            {
                // Of its own bytes, which are all that a dead letter holds: the attempt above may have read on into the next line.
                if (_parser.TryParse(bad, ref own))
                {
                    _stage.Drop();
                }
                else
                {
                    (reason, detail) = (_parser.Reason, _parser.Detail);
                }
            }

            if (!valid && !Utf8.IsValid(bad))
            {
                reason = RefusalReasons.InvalidUtf8;
                detail = "bytes that are not UTF-8";
            }

            refusals.Refuse(index++, reason, detail, bad);
            _failure = null;
            i = JsonEventParser.SkipSpace(payload, end);
        }

        return taken;
    }

    /// <summary>True when behind an object come the end, a line's end or the next object: anything else on its line makes the line no JSON.</summary>
    private static bool EndsAsEvent(ReadOnlySpan<byte> payload, int i)
    {
        while (i < payload.Length && payload[i] is (byte)' ' or (byte)'\t' or (byte)'\r')
        {
            i++;
        }

        return i == payload.Length || payload[i] is (byte)'\n' or (byte)'{';
    }

    private static int EndOfLine(ReadOnlySpan<byte> payload, int i) => payload[i..].IndexOf((byte)'\n') is var line && line < 0 ? payload.Length : i + line;

    /// <summary>
    /// Where a bad event ends: at its line's end in a record of one object a line; an object over many lines that breaks takes the rest of the record with it.
    /// </summary>
    private static int EndOfBadEvent(ReadOnlySpan<byte> payload, int start, bool first)
    {
        var line = payload[start..].IndexOf((byte)'\n');
        if (line < 0)
        {
            return payload.Length;
        }

        var isLines = !first || payload[start] != (byte)'{' || payload[start..].IndexOf("\n{"u8) >= 0;
        return isLines ? start + line : payload.Length;
    }

    private int AppendArray(ReadOnlySpan<byte> payload, int start, bool valid, in RecordSource source, IRefusalSink refusals)
    {
        // The array's own grammar first: a record that breaks off is refused whole, before any of its events counts.
        var end = ScanArray(payload, start);
        if (end < 0 || JsonEventParser.SkipSpace(payload, end) != payload.Length)
        {
            var broken = !valid ? (RefusalReasons.InvalidUtf8, "bytes that are not UTF-8") : (RefusalReasons.InvalidJson, end < 0 ? "an array that does not end" : $"text behind the array, at byte {end}");
            refusals.Refuse(0, broken.Item1, broken.Item2, payload);
            return 0;
        }

        int index = 0, taken = 0;
        var i = JsonEventParser.SkipSpace(payload, start + 1);
        if (payload[i] == (byte)']')
        {
            refusals.Refuse(0, RefusalReasons.Empty, "an array without an event", payload);
            return 0;
        }

        while (i < end)
        {
            var at = i;
            var isObject = payload[i] == (byte)'{';
            var isParsed = isObject && _parser.TryParse(payload, ref at);
            var behind = isParsed ? JsonEventParser.SkipSpace(payload, at) : i;
            var isWhole = isParsed && (payload[behind] is (byte)',' or (byte)']');

            // Fast path: where an event ends is known once it is parsed.
            var to = isWhole ? behind : ElementEnd(payload, i, end);
            var element = payload[i..to];
            if (isObject)
            {
                if (isParsed && TryCommit(isWhole && (valid || Utf8.IsValid(element)), source))
                {
                    taken++;
                }
                else if (!valid && !Utf8.IsValid(element))
                {
                    refusals.Refuse(index, RefusalReasons.InvalidUtf8, "bytes that are not UTF-8", element);
                }
                else
                {
                    var (reason, detail) = _failure ?? (_parser.Reason.Length > 0 ? (_parser.Reason, _parser.Detail) : (RefusalReasons.InvalidJson, "text behind the object"));
                    refusals.Refuse(index, reason, detail, element);
                    _failure = null;
                }
            }
            else
            {
                refusals.Refuse(index, RefusalReasons.NotAnObject, "an event is a JSON object", element);
            }

            index++;
            i = JsonEventParser.SkipSpace(payload, to + 1);
        }

        return taken;
    }

    /// <summary>The index behind the array's closing bracket by brackets and strings alone; -1 when it does not close.</summary>
    private static int ScanArray(ReadOnlySpan<byte> s, int i)
    {
        for (var depth = 0; i < s.Length; i++)
        {
            var step = s[i..].IndexOfAny(Structure);
            if (step < 0)
            {
                return -1;
            }

            i += step;
            switch (s[i])
            {
                case (byte)'"':
                    i = SkipString(s, i);
                    break;
                case (byte)'[' or (byte)'{':
                    depth++;
                    break;
                default:
                    if (--depth == 0)
                    {
                        return s[i] == (byte)']' ? i + 1 : -1;
                    }

                    break;
            }
        }

        return -1;
    }

    private static int ElementEnd(ReadOnlySpan<byte> s, int i, int end)
    {
        var depth = 0;
        for (; i < end - 1; i++)
        {
            switch (s[i])
            {
                case (byte)'"':
                    i = SkipString(s, i);
                    break;
                case (byte)'[' or (byte)'{':
                    depth++;
                    break;
                case (byte)']' or (byte)'}':
                    depth--;
                    break;
                case (byte)',' when depth == 0:
                    return i;
            }
        }

        return end - 1;
    }

    /// <summary>The index of the quote that closes a string; past the end when none does.</summary>
    private static int SkipString(ReadOnlySpan<byte> s, int i)
    {
        for (i++; i < s.Length; i += 2)
        {
            var step = s[i..].IndexOfAny((byte)'"', (byte)'\\');
            if (step < 0)
            {
                return s.Length;
            }

            i += step;
            if (s[i] == (byte)'"')
            {
                return i;
            }
        }

        return i;
    }

    private int AppendLines(ReadOnlySpan<byte> payload, in RecordSource source, IRefusalSink refusals)
    {
        int index = 0, taken = 0;
        var record = payload;
        var dataset = _datasets.CodeOf(source, [], null);
        while (!payload.IsEmpty)
        {
            var newline = payload.IndexOf((byte)'\n');
            var line = newline < 0 ? payload : payload[..newline];
            payload = newline < 0 ? [] : payload[(newline + 1)..];
            line = line.TrimEnd((byte)'\r');
            if (line.Trim(" \t"u8).IsEmpty)
            {
                continue;
            }

            if (!Utf8.IsValid(line))
            {
                refusals.Refuse(index, RefusalReasons.InvalidUtf8, "bytes that are not UTF-8", line);
            }
            else if (line.Length > Limits.EventBytesMax)
            {
                refusals.Refuse(index, RefusalReasons.EventTooLarge, $"{line.Length} bytes, the limit is {Limits.EventBytesMax}", line);
            }
            else if (dataset < 0)
            {
                refusals.Refuse(index, RefusalReasons.DatasetNameTooLong, DatasetTooLong, line);
            }
            else
            {
                _stage.Open();
                _stage.PutText(_body, line);
                NoteCut();
                _stage.Commit((int)(_roundRobin++ % (uint)Partitions), source.ArrivalNs, 1, dataset);
                taken++;
            }

            index++;
        }

        if (index == 0)
        {
            refusals.Refuse(0, RefusalReasons.Empty, "a record without an event", record);
        }

        return taken;
    }

    /// <summary>Puts the event just parsed into its partition, or drops it: when it is none, or with the failure set.</summary>
    private bool TryCommit(bool isEvent, in RecordSource source)
    {
        var named = _fields[FieldRole.Dataset];
        var isNamed = source.Dataset is null && _stage.Has(named) && named.LastKind == FieldKind.String;
        var dataset = isEvent ? _datasets.CodeOf(source, isNamed ? named.LastText : [], _stage.Has(_service) ? _service : null) : -1;
        if (dataset < 0)
        {
            _failure = isEvent ? (RefusalReasons.DatasetNameTooLong, DatasetTooLong) : null;
            _stage.Drop();
            return false;
        }

        if (isNamed)
        {
            _stage.Remove(named);       // it names the row's dataset, which a query reaches under this very name
        }

        var roles = _stage.Roles;
        var timeNs = Time(roles, source.ArrivalNs);
        var weight = Weight(roles);
        NoteCut();
        _stage.Commit(Partition(dataset), timeNs, weight, dataset);
        return true;
    }

    /// <summary>By the trace's id; without one by the value of the dataset's correlation field; without that they take turns.</summary>
    private int Partition(int dataset)
    {
        if (_stage.Has(_trace) && _trace.LastKind == FieldKind.String)
        {
            // Fast path: a span of the trace that the span before was of.
            var code = _trace.LastCode;
            if (code >= 0 && code == _traceCode)
            {
                return _tracePartition;
            }

            var text = _trace.LastText;
            if (!text.IsEmpty)
            {
                _traceCode = code;
                return _tracePartition = TraceKey.Of(text).PartitionOf(Partitions);
            }
        }

        return !_correlation.IsEmpty && CorrelationOf(dataset) is { } field && _stage.Has(field) && TryKey(field, out var key) ? key.PartitionOf(Partitions) : (int)(_roundRobin++ % (uint)Partitions);
    }

    private EventField? CorrelationOf(int dataset)
    {
        if (_correlationVersion != _correlation.Version)
        {
            _correlationVersion = _correlation.Version;
            _correlationOf.Clear();
        }

        if (!_correlationOf.TryGetValue(dataset, out var field))
        {
            field = _correlation.FieldOf(Encoding.UTF8.GetString(_datasets.Texts[dataset])) is { } name ? _fields.Search(Encoding.UTF8.GetBytes(name)) : null;
            _correlationOf.Add(dataset, field);
        }

        return field;
    }

    /// <summary>A value as the key of a trace that had it as its id, numbers as JSON writes them.</summary>
    private static bool TryKey(EventField field, out TraceKey key)
    {
        Span<byte> scratch = stackalloc byte[32];
        scoped ReadOnlySpan<byte> text;
        switch (field.LastKind)
        {
            case FieldKind.String:
                text = field.LastText;
                break;
            case FieldKind.Integer:
                field.LastBits.TryFormat(scratch, out var digits, default, CultureInfo.InvariantCulture);
                text = scratch[..digits];
                break;
            case FieldKind.Float:
                BitConverter.Int64BitsToDouble(field.LastBits).TryFormat(scratch, out digits, default, CultureInfo.InvariantCulture);
                text = scratch[..digits];
                break;
            default:
                text = [];
                break;
        }

        key = text.IsEmpty ? default : TraceKey.Of(text);
        return !text.IsEmpty;
    }

    /// <summary>Says in the open row which of its texts were cut.</summary>
    private void NoteCut()
    {
        if (_stage.Cut.Count > 0)
        {
            _stage.PutText(_fields[FieldRole.Truncated], Encoding.UTF8.GetBytes(string.Join(',', _stage.Cut.Select(field => Encoding.UTF8.GetString(field.Name)))));
        }
    }

    /// <summary>The event's time: the first time field that reads as one, which is then no column of its own.</summary>
    private long Time(int roles, long arrivalNs)
    {
        for (var role = FieldRole.Time0; role <= FieldRole.Time4; role++)
        {
            var field = _fields[role];
            if ((roles & (1 << (int)role)) == 0 || !_stage.Has(field))
            {
                continue;
            }

            long ns;
            switch (field.LastKind)
            {
                case FieldKind.String when EventTime.TryParseRfc3339(field.LastText, out ns):
                case FieldKind.String when EventTime.TryParseEpoch(field.LastText, out ns):
                    break;
                case FieldKind.Integer:
                    ns = EventTime.FromEpoch(field.LastBits);
                    break;
                case FieldKind.Float when EventTime.TryFromEpoch(BitConverter.Int64BitsToDouble(field.LastBits), out ns):
                    break;
                default:
                    continue;
            }

            _stage.Remove(field);
            return ns;
        }

        return arrivalNs;
    }

    /// <summary>How many events this one stands for: the first rate that is a number, which is then no column; what is none is an ordinary field of that name.</summary>
    private double Weight(int roles)
    {
        for (var role = FieldRole.SampleRate0; role <= FieldRole.SampleRate2; role++)
        {
            var field = _fields[role];
            if ((roles & (1 << (int)role)) != 0 && _stage.Has(field) && field.LastKind is FieldKind.Integer or FieldKind.Float)
            {
                var rate = field.LastKind == FieldKind.Integer ? field.LastBits : BitConverter.Int64BitsToDouble(field.LastBits);
                _stage.Remove(field);
                return Math.Max(1, rate);
            }
        }

        return 1;
    }
}
