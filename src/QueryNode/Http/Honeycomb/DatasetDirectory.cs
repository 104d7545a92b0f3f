using System.Text;
using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>A dataset as this interface shows it: what the catalog says of its events, and what was said of it here.</summary>
/// <param name="Name">Its name as events have it, in lower case.</param>
/// <param name="LastWrittenNs">When its newest event arrived; null = it has none.</param>
/// <param name="Said">What was said of it; null = nothing.</param>
internal sealed record DatasetView(string Name, long? LastWrittenNs, DatasetRecord? Said)
{
    /// <summary>Its name in paths.</summary>
    public string Slug => DatasetDirectory.Slug(Name);

    /// <summary>Its name as it was first written.</summary>
    public string DisplayName => Said?.DisplayName ?? Name;
}

/// <summary>What was said of a dataset, as it is kept.</summary>
internal sealed record DatasetRecord(string DisplayName, string Description, int ExpandJsonDepth, bool DeleteProtected, long CreatedNs)
{
    /// <summary>As JSON.</summary>
    public byte[] ToJson() => KeptJson.Write(json =>
    {
        json.WriteString("name"u8, DisplayName);
        json.WriteString("description"u8, Description);
        json.WriteNumber("expand_json_depth"u8, ExpandJsonDepth);
        json.WriteBoolean("delete_protected"u8, DeleteProtected);
        json.WriteString("created_at"u8, EventTime.Format(CreatedNs));
    });

    /// <summary>What <see cref="ToJson"/> wrote.</summary>
    public static DatasetRecord Read(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        return new(
            root.GetProperty("name"u8).GetString()!,
            root.GetProperty("description"u8).GetString()!,
            root.GetProperty("expand_json_depth"u8).GetInt32(),
            root.GetProperty("delete_protected"u8).GetBoolean(),
            KeptJson.Time(root, "created_at") ?? 0);
    }
}

/// <summary>Finds datasets by the names that paths have. Any thread.</summary>
internal sealed class DatasetDirectory(ICatalogService catalog, IMetaStore meta)
{
    private const string Prefix = "honeycomb/datasets/";

    /// <summary>A name as paths have it: lower case, and a dash for what would need an escape.</summary>
    public static string Slug(string name)
    {
        var slug = new StringBuilder(name.Length);
        foreach (var c in DatasetNames.Normalise(name))
        {
            slug.Append(char.IsLetterOrDigit(c) || c is '.' or '_' or '-' or '~' ? c : '-');
        }

        return slug.ToString();
    }

    /// <summary>Every dataset that has events or of which something was said, by name; and whether every partition was asked with success.</summary>
    public async Task<(IReadOnlyList<DatasetView> Datasets, bool IsWhole)> ListAsync(CancellationToken cancellation)
    {
        var said = new SortedDictionary<string, DatasetView>(StringComparer.Ordinal);
        foreach (var record in await meta.ListAsync(Prefix, cancellation).ConfigureAwait(false))
        {
            var dataset = DatasetRecord.Read(record.Value);
            said[DatasetNames.Normalise(dataset.DisplayName)] = new(DatasetNames.Normalise(dataset.DisplayName), null, dataset);
        }

        var isWhole = false;
        if (await catalog.GetDatasetsAsync(cancellation).ConfigureAwait(false) is CatalogOutcome<DatasetEntry>.Found found)
        {
            isWhole = found.Receipt.Failed.Count == 0 && !found.More;
            foreach (var entry in found.Entries)
            {
                said[entry.Name] = new(entry.Name, entry.LastWrittenNs, said.GetValueOrDefault(entry.Name)?.Said);
            }
        }

        return ([.. said.Values], isWhole);
    }

    /// <summary>
    /// The dataset of a path, by name or slug; null when there is none. <see cref="DatasetNames.All"/> is always there. When partitions do not answer, an unknown
    /// name gets the benefit of the doubt.
    /// </summary>
    public async Task<DatasetView?> FindAsync(string name, CancellationToken cancellation)
    {
        var normal = DatasetNames.Normalise(name);
        if (normal == DatasetNames.All)
        {
            return new(normal, null, null);
        }

        var (datasets, isWhole) = await ListAsync(cancellation).ConfigureAwait(false);
        var slug = Slug(name);
        DatasetView? bySlug = null;
        foreach (var dataset in datasets)
        {
            if (dataset.Name == normal)
            {
                return dataset;
            }

            bySlug ??= dataset.Slug == slug ? dataset : null;
        }

        return bySlug ?? (isWhole ? null : new(normal, null, null));
    }

    /// <summary>Keeps what was said of a dataset.</summary>
    public Task PutAsync(string name, DatasetRecord record, CancellationToken cancellation) => meta.PutAsync(Key(name), record.ToJson(), cancellation);

    /// <summary>Forgets what was said of a dataset.</summary>
    public Task DeleteAsync(string name, CancellationToken cancellation) => meta.DeleteAsync(Key(name), cancellation);

    private static string Key(string name) => Prefix + Uri.EscapeDataString(DatasetNames.Normalise(name));
}
