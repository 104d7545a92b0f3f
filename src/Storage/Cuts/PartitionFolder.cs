using System.Globalization;
using StreamObserve.Storage.Files;

namespace StreamObserve.Storage.Cuts;

/// <summary>
/// The files of one partition, in a folder that its owners, one after another and perhaps in different processes, share:
/// <code>
/// epoch-0000000003.claim              owner 3 took the partition (created with O_EXCL)
/// epoch-0000000003/                   written by owner 3 only
///   cut-0000000017.manifest           cut 3/17
///   aggregates/ blocks/ summaries/    segment-*.log, index-*.ckp
/// </code>
/// An owner never writes into another epoch's folder, and what it takes over it links or copies into its own. So a stale owner
/// that wakes up in the middle of anything can only touch files that nobody else depends on.
/// </summary>
internal sealed class PartitionFolder(string path)
{
    private const string ClaimSuffix = ".claim";

    public string Path { get; } = path;

    /// <summary>Folder of an epoch.</summary>
    public string EpochFolder(long epoch) => System.IO.Path.Combine(Path, EpochName(epoch));

    /// <summary>Path of a cut's manifest.</summary>
    public string ManifestPath(CutId id) => System.IO.Path.Combine(EpochFolder(id.Epoch), CutManifest.FileName(id.Sequence));

    /// <summary>The highest epoch that anyone has claimed, or 0.</summary>
    public long HighestEpoch()
    {
        long highest = 0;
        foreach (string claim in Directory.EnumerateFiles(Path, "epoch-*" + ClaimSuffix))
        {
            if (TryParseEpoch(System.IO.Path.GetFileNameWithoutExtension(claim), out long epoch))
            {
                highest = Math.Max(highest, epoch);
            }
        }

        return highest;
    }

    /// <summary>
    /// Takes the partition: creates the next epoch exclusively, so that of two that try at once one gets the higher epoch and
    /// fences the other.
    /// </summary>
    /// <param name="note">Written into the claim for people to read.</param>
    public long Claim(string note)
    {
        Directory.CreateDirectory(Path);
        while (true)
        {
            long epoch = HighestEpoch() + 1;
            string claim = System.IO.Path.Combine(Path, EpochName(epoch) + ClaimSuffix);
            try
            {
                using var stream = new FileStream(claim, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
                using var writer = new StreamWriter(stream);
                writer.WriteLine(note);
                writer.Flush();
                stream.Flush(flushToDisk: true);
            }
            catch (IOException) when (File.Exists(claim))
            {
                continue; // another owner was faster
            }

            PosixFiles.ForceFolder(Path);

            // The epoch may have been used and its claim removed by an even later owner.
            if (HighestEpoch() == epoch)
            {
                Directory.CreateDirectory(EpochFolder(epoch));
                return epoch;
            }
        }
    }

    /// <summary>All cuts whose manifest file exists, newest first.</summary>
    public List<CutId> ListCuts()
    {
        var cuts = new List<CutId>();
        foreach (long epoch in ListEpochFolders())
        {
            try
            {
                foreach (string file in Directory.EnumerateFiles(EpochFolder(epoch), "cut-*.manifest"))
                {
                    if (CutManifest.TryParseFileName(System.IO.Path.GetFileName(file), out long sequence))
                    {
                        cuts.Add(new CutId(epoch, sequence));
                    }
                }
            }
            catch (DirectoryNotFoundException)
            {
                // an owner has just pruned it
            }
        }

        cuts.Sort((left, right) => right.CompareTo(left));
        return cuts;
    }

    /// <summary>Reads and decodes a manifest; null and the problem if it is damaged.</summary>
    public CutManifest? TryReadManifest(CutId id, out string? problem)
    {
        try
        {
            CutManifest? manifest = CutManifest.TryDecode(File.ReadAllBytes(ManifestPath(id)), out problem);
            if (manifest is not null && manifest.Id != id)
            {
                problem = $"the manifest is that of cut {manifest.Id}";
                return null;
            }

            return manifest;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            problem = failure is FileNotFoundException or DirectoryNotFoundException ? "the manifest is missing" : failure.Message;
            return null;
        }
    }

    /// <summary>Makes a cut exist: temporary file, fsync, rename, fsync of the folder.</summary>
    public void Publish(CutManifest manifest, bool forceToDisk)
    {
        string path = ManifestPath(manifest.Id);
        string temporary = path + ".tmp";
        using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1))
        {
            stream.Write(manifest.Encode());
            stream.Flush(flushToDisk: forceToDisk);
        }

        File.Move(temporary, path);
        if (forceToDisk)
        {
            PosixFiles.ForceFolder(EpochFolder(manifest.Id.Epoch));
        }
    }

    /// <summary>Deletes the manifests of an epoch below a sequence.</summary>
    public void DeleteManifestsBelow(CutId oldestKept)
    {
        foreach (string file in Directory.EnumerateFiles(EpochFolder(oldestKept.Epoch), "cut-*.manifest"))
        {
            if (CutManifest.TryParseFileName(System.IO.Path.GetFileName(file), out long sequence) && sequence < oldestKept.Sequence)
            {
                File.Delete(file);
            }
        }
    }

    /// <summary>Deletes the folders and claims of the epochs below <paramref name="own"/> that are not to be kept.</summary>
    public void DeleteEpochsBelow(long own, IReadOnlyCollection<long> kept)
    {
        foreach (long epoch in ListEpochFolders())
        {
            if (epoch < own && !kept.Contains(epoch))
            {
                try
                {
                    Directory.Delete(EpochFolder(epoch), recursive: true);
                }
                catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
                {
                    // Its owner may be alive and writing: what is left goes at the next cut.
                }
            }
        }

        foreach (string claim in Directory.EnumerateFiles(Path, "epoch-*" + ClaimSuffix))
        {
            if (TryParseEpoch(System.IO.Path.GetFileNameWithoutExtension(claim), out long epoch)
                && epoch < own && !kept.Contains(epoch) && !Directory.Exists(EpochFolder(epoch)))
            {
                File.Delete(claim);
            }
        }
    }

    private List<long> ListEpochFolders()
    {
        var epochs = new List<long>();
        foreach (string folder in Directory.EnumerateDirectories(Path, "epoch-*"))
        {
            if (TryParseEpoch(System.IO.Path.GetFileName(folder), out long epoch))
            {
                epochs.Add(epoch);
            }
        }

        return epochs;
    }

    private static string EpochName(long epoch) => string.Create(CultureInfo.InvariantCulture, $"epoch-{epoch:D10}");

    private static bool TryParseEpoch(string name, out long epoch)
    {
        epoch = 0;
        return name.StartsWith("epoch-", StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out epoch);
    }
}
