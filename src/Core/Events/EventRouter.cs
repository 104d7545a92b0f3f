using System.Text;
using System.Text.Unicode;
using StreamObserve.Core.Columns;

namespace StreamObserve.Core.Events;

/// <summary>
/// Decodes records into events and collects them, each in its partition's columnar batch: rows with a trace id by its hash, the others round robin.
/// One router serves one stream: not thread-safe. Nothing is allocated per event once the buffers have grown.
/// </summary>
public sealed class EventRouter
{
    private readonly FieldTable _fields = new();
    private readonly JsonEventParser _parser;
    private readonly EventBatchBuilder[] _builders;
    private readonly byte[] _lowerDataset = new byte[Limits.DatasetNameBytesMax];
    private readonly int _body;
    private readonly int _truncated;
    private (int Event, int Index)[] _seen = new (int, int)[64];      // of each field: the last event that had it, and where
    private int _event;
    private uint _roundRobin;
    private string? _datasetText;
    private byte[] _datasetBytes = [];
    private string? _defaultText;
    private byte[] _defaultBytes = [];
    private (string Reason, string Detail)? _failure;

    /// <summary>A router over so many partitions of the batches log.</summary>
    public EventRouter(int partitions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(partitions, 1);
        _parser = new(_fields);
        _builders = new EventBatchBuilder[partitions];
        for (var i = 0; i < partitions; i++)
        {
            _builders[i] = new();
        }

        _body = _fields.Search("body"u8);
        _truncated = _fields.Search("meta.truncated"u8);
    }

    /// <summary>Partitions routed to.</summary>
    public int Partitions => _builders.Length;

    /// <summary>Rows waiting in all partitions.</summary>
    public int Rows { get; private set; }

    /// <summary>Estimate of the waiting rows' uncompressed batches.</summary>
    public long ApproximateBytes
    {
        get
        {
            long bytes = 0;
            foreach (var builder in _builders)
            {
                bytes += builder.ApproximateBytes;
            }

            return bytes;
        }
    }

