using Microsoft.Extensions.Logging;
using StreamObserve.Storage.Engine;

namespace StreamObserve.Storage.Cuts;

/// <summary>The three stores of a partition, open.</summary>
internal sealed record OpenedStores<TSummary>(ChunkStore Aggregates, ChunkStore Blocks, SummaryStore<TSummary> Summaries)
    where TSummary : unmanaged
{
    /// <summary>All three, in the order in which they are captured and written into manifests.</summary>
    public IReadOnlyList<StorePart> Parts { get; } = [Aggregates.AsPart(), Blocks.AsPart(), Summaries.AsPart()];
}

/// <summary>
/// Opens a partition's stores in the folder of a new epoch from the newest cut that is sound: manifest CRC, fingerprint, index files,
/// and the part of the logs that the engine parses while it recovers. A cut that is not is reported, and the one before is tried;
/// if none is left the stores start empty.
/// </summary>
internal sealed class PartitionRecovery<TSummary>
    where TSummary : unmanaged
{
    private const int RestartsMax = 8;

    private readonly PartitionFolder _folder;
    private readonly Ownership _ownership;
    private readonly SettingsFingerprint _fingerprint;
    private readonly StoreSettings[] _settings;
    private readonly CutScheduler _scheduler;
    private readonly ILogger _log;

    public PartitionRecovery(
        PartitionFolder folder, Ownership ownership, SettingsFingerprint fingerprint, PartitionStoreOptions options, CutScheduler scheduler, ILogger log)
    {
        _folder = folder;
        _ownership = ownership;
        _fingerprint = fingerprint;
        _settings = [StoreSettings.ForAggregates(options), StoreSettings.ForBlocks(options), StoreSettings.ForSummaries(options)];
        _scheduler = scheduler;
        _log = log;
    }

    /// <summary>What was damaged, in the order in which it was found.</summary>
    public List<Damage> Damages { get; } = [];

    /// <summary>The cut that the stores hold, or null if they are empty.</summary>
    public CutManifest? Recovered { get; private set; }

    /// <summary>
    /// Throws <see cref="SettingsMismatchException"/> if the newest readable cut was written with other settings. Done before the partition
    /// is claimed: a process with wrong settings must not fence the owner that has the right ones.
    /// </summary>
    public static void RefuseOtherSettings(PartitionFolder folder, SettingsFingerprint fingerprint)
    {
        foreach (CutId id in folder.ListCuts())
        {
            if (folder.TryReadManifest(id, out _) is { } manifest)
            {
                fingerprint.ThrowUnlessEquals(manifest.Fingerprint);
                return;
            }
        }
    }

    /// <summary>Opens the stores.</summary>
    public OpenedStores<TSummary> Open()
    {
        for (int restart = 0; ; restart++)
        {
            List<CutId> cuts = ListEarlierCuts();
            foreach (CutId id in cuts)
            {
                if (TryOpen(id) is { } stores)
                {
                    return stores;
                }
            }

            // A former owner that is still alive may have published and pruned while we were reading.
            bool isNewerThere = ListEarlierCuts() is [var newest, ..] && (cuts.Count == 0 || newest > cuts[0]);
            if (!isNewerThere || restart == RestartsMax)
            {
                return OpenEmpty();
            }

            Damages.Clear();
        }
    }

    /// <summary>The epochs that hold the recovered cut and the one before it: kept until this owner has two cuts of its own.</summary>
    public IReadOnlyCollection<long> EpochsToKeep()
    {
        IEnumerable<CutId> cuts = ListEarlierCuts();
        if (Recovered is { } recovered)
        {
            cuts = cuts.Where(id => id <= recovered.Id).Take(Limits.CutsKept);
        }

        return cuts.Select(id => id.Epoch).ToHashSet();
    }

    private List<CutId> ListEarlierCuts()
    {
        List<CutId> cuts = _folder.ListCuts();
        cuts.RemoveAll(id => id.Epoch >= _ownership.Epoch);
        return cuts;
    }

    private OpenedStores<TSummary> OpenEmpty()
    {
        ClearOwnFolder();
        return OpenStores([null, null, null], [[], [], []]);
    }

    private OpenedStores<TSummary>? TryOpen(CutId id)
    {
        if (_folder.TryReadManifest(id, out string? problem) is not { } manifest)
        {
            Report(_folder.ManifestPath(id), DamageEffect.CutRefused, problem!);
            return null;
        }

        _fingerprint.ThrowUnlessEquals(manifest.Fingerprint);
        ClearOwnFolder();
        var parts = new StoreCut?[_settings.Length];
        var shared = new IReadOnlyCollection<int>[_settings.Length];
        var lost = new List<Damage>();
        for (int i = 0; i < _settings.Length; i++)
        {
            StoreSettings settings = _settings[i];
            parts[i] = manifest.Stores.FirstOrDefault(store => store.Store == settings.Name);
            if (parts[i] is not { } part)
            {
                Report(_folder.ManifestPath(id), DamageEffect.CutRefused, $"the manifest has no store {settings.Name}");
                return null;
            }

            string source = Path.Combine(_folder.EpochFolder(id.Epoch), settings.Name);
            ImportResult import = StoreImport.Import(part, settings, source, OwnFolder(settings));
            if (import.Refusal is { } refusal)
            {
                Report(Path.Combine(source, refusal.File), DamageEffect.CutRefused, refusal.Reason);
                return null;
            }

            shared[i] = import.SharedSegments;
            lost.AddRange(import.Damages.Select(damage => NewDamage(Path.Combine(source, damage.File), DamageEffect.ValuesLost, damage.Reason)));
        }

        try
        {
            OpenedStores<TSummary> stores = OpenStores(parts, shared);
            foreach (Damage damage in lost)
            {
                Report(damage);
            }

            Recovered = manifest;
            return stores;
        }
        catch (Exception failure) when (failure is not (OutOfMemoryException or SettingsMismatchException))
        {
            // What the engine throws while it recovers is not documented; all of it means that this cut is of no use.
            Report(_folder.ManifestPath(id), DamageEffect.CutRefused, $"the engine cannot recover it: {failure.Message}");
            return null;
        }
    }

    private OpenedStores<TSummary> OpenStores(StoreCut?[] parts, IReadOnlyCollection<int>[] shared)
    {
        var opened = new List<Action>();
        try
        {
            var aggregates = ChunkStore.Open(_settings[0], OwnFolder(_settings[0]), _scheduler, _ownership, parts[0], shared[0]);
            opened.Add(aggregates.AsPart().Close);
            var blocks = ChunkStore.Open(_settings[1], OwnFolder(_settings[1]), _scheduler, _ownership, parts[1], shared[1]);
            opened.Add(blocks.AsPart().Close);
            var summaries = SummaryStore<TSummary>.Open(_settings[2], OwnFolder(_settings[2]), _scheduler, _ownership, parts[2], shared[2]);
            return new OpenedStores<TSummary>(aggregates, blocks, summaries);
        }
        catch
        {
            foreach (Action close in opened)
            {
                close();
            }

            throw;
        }
    }

    private string OwnFolder(StoreSettings settings) => Path.Combine(_folder.EpochFolder(_ownership.Epoch), settings.Name);

    private void ClearOwnFolder()
    {
        foreach (StoreSettings settings in _settings)
        {
            string folder = OwnFolder(settings);
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            Directory.CreateDirectory(folder);
        }
    }

    private Damage NewDamage(string path, DamageEffect effect, string reason) =>
        new(Path.GetRelativePath(_folder.Path, path), effect, reason);

    private void Report(string path, DamageEffect effect, string reason) => Report(NewDamage(path, effect, reason));

    private void Report(Damage damage)
    {
        Damages.Add(damage);
        _log.LogError("stored state is damaged: {Damage} in {Folder}", damage, _folder.Path);
    }
}
