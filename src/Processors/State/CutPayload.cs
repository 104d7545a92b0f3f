using StreamObserve.Core.Aggregation;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Processors.State;

/// <summary>A place in the log: the next offset to read, and the partition's log time before it (unix milliseconds).</summary>
public readonly record struct LogPlace(long Offset, long LogTimeMs);

/// <summary>A control record that brought a policy version: records from the offset on are under it.</summary>
public readonly record struct PolicyPlace(long Offset, int Version);

/// <summary>Offsets [From, To) that were gone from the log before they could be read.</summary>
public readonly record struct LostOffsets(long From, long To);

/// <summary>
/// What a partition's state adds to a cut besides its stores (docs/formats/cut-payload.md): where the cursors stand, what is sealed and folded, the policies that
/// undecided traces follow. A plain snapshot; the state writes and reads it between two batches.
/// </summary>
public sealed record CutPayload
{
    /// <summary>Version of the format, part of the settings' fingerprint.</summary>
    public const int Version = 4;

    /// <summary>The head cursor.</summary>
    public required LogPlace Head { get; init; }

    /// <summary>Every kept row below is in a sealed block.</summary>
    public required LogPlace Sealed { get; init; }

    /// <summary>Every row below is in folded aggregates.</summary>
    public required LogPlace Folded { get; init; }

    /// <summary>Number of the next fold.</summary>
    public required long NextFold { get; init; }

    /// <summary>Number of the next block.</summary>
    public required long NextBlock { get; init; }

    /// <summary>True when a policy with rules was ever in force: rows must be looked up.</summary>
    public required bool HadRules { get; init; }

    /// <summary>True when rows were dropped for which no kept row stands.</summary>
    public required bool HasUncountedDrops { get; init; }

    /// <summary>Earliest and latest event time, unix nanoseconds, of rows that the sampler dropped or kept with a weight; null when there are none.</summary>
    public required (long FromNs, long ToNs)? SampledTimes { get; init; }

    /// <summary>Rows behind the trailing cursor: kept and dropped.</summary>
    public required long KeptRows { get; init; }

    /// <inheritdoc cref="KeptRows"/>
    public required long DroppedRows { get; init; }

    /// <summary>Policy versions and their stretches of log time.</summary>
    public required IReadOnlyList<PolicyInForce> Policies { get; init; }

    /// <summary>Policy versions and the offsets from which they hold.</summary>
    public required IReadOnlyList<PolicyPlace> PolicyPlaces { get; init; }

    /// <summary>Decision windows.</summary>
    public required IReadOnlyList<WindowChange> Windows { get; init; }

    /// <summary>Names by the codes that summaries use.</summary>
    public required StringDictionary Datasets { get; init; }

    /// <summary>The folds.</summary>
    public required IReadOnlyList<FoldDirectory> Folds { get; init; }

    /// <summary>The sealed blocks.</summary>
    public required IReadOnlyList<BlockInfo> Blocks { get; init; }

    /// <summary>Blocks of dropped rows that were brought back for reading.</summary>
    public required IReadOnlyList<BlockInfo> Promoted { get; init; }

    /// <summary>Lost offsets.</summary>
    public required IReadOnlyList<LostOffsets> Lost { get; init; }

    /// <summary>Marks in the summaries' log: (log time, address), ascending.</summary>
    public required IReadOnlyList<(long LogTimeMs, long Address)> SummaryMarks { get; init; }

    /// <summary>The folder's memory and the catalog, as they write themselves.</summary>
    public required ReadOnlyMemory<byte> Folder { get; init; }

    /// <inheritdoc cref="Folder"/>
    public required ReadOnlyMemory<byte> Catalog { get; init; }

    /// <summary>The sets of values that summaries name, and the epochs that are not decided or not sealed yet, as they write themselves.</summary>
    public required ReadOnlyMemory<byte> KeySets { get; init; }

    /// <inheritdoc cref="KeySets"/>
    public required ReadOnlyMemory<byte> Epochs { get; init; }

    /// <summary>Writes the payload.</summary>
    public byte[] Encode()
    {
        var w = new ByteWriter(1 << 16);
        w.U8(Version);
        foreach (var place in (ReadOnlySpan<LogPlace>)[Head, Sealed, Folded])
        {
            w.Varint((ulong)place.Offset);
            w.Varint((ulong)place.LogTimeMs);
        }

        w.Varint((ulong)NextFold);
        w.Varint((ulong)NextBlock);
        w.U8((byte)((HadRules ? 1 : 0) | (HasUncountedDrops ? 2 : 0) | (SampledTimes is null ? 0 : 4)));
        if (SampledTimes is var (from, to))
        {
            w.I64(from);
            w.I64(to);
        }

        w.Varint((ulong)KeptRows);
        w.Varint((ulong)DroppedRows);
        List(w, Policies, static (w, policy) =>
        {
            w.I64(policy.FromLogTime);
            w.I64(policy.UntilLogTime);
            w.Blob(policy.Set.ToJson());
        });
        List(w, PolicyPlaces, static (w, place) =>
        {
            w.Varint((ulong)place.Offset);
            w.Varint((ulong)place.Version);
        });
        List(w, Windows, static (w, window) =>
        {
            w.I64(window.FromLogTime);
            w.I64(window.WindowMs);
        });
        w.Varint((ulong)Datasets.Count);
        for (var code = 0; code < Datasets.Count; code++)
        {
            w.Blob(Datasets[code]);
        }

        List(w, Folds, static (w, fold) => fold.Write(w));
        List(w, Blocks, WriteBlock);
        List(w, Promoted, WriteBlock);
        List(w, Lost, static (w, lost) =>
        {
            w.Varint((ulong)lost.From);
            w.Varint((ulong)lost.To);
        });
        List(w, SummaryMarks, static (w, mark) =>
        {
            w.I64(mark.LogTimeMs);
            w.I64(mark.Address);
        });
        w.Blob(Folder.Span);
        w.Blob(Catalog.Span);
        w.Blob(KeySets.Span);
        w.Blob(Epochs.Span);
        return w.Written.ToArray();
    }

