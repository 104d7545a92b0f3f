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

        if (_isRefused || quota?.TryTake() == false)
        {
            _isRefused = true;
            return null;
        }

        // Two threads may both find them: the same, so either may win.
        _kept = numbering.Number(field, texts);
        _isRefused = _kept is null;
        return _kept;
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
    private Node? _first;

    internal TextNumbersSource Of(int column, string field)
    {
        while (true)
        {
            var first = Volatile.Read(ref _first);
            for (var node = first; node is not null; node = node.Next)
            {
                if (node.Column == column)
                {
                    return node.Source;
                }
            }

            var added = new Node(column, new KeptTextNumbers(numbering, field, _quota), first);
            if (Interlocked.CompareExchange(ref _first, added, first) == first)
            {
                return added.Source;
            }
        }
    }

    private sealed record Node(int Column, TextNumbersSource Source, Node? Next);
}
