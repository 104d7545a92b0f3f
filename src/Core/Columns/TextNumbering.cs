namespace StreamObserve.Core.Columns;

/// <summary>
/// Numbers for texts that are the same in all of a partition's blocks and batches, a numbering a field: what a scan found out about a text of one it knows in the next one without
/// a look at the text. Within a budget; texts past it have no number. Thread-safe.
/// </summary>
public sealed class TextNumbering(long budgetBytes)
{
    /// <summary>Fields that have a numbering. Past it further ones have none.</summary>
    private const int FieldsMax = 256;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, TextNumbers> _fields = [];
    private long _bytes;

    /// <summary>Bytes of memory held, about.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>A field's numbering now; null when there are too many. Another one once most of what comes has no number in the old one.</summary>
    internal TextNumbers? Of(string field)
    {
        lock (_lock)
        {
            if (_fields.TryGetValue(field, out var numbers) && !numbers.IsOutdated)
            {
                return numbers;
            }

            if (numbers is null && _fields.Count >= FieldsMax)
            {
                return null;
            }

            if (numbers is not null)
            {
                // All begin anew: another field may have had the room, and nobody asks for it any more.
                foreach (var old in _fields.Values)
                {
                    Interlocked.Add(ref _bytes, -old.Retire());
                }

                _fields.Clear();
            }

            return _fields[field] = new(this);
        }
    }

    /// <summary>The numbers of a field's texts now; null when there are too many fields.</summary>
    internal NumberedTexts? Number(string field, Utf8Strings texts) => Of(field) is { } numbers ? new(numbers, numbers.Of(texts)) : null;

    internal bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _bytes, bytes) <= budgetBytes)
        {
            return true;
        }

        Interlocked.Add(ref _bytes, -bytes);
        return false;
    }
}

/// <summary>The numbers of one field's texts: 0, 1, 2… in order of appearance. They mean nothing to another instance. Thread-safe.</summary>
internal sealed class TextNumbers(TextNumbering owner)
{
    /// <summary>The number of a text that has none.</summary>
    public const int None = -1;

    /// <summary>Entries of a dictionary from which on numbers are worth it.</summary>
    public const int EntriesMin = 128;

    /// <summary>Bytes that a text takes besides its own: place and slots of the dictionary.</summary>
    private const int BytesPerText = 32;

    /// <summary>Texts looked up until it is asked how many of them had no number.</summary>
    private const int LookedUpMin = 1 << 18;

    private readonly Lock _lock = new();
    private readonly StringDictionary _texts = new();
    private long _lookedUp;
    private long _without;
    private bool _isRetired;

    /// <summary>Numbers given so far: all are below.</summary>
    public int Count => _texts.Count;

    /// <summary>What it has taken of the budget.</summary>
    public long TakenBytes { get; private set; }

    /// <summary>True when most texts of late had no number: what is numbered is not what comes.</summary>
    public bool IsOutdated
    {
        get
        {
            lock (_lock)
            {
                return _lookedUp >= LookedUpMin && _without * 2 > _lookedUp;
            }
        }
    }

    /// <summary>From now on no text gets a number that has none; what it had taken of the budget.</summary>
    public long Retire()
    {
        lock (_lock)
        {
            _isRetired = true;
            return TakenBytes;
        }
    }

    /// <summary>The number of each text, given to those that are new as far as the budget goes.</summary>
    public int[] Of(Utf8Strings texts)
    {
        var numbers = new int[texts.Count];
        lock (_lock)
        {
            if (_lookedUp >= LookedUpMin)
            {
                _lookedUp = _without = 0;
            }

            for (var i = 0; i < numbers.Length; i++)
            {
                var text = texts[i];
                numbers[i] = _texts.Find(text);
                if (numbers[i] < 0 && !_isRetired && owner.TryTake(text.Length + BytesPerText))
                {
                    TakenBytes += text.Length + BytesPerText;
                    numbers[i] = _texts.Add(text);
                }

                _without += numbers[i] < 0 ? 1 : 0;
            }

            _lookedUp += numbers.Length;
        }

        return numbers;
    }
}