    /// <summary>
    /// Decodes a record of one or many events. Returns how many were taken; the others went to <paramref name="refusals"/>, with their index in the record.
    /// </summary>
    public int Append(ReadOnlySpan<byte> payload, PayloadEncoding encoding, in RecordSource source, IRefusalSink refusals)
    {
        if (_fields.Count > Limits.RememberedFieldsMax && Rows == 0)
        {
            ForgetFields();
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
    /// Encodes rows that wait for a partition as one record of the batches log and forgets them; false when there are none. Call until false.
    /// </summary>
    public bool TryTakeBatch(int partition, out byte[] record)
    {
        var builder = _builders[partition];
        if (builder.Rows == 0)
        {
            record = [];
            return false;
        }

        Rows -= builder.Rows;
        record = builder.Encode();
        return true;
    }

    /// <summary>True when the partition's waiting rows are as many as one record should hold: take the batch before appending more.</summary>
    public bool IsFull(int partition) => _builders[partition].ApproximateBytes >= Limits.BatchBytesMax || _builders[partition].Rows >= Limits.BatchRowsMax;

    /// <summary>Forgets the waiting rows.</summary>
    public void Clear()
    {
        foreach (var builder in _builders)
        {
            builder.Clear();
        }

        Rows = 0;
    }

    private void ForgetFields()
    {
        _fields.Clear();
        _ = _fields.Search("body"u8);
        _ = _fields.Search("meta.truncated"u8);
        foreach (var builder in _builders)
        {
            builder.ForgetFields();
        }
    }

    private int AppendObjects(ReadOnlySpan<byte> payload, int i, bool valid, in RecordSource source, IRefusalSink refusals)
    {
        int index = 0, taken = 0;
        while (i < payload.Length)
        {
            var start = i;
            string reason, detail;
            if (payload[i] == (byte)'{')
            {
                if (_parser.TryParse(payload, ref i) && EndsAsEvent(payload, i) && (valid || Utf8.IsValid(payload[start..i])) && TryCommit(payload, source))
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
            if (_failure is null && bad.Length < payload.Length && bad[0] == (byte)'{' && !_parser.TryParse(bad, ref own))
            {
                // Of its own bytes, which are all that a dead letter holds: the attempt above may have read on into the next line.
                (reason, detail) = (_parser.Reason, _parser.Detail);
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
            var from = i;
            var to = ElementEnd(payload, i, end);
            var element = payload[from..to];
            var at = i;
            if (element.Length > 0 && element[0] == (byte)'{')
            {
                if (_parser.TryParse(payload, ref at) && JsonEventParser.SkipSpace(payload, at) == to && (valid || Utf8.IsValid(element)) && TryCommit(payload, source))
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
        var depth = 0;
        for (; i < s.Length; i++)
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

    private static int SkipString(ReadOnlySpan<byte> s, int i)
    {
        for (i++; i < s.Length && s[i] != (byte)'"'; i++)
        {
            i += s[i] == (byte)'\\' ? 1 : 0;
        }

        return i;
    }

    private int AppendLines(ReadOnlySpan<byte> payload, in RecordSource source, IRefusalSink refusals)
    {
        int index = 0, taken = 0;
        var record = payload;
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
            else
            {
                var builder = _builders[_roundRobin++ % (uint)_builders.Length];
                var row = builder.AddRow(source.ArrivalNs, 1, Dataset(source, [], []));
                Put(builder, _body, row, new() { Kind = FieldKind.String }, line.Length > Limits.StringBytesMax ? Cut(line) : line);
                if (line.Length > Limits.StringBytesMax)
                {
                    Put(builder, _truncated, row, new() { Kind = FieldKind.String }, "body"u8);
                }

                Rows++;
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

    /// <summary>Puts the event just parsed into its partition.</summary>
    private bool TryCommit(ReadOnlySpan<byte> payload, in RecordSource source)
    {
        var fields = _parser.Fields;
        if (_seen.Length < _fields.Count)
        {
            Array.Resize(ref _seen, Math.Max(_fields.Count, _seen.Length * 2));
        }

        _event++;
        int rate = -1, dataset = -1, service = -1, trace = -1;
        Span<int> times = [-1, -1, -1, -1, -1];
        for (var i = 0; i < fields.Length; i++)
        {
            ref var field = ref fields[i];
            ref var seen = ref _seen[field.Id];
            if (seen.Event == _event)
            {
                fields[seen.Index].Kind = FieldKind.Absent;     // a repeated name: the last value counts
            }

            seen = (_event, i);
            if (field.Kind == FieldKind.Absent)
            {
                continue;
            }

            switch (_fields.Role(field.Id))
            {
                case FieldRole.None:
                    break;
                case FieldRole.SampleRate:
                    rate = i;
                    break;
                case FieldRole.Dataset:
                    dataset = i;
                    break;
                case FieldRole.ServiceName:
                    service = i;
                    break;
                case FieldRole.TraceId:
                    trace = i;
                    break;
                case var role:
                    times[role - FieldRole.Time0] = i;
                    break;
            }
        }

        var timeNs = Time(payload, fields, times, source.ArrivalNs);
        var weight = Weight(fields, rate);
        var name = Dataset(source, dataset < 0 ? [] : StringOf(payload, fields[dataset]), service < 0 ? [] : StringOf(payload, fields[service]));
        if (name.IsEmpty)
        {
            _failure = (RefusalReasons.DatasetNameTooLong, $"the dataset's name is longer than {Limits.DatasetNameBytesMax} bytes");
            return false;
        }

        if (dataset >= 0 && source.Dataset is null && fields[dataset].Kind == FieldKind.String)
        {
            fields[dataset].Kind = FieldKind.Absent;       // it names the row's dataset, which a query reaches under this very name
        }

        var traceText = trace < 0 ? [] : StringOf(payload, fields[trace]);
        var builder = _builders[traceText.IsEmpty ? _roundRobin++ % (uint)_builders.Length : TraceKey.Of(traceText).PartitionOf(_builders.Length)];
        var row = builder.AddRow(timeNs, weight, name);
        var cut = false;
        var note = -1;
        for (var i = 0; i < fields.Length; i++)
        {
            ref readonly var field = ref fields[i];
            if (field.Kind == FieldKind.Absent)
            {
                continue;
            }

            if (field.Id == _truncated)
            {
                note = i;           // the event's own: ours takes its place when something is cut
            }
            else
            {
                cut |= Set(builder, row, payload, field);
            }
        }

        if (note >= 0 && (cut || !IsShort(payload, fields[note])))
        {
            cut = true;
        }
        else if (note >= 0)
        {
            Set(builder, row, payload, fields[note]);
        }

        if (cut)
        {
            NoteCut(builder, row, payload, fields);
        }

        Rows++;
        return true;
    }

    private bool IsShort(ReadOnlySpan<byte> payload, in ParsedField field) => field.Kind != FieldKind.String || _parser.Text(payload, field).Length <= Limits.StringBytesMax;

    /// <summary>Puts a field into its column; true when its text had to be cut.</summary>
    private bool Set(EventBatchBuilder builder, int row, ReadOnlySpan<byte> payload, in ParsedField field)
    {
        if (field.Kind != FieldKind.String)
        {
            Put(builder, field.Id, row, field, default);
            return false;
        }

        var text = _parser.Text(payload, field);
        var cut = text.Length > Limits.StringBytesMax;
        Put(builder, field.Id, row, field, cut ? Cut(text) : text);
        return cut;
    }

    private void NoteCut(EventBatchBuilder builder, int row, ReadOnlySpan<byte> payload, ReadOnlySpan<ParsedField> fields)
    {
        var names = new StringBuilder();
        foreach (ref readonly var field in fields)
        {
            if (!IsShort(payload, field))
            {
                names.Append(names.Length == 0 ? "" : ",").Append(Encoding.UTF8.GetString(_fields.Name(field.Id)));
            }
        }

        Put(builder, _truncated, row, new() { Kind = FieldKind.String }, Encoding.UTF8.GetBytes(names.ToString()));
    }

    private void Put(EventBatchBuilder builder, int field, int row, in ParsedField value, ReadOnlySpan<byte> text) =>
        builder.Set(field, _fields.Name(field), row, value, text);

    /// <summary>The event's time: the first time field that reads as one, which is then no column of its own.</summary>
    private long Time(ReadOnlySpan<byte> payload, Span<ParsedField> fields, ReadOnlySpan<int> candidates, long arrivalNs)
    {
        foreach (var i in candidates)
        {
            if (i < 0)
            {
                continue;
            }

            ref var field = ref fields[i];
            long ns;
            switch (field.Kind)
            {
                case FieldKind.String when EventTime.TryParseRfc3339(_parser.Text(payload, field), out ns):
                case FieldKind.String when EventTime.TryParseEpoch(_parser.Text(payload, field), out ns):
                    break;
                case FieldKind.Integer:
                    ns = EventTime.FromEpoch(field.Bits);
                    break;
                case FieldKind.Float when EventTime.TryFromEpoch(BitConverter.Int64BitsToDouble(field.Bits), out ns):
                    break;
                default:
                    continue;
            }

            field.Kind = FieldKind.Absent;
            return ns;
        }

        return arrivalNs;
    }

    private static double Weight(Span<ParsedField> fields, int rate)
    {
        if (rate < 0)
        {
            return 1;
        }

        ref var field = ref fields[rate];
        var value = field.Kind switch { FieldKind.Integer => field.Bits, FieldKind.Float => BitConverter.Int64BitsToDouble(field.Bits), _ => double.NaN };
        if (double.IsNaN(value))
        {
            return 1;        // not a rate: an ordinary field of that name
        }

        field.Kind = FieldKind.Absent;
        return Math.Max(1, value);
    }

    private ReadOnlySpan<byte> StringOf(ReadOnlySpan<byte> payload, in ParsedField field) => field.Kind == FieldKind.String ? _parser.Text(payload, field) : [];

    /// <summary>The dataset's lower-case name; empty when it is too long.</summary>
    private ReadOnlySpan<byte> Dataset(in RecordSource source, ReadOnlySpan<byte> field, ReadOnlySpan<byte> service)
    {
        if (source.Dataset is not null)
        {
            return Cached(source.Dataset, ref _datasetText, ref _datasetBytes);
        }

        var name = field.IsEmpty ? service : field;
        return name.IsEmpty ? Cached(source.DefaultDataset, ref _defaultText, ref _defaultBytes) : Lower(name);
    }

    private ReadOnlySpan<byte> Lower(ReadOnlySpan<byte> name)
    {
        if (name.Length > Limits.DatasetNameBytesMax)
        {
            return [];
        }

        for (var i = 0; i < name.Length; i++)
        {
            var c = name[i];
            if (c >= 0x80)
            {
                return Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(name).ToLowerInvariant());
            }

            _lowerDataset[i] = c is >= (byte)'A' and <= (byte)'Z' ? (byte)(c | 0x20) : c;
        }

        return _lowerDataset.AsSpan(0, name.Length);
    }

    private static ReadOnlySpan<byte> Cached(string name, ref string? text, ref byte[] bytes)
    {
        if (!ReferenceEquals(name, text) && name != text)
        {
            bytes = Encoding.UTF8.GetBytes(name.ToLowerInvariant());
        }

        text = name;
        return bytes.Length <= Limits.DatasetNameBytesMax ? bytes : [];
    }

    private static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> text)
    {
        var end = Limits.StringBytesMax;
        while (end > 0 && (text[end] & 0xC0) == 0x80)
        {
            end--;
        }

        return text[..end];
    }
}
