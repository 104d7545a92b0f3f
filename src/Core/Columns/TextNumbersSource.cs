namespace StreamObserve.Core.Columns;

/// <summary>The numbers of a dictionary's texts: those of one numbering.</summary>
internal sealed record NumberedTexts(TextNumbers Numbering, int[] Numbers);

/// <summary>Where a column has the numbers of its dictionary's texts from. Any number of threads.</summary>
internal abstract class TextNumbersSource
{
    /// <summary>Bytes that it keeps of them.</summary>
    public abstract long KeptBytes { get; }

    /// <summary>The numbers; null when there are none to be had.</summary>
    public abstract NumberedTexts? Of(Utf8Strings texts);
}

/// <summary>Numbers that are found at their first use and kept as long as the column.</summary>
internal sealed class KeptTextNumbers(TextNumbering numbering, string field, TextNumbersQuota? quota = null) : TextNumbersSource
{
    private NumberedTexts? _kept;
    private bool _isRefused;

    public override long KeptBytes => (Volatile.Read(ref _kept)?.Numbers.Length ?? 0) * 4L;

    public override NumberedTexts? Of(Utf8Strings texts)
    {
        if (Volatile.Read(ref _kept) is { } kept)
        {
            return kept;
        }

        // Two threads may both find them: the same, so either may win.
        _isRefused = _isRefused || quota?.TryTake() == false;
        return _isRefused ? null : _kept = numbering.Number(field, texts);
    }
}

/// <summary>How many columns of one batch may keep numbers: with it they take a fraction of what the batch takes, whatever is asked. Any number of threads.</summary>
internal sealed class TextNumbersQuota
{
    private const int ColumnsMax = 4;

    private int _taken;

    public bool TryTake() => Interlocked.Increment(ref _taken) <= ColumnsMax;
}

/// <summary>
/// The numbers of texts of one record of the batches log, kept while columns come and go with each scan (<see cref="EventBatchView"/>). Any number of threads.
/// </summary>
public sealed class RecordTextNumbers(TextNumbering numbering)
{
    private readonly TextNumbersQuota _quota = new();
    private volatile Node? _first;

    internal TextNumbersSource Of(int column, string field)
    {
        for (var node = _first; node is not null; node = node.Next)
        {
            if (node.Column == column)
            {
                return node.Source;
            }
        }

        // Two threads may both add one: the older is not found any more and goes with its scan.
        var source = new KeptTextNumbers(numbering, field, _quota);
        _first = new(column, source, _first);
        return source;
    }

    private sealed record Node(int Column, TextNumbersSource Source, Node? Next);
}
