using StreamObserve.Core.Columns;

namespace StreamObserve.Processors.State;

/// <summary>
/// Which decoded parts of sealed blocks stay in memory. Questions go through all blocks of their range again and again: kept by the last use, parts that don't all fit would push each
/// other out before they are used a second time. So a part that does not fit takes the place of others only when it was used clearly more often of late; else it goes, and what is
/// there is hit each time. Not thread-safe.
/// </summary>
/// <remarks>
/// Admission by frequency as in TinyLFU (Einziger, Friedman and Manes, ACM TOS 2017), with exact counts, since a block knows its parts: uses are counted with a half-life of
/// <see cref="HalfLifeRounds"/> rounds, a round being as many uses as parts are kept. The part to give way is the least used of some taken at random.
/// </remarks>
internal sealed class ColumnCache(long budgetBytes)
{
    private const double HalfLifeRounds = 2;

    /// <summary>How much oftener a part must have been used than the one it replaces: more than the count of either falls between two uses of it in turn.</summary>
    private const double Advantage = 1.5;

    private const int Choices = 8;

    private const int RoundMin = 64;

    private readonly List<CachedPart> _kept = [];
    private readonly Random _random = new(1);       // which part is looked at, nothing that anybody sees
    private long _uses;

    /// <summary>Bytes of the parts that are kept.</summary>
    public long Bytes { get; private set; }

    /// <summary>Counts a use of a part, and what it holds now. The part, or others, may be let go of.</summary>
    public void Use(CachedPart part)
    {
        _uses++;
        part.Uses = UsesNow(part) + 1;
        part.LastUse = _uses;
        Resize(part, part.Block.PartBytes(part.Number));
        if (part.Bytes > 0 && part.Place < 0)
        {
            part.Place = _kept.Count;
            _kept.Add(part);
        }

        while (Bytes > budgetBytes && part.Place >= 0)
        {
            var weakest = part.Bytes <= budgetBytes ? Weakest(part) : null;
            LetGo(weakest is not null && UsesNow(weakest) * Advantage < part.Uses ? weakest : part);
        }
    }

    /// <summary>Lets go of a part.</summary>
    public void LetGo(CachedPart part)
    {
        part.Block.Drop(part.Number);
        Resize(part, 0);
        if (part.Place >= 0)
        {
            var last = _kept[^1];
            _kept[part.Place] = last;
            last.Place = part.Place;
            _kept.RemoveAt(_kept.Count - 1);
            part.Place = -1;
        }
    }

    private void Resize(CachedPart part, long bytes)
    {
        Bytes += bytes - part.Bytes;
        part.Bytes = bytes;
    }

    private CachedPart? Weakest(CachedPart except)
    {
        CachedPart? weakest = null;
        for (var i = 0; i < Choices; i++)
        {
            var part = _kept[_random.Next(_kept.Count)];
            if (part != except && (weakest is null || UsesNow(part) < UsesNow(weakest)))
            {
                weakest = part;
            }
        }

        return weakest;
    }

    private double UsesNow(CachedPart part) =>
        part.Uses == 0 ? 0 : part.Uses * Math.Pow(2, -(_uses - part.LastUse) / (HalfLifeRounds * Math.Max(RoundMin, _kept.Count)));
}

/// <summary>A part of a block that was used while the block was open: how often of late, and what it holds.</summary>
internal sealed class CachedPart(ColumnBlock block, int number)
{
    /// <summary>The block.</summary>
    public ColumnBlock Block { get; } = block;

    /// <summary>The part's number in the block.</summary>
    public int Number { get; } = number;

    /// <summary>Bytes it held when it was counted last; 0 = it is not kept.</summary>
    public long Bytes { get; set; }

    /// <summary>Uses, the older ones worth less, as of <see cref="LastUse"/>.</summary>
    public double Uses { get; set; }

    /// <summary>The number of its last use among all of the cache.</summary>
    public long LastUse { get; set; }

    /// <summary>Its place among those that are kept; -1 = it is not.</summary>
    public int Place { get; set; } = -1;
}
