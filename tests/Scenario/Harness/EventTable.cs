using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace StreamObserve.Scenario.Harness;

/// <summary>A trace as the file has it. Line numbers count from 0.</summary>
public sealed class TraceFacts(string id)
{
    public string Id { get; } = id;
    public int Rows { get; set; }
    public double DurationMsSum { get; set; }
    public double DurationMsMax { get; set; }
    public int FirstLine { get; set; } = -1;

    /// <summary>Line of the first event with <c>error</c> true; -1 for none.</summary>
    public int FirstErrorLine { get; set; } = -1;
}

/// <summary>
/// Every event of an NDJSON file, read plainly, and the answers computed plainly: the reference that the system's answers are
/// held against. Shares no code with the product.
/// </summary>
public sealed class EventTable
{
    private readonly Dictionary<string, Dimension> _dimensions;
    private readonly List<long> _timesMs = [];
    private readonly List<double> _durationsMs = [];
    private readonly List<int> _traceOfRow = [];
    private readonly Dictionary<string, TraceFacts> _traces = new(StringComparer.Ordinal);
    private readonly List<TraceFacts> _traceList = [];
    private readonly Dictionary<string, int> _traceIndex = new(StringComparer.Ordinal);

    private EventTable(IEnumerable<string> dimensions) => _dimensions = dimensions.ToDictionary(d => d, _ => new Dimension());

    /// <summary>How many events.</summary>
    public int Count => _timesMs.Count;

    public IReadOnlyCollection<string> Dimensions => _dimensions.Keys;

    public IReadOnlyList<TraceFacts> Traces => _traceList;

    /// <summary>Earliest event time, whole unix seconds, rounded down.</summary>
    public long FirstSecond => _timesMs.Min() / 1000;

    /// <summary>Latest event time, whole unix seconds, rounded down.</summary>
    public long LastSecond => _timesMs.Max() / 1000;

    public double DurationMsSum => _durationsMs.Sum();

    public double DurationMsMax => _durationsMs.Max();

    /// <summary>Reads a file of one event a line.</summary>
    /// <param name="path">The file.</param>
    /// <param name="dimensions">Fields to count by.</param>
    public static EventTable Read(string path, IEnumerable<string> dimensions)
    {
        var table = new EventTable(dimensions);
        using var reader = new StreamReader(path, Encoding.UTF8, false, 1 << 20);
        while (reader.ReadLine() is { } line)
        {
            using JsonDocument document = JsonDocument.Parse(line);
            table.Add(document.RootElement);
        }

        return table;
    }

    /// <summary>A range over all events that is another at each call.</summary>
    public VaryingRange AllTime() => new(FirstSecond, LastSecond);

    /// <summary>Events in a range of event time.</summary>
    public int CountIn(TimeRange range) => Rows(range).Count();

    /// <summary>Largest duration in a range; 0 when it is empty.</summary>
    public double DurationMsMaxIn(TimeRange range) => Rows(range).Select(i => _durationsMs[i]).DefaultIfEmpty().Max();

    /// <summary>Values that a field has.</summary>
    public IReadOnlyList<string> ValuesOf(string dimension) => _dimensions[dimension].Values;

    /// <summary>Durations of the events that have these values.</summary>
    public double[] DurationsMsOf(IReadOnlyList<(string Dimension, string Value)> filters)
    {
        var columns = filters.Select(f => (_dimensions[f.Dimension].Codes, Code: _dimensions[f.Dimension].Values.IndexOf(f.Value))).ToList();
        return [.. Rows(null).Where(i => columns.TrueForAll(c => c.Codes[i] == c.Code)).Select(i => _durationsMs[i])];
    }

    /// <summary>Distinct trace ids in a range.</summary>
    public int TracesIn(TimeRange range) => Rows(range).Select(i => _traceOfRow[i]).Distinct().Count();

