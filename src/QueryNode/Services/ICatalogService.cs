using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;

namespace StreamObserve.QueryNode.Services;

/// <summary>What there is: datasets, their columns, the columns' values. Any thread, many at once; entries come sorted as they are to be shown.</summary>
public interface ICatalogService
{
    /// <summary>Every dataset that has events.</summary>
    Task<CatalogOutcome<DatasetEntry>> GetDatasetsAsync(CancellationToken cancellation);

    /// <summary>Every column of a dataset; <see cref="DatasetNames.All"/> for those of all.</summary>
    Task<CatalogOutcome<ColumnEntry>> GetColumnsAsync(string dataset, CancellationToken cancellation);

    /// <summary>The most frequent values of a column, at most <paramref name="limit"/> (1..<see cref="QueryHttpLimits.ColumnValuesMax"/>).</summary>
    Task<CatalogOutcome<ValueEntry>> GetValuesAsync(string dataset, string column, int limit, CancellationToken cancellation);
}

/// <summary>What came of a look into the catalog.</summary>
public abstract record CatalogOutcome<TEntry>
{
    private CatalogOutcome() { }

    /// <summary>The entries; <paramref name="More"/> = there are others past the limit.</summary>
    public sealed record Found(IReadOnlyList<TEntry> Entries, bool More, Receipt Receipt) : CatalogOutcome<TEntry>;

    /// <summary>No partition has seen the dataset.</summary>
    public sealed record UnknownDataset : CatalogOutcome<TEntry>;

    /// <summary>The dataset has no such column.</summary>
    public sealed record UnknownColumn : CatalogOutcome<TEntry>;
}

/// <summary>A dataset; <paramref name="LastWrittenNs"/> is when its newest event arrived, unix nanoseconds.</summary>
public sealed record DatasetEntry(string Name, long? LastWrittenNs);

/// <summary>A column with the type of most of its values (never <see cref="FieldKind.Absent"/>); <paramref name="LastWrittenNs"/> as for datasets.</summary>
public sealed record ColumnEntry(string Name, FieldKind Type, long? LastWrittenNs);

/// <summary>A value and how many events have it (weighted by their sample rates).</summary>
public sealed record ValueEntry(FieldValue Value, double Count, NumberLabel Label);