    /// <summary>Reads a payload. It came from a manifest whose CRC held: a <see cref="FormatException"/> is a bug.</summary>
    public static CutPayload Decode(ReadOnlySpan<byte> bytes)
    {
        var r = new ByteReader(bytes);
        if (r.U8() is var version && version != Version)
        {
            throw new FormatException($"a cut payload of version {version}");
        }

        LogPlace head = Place(ref r), sealedTo = Place(ref r), folded = Place(ref r);
        long nextFold = (long)r.Varint(), nextBlock = (long)r.Varint();
        var flags = r.U8();
        (long, long)? sampledTimes = (flags & 4) != 0 ? (r.I64(), r.I64()) : null;
        long kept = (long)r.Varint(), dropped = (long)r.Varint();
        var policies = new List<PolicyInForce>();
        for (var left = r.Count(); left > 0; left--)
        {
            long from = r.I64(), until = r.I64();
            if (!SamplingPolicySet.TryParse(r.Blob().ToArray(), out var set, out var errors))
            {
                throw new FormatException($"a policy set in the cut: {errors[0]}");
            }

            policies.Add(new(set, from, until));
        }

        var places = new List<PolicyPlace>();
        for (var left = r.Count(); left > 0; left--)
        {
            places.Add(new((long)r.Varint(), (int)r.Varint()));
        }

        var windows = new List<WindowChange>();
        for (var left = r.Count(); left > 0; left--)
        {
            windows.Add(new(r.I64(), r.I64()));
        }

        var datasets = new StringDictionary();
        for (var left = r.Count(); left > 0; left--)
        {
            datasets.Add(r.Blob());
        }

        var folds = new List<FoldDirectory>();
        for (var left = r.Count(); left > 0; left--)
        {
            folds.Add(FoldDirectory.Read(ref r));
        }

        List<BlockInfo> blocks = ReadBlocks(ref r), promoted = ReadBlocks(ref r);

        var lost = new List<LostOffsets>();
        for (var left = r.Count(); left > 0; left--)
        {
            lost.Add(new((long)r.Varint(), (long)r.Varint()));
        }

        var marks = new List<(long, long)>();
        for (var left = r.Count(); left > 0; left--)
        {
            marks.Add((r.I64(), r.I64()));
        }

        return new()
        {
            Head = head,
            Sealed = sealedTo,
            Folded = folded,
            NextFold = nextFold,
            NextBlock = nextBlock,
            HadRules = (flags & 1) != 0,
            HasUncountedDrops = (flags & 2) != 0,
            SampledTimes = sampledTimes,
            KeptRows = kept,
            DroppedRows = dropped,
            Policies = policies,
            PolicyPlaces = places,
            Windows = windows,
            Datasets = datasets,
            Folds = folds,
            Blocks = blocks,
            Promoted = promoted,
            Lost = lost,
            SummaryMarks = marks,
            Folder = r.Blob().ToArray(),
            Catalog = r.Blob().ToArray(),
            KeySets = r.Blob().ToArray(),
            Epochs = r.Blob().ToArray(),
        };
    }

    private static LogPlace Place(ref ByteReader r) => new((long)r.Varint(), (long)r.Varint());

    private static void WriteBlock(ByteWriter w, BlockInfo block)
    {
        w.Varint((ulong)block.Id);
        w.Varint((ulong)block.Rows);
        w.I64(block.MinTimeNs);
        w.I64(block.MaxTimeNs);
        w.U8(block.IsSampled ? (byte)1 : (byte)0);
        w.Varint((ulong)block.Chunks);
        w.Varint((ulong)block.Bytes);
    }

    private static List<BlockInfo> ReadBlocks(ref ByteReader r)
    {
        var blocks = new List<BlockInfo>();
        for (var left = r.Count(); left > 0; left--)
        {
            blocks.Add(new((long)r.Varint(), r.Count(), r.I64(), r.I64(), r.U8() != 0, r.Count(), (long)r.Varint()));
        }

        return blocks;
    }

    private static void List<T>(ByteWriter w, IReadOnlyList<T> items, Action<ByteWriter, T> write)
    {
        w.Varint((ulong)items.Count);
        foreach (var item in items)
        {
            write(w, item);
        }
    }
}
