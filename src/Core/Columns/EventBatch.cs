namespace StreamObserve.Core.Columns;

/// <summary>A column of a segment under its field's name.</summary>
public sealed record NamedColumn(string Name, ColumnVector Vector);

/// <summary>
/// Rows held as decoded columns: a batch read from the log, or rows chosen from one. Immutable and safe to share between threads.
/// Times are unix nanoseconds of the events; weights are the clients' sample rates times ours; datasets are codes into a dictionary.
/// </summary>
public sealed class EventBatch : IRowSegment
{
    /// <summary>From decoded columns. <paramref name="weights"/> null = every row stands for one event.</summary>
    public EventBatch(long[] timesNs, double[]? weights, int[] datasetCodes, Utf8Strings datasets, IReadOnlyList<NamedColumn> columns, bool isSampled = false)
    {
        IsSampled = isSampled;
        TimesNs = timesNs;
        Weights = weights;
        DatasetCodes = datasetCodes;
        Datasets = datasets;
        Columns = columns;
        long min = long.MaxValue, max = long.MinValue;
        foreach (var time in timesNs)
        {
            min = Math.Min(min, time);
            max = Math.Max(max, time);
        }

        (MinTimeNs, MaxTimeNs) = (min, max);
    }

    /// <summary>How many rows.</summary>
    public int Rows => TimesNs.Length;

    /// <summary>Event times, unix nanoseconds.</summary>
    public long[] TimesNs { get; }

    /// <summary>How many events each row stands for; null = one.</summary>
    public double[]? Weights { get; }

    /// <inheritdoc/>
    public bool IsSampled { get; }

    /// <summary>Each row's dataset, as a code into <see cref="Datasets"/>.</summary>
    public int[] DatasetCodes { get; }

    /// <summary>Names of the datasets, lower-case.</summary>
    public Utf8Strings Datasets { get; }

    /// <summary>All columns; a field of several types has several.</summary>
    public IReadOnlyList<NamedColumn> Columns { get; }

    /// <summary>Earliest event time.</summary>
    public long MinTimeNs { get; }

    /// <summary>Latest event time.</summary>
    public long MaxTimeNs { get; }

    /// <inheritdoc/>
    public IEnumerable<string> FieldNames => Columns.Select(column => column.Name).Distinct();

    /// <inheritdoc/>
    public void GetColumns(string field, List<ColumnVector> into)
    {
        foreach (var column in Columns)
        {
            if (column.Name == field)
            {
                into.Add(column.Vector);
            }
        }

        if (into.Count == 0 && field == DatasetField)
        {
            into.Add(ColumnVector.OfDictionary(Rows, null, DatasetCodes, Datasets));
        }
    }

    /// <inheritdoc/>
    public bool Excludes(Querying.Condition.Match match) => false;

    /// <summary>The field under which a query reaches a row's dataset, unless events have a field of that name.</summary>
    public const string DatasetField = "dataset";

    /// <summary>Estimate of the memory held.</summary>
    public long MemoryBytes
    {
        get
        {
            long bytes = 64 + (Rows * 12L) + (Weights is null ? 0 : Rows * 8L) + Datasets.ByteCount;
            foreach (var column in Columns)
            {
                var v = column.Vector;
                bytes += 160 + (v.Codes.Length * 4L) + (v.Integers.Length * 8L) + (v.Floats.Length * 8L) + v.HexBytes.Length + v.Strings.ByteCount + (v.Strings.Count * 4L)
                    + ((v.Presence?.Length ?? 0) * 8L);
            }

            return bytes;
        }
    }
}