    /// <summary>Events of a range by the values of a field; events without it are left out.</summary>
    public Dictionary<string, double> CountBy(string dimension, TimeRange? range = null)
    {
        Dimension column = _dimensions[dimension];
        return Rows(range).Where(i => column.Codes[i] >= 0).GroupBy(i => column.Codes[i]).ToDictionary(g => column.Values[g.Key], g => (double)g.Count());
    }

    /// <summary>Sum of the durations by the values of a field.</summary>
    public Dictionary<string, double> DurationMsSumBy(string dimension)
    {
        Dimension column = _dimensions[dimension];
        return Rows(null).Where(i => column.Codes[i] >= 0).GroupBy(i => column.Codes[i]).ToDictionary(g => column.Values[g.Key], g => g.Sum(i => _durationsMs[i]));
    }

    /// <summary>
    /// The two neighbouring durations between which every usual definition of the quantile lies, by the values of a field.
    /// </summary>
    public Dictionary<string, (double Low, double High)> DurationMsQuantileBy(string dimension, double quantile, TimeRange? range = null)
    {
        Dimension column = _dimensions[dimension];
        return Rows(range).Where(i => column.Codes[i] >= 0).GroupBy(i => column.Codes[i]).ToDictionary(
            g => column.Values[g.Key],
            g => Neighbours([.. g.Select(i => _durationsMs[i])], quantile));
    }

    /// <summary>The values around rank q (n - 1) of the sorted numbers. Sorts in place.</summary>
    public static (double Low, double High) Neighbours(double[] numbers, double quantile)
    {
        Array.Sort(numbers);
        double rank = quantile * (numbers.Length - 1);
        return (numbers[(int)Math.Floor(rank)], numbers[(int)Math.Ceiling(rank)]);
    }

    private IEnumerable<int> Rows(TimeRange? range)
    {
        for (int i = 0; i < _timesMs.Count; i++)
        {
            if (range is not { } r || (_timesMs[i] >= r.FromSeconds * 1000 && _timesMs[i] < r.ToSeconds * 1000))
            {
                yield return i;
            }
        }
    }

    private void Add(JsonElement e)
    {
        int line = Count;
        JsonElement time = e.TryGetProperty("timestamp", out JsonElement lower) ? lower : e.GetProperty("Timestamp");
        double durationMs = e.GetProperty("duration_ms").GetDouble();
        _timesMs.Add(DateTimeOffset.Parse(time.GetString()!, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds());
        _durationsMs.Add(durationMs);
        foreach ((string name, Dimension dimension) in _dimensions)
        {
            dimension.Add(e.TryGetProperty(name, out JsonElement value) ? Text(value) : null);
        }

        string id = e.GetProperty("trace.trace_id").GetString()!;
        ref TraceFacts? trace = ref CollectionsMarshal.GetValueRefOrAddDefault(_traces, id, out bool exists);
        if (!exists)
        {
            trace = new TraceFacts(id) { FirstLine = line };
            _traceIndex.Add(id, _traceList.Count);
            _traceList.Add(trace);
        }

        _traceOfRow.Add(_traceIndex[id]);
        trace!.Rows++;
        trace.DurationMsSum += durationMs;
        trace.DurationMsMax = Math.Max(trace.DurationMsMax, durationMs);
        if (trace.FirstErrorLine < 0 && e.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.True)
        {
            trace.FirstErrorLine = line;
        }
    }

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => value.GetDouble().ToString(CultureInfo.InvariantCulture),
        _ => value.GetRawText(),
    };

    /// <summary>A field's values as codes into the list of distinct ones; -1 where an event lacks it.</summary>
    private sealed class Dimension
    {
        private readonly Dictionary<string, int> _codes = new(StringComparer.Ordinal);

        public List<int> Codes { get; } = [];
        public List<string> Values { get; } = [];

        public void Add(string? value)
        {
            if (value is null)
            {
                Codes.Add(-1);
                return;
            }

            ref int code = ref CollectionsMarshal.GetValueRefOrAddDefault(_codes, value, out bool exists);
            if (!exists)
            {
                code = Values.Count;
                Values.Add(value);
            }

            Codes.Add(code);
        }
    }
}
