using StreamObserve.Core.Events;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>The fields by which sampling is looked at where a request names none.</summary>
internal static class SampledFields
{
    /// <summary>A dataset's columns that may be dimensions, by name: texts and truth values, but no ids of traces.</summary>
    public static async Task<IReadOnlyList<string>> OfAsync(ICatalogService catalog, string dataset, int fieldsMax, CancellationToken cancellation) =>
        await catalog.GetColumnsAsync(dataset, cancellation).ConfigureAwait(false) is CatalogOutcome<ColumnEntry>.Found found
            ? [.. found.Entries.Where(column => column.Type is FieldKind.String or FieldKind.Bool && !column.Name.StartsWith("meta.", StringComparison.Ordinal) && !column.Name.StartsWith("trace.", StringComparison.Ordinal)).Select(column => column.Name).Take(fieldsMax)]
            : [];
}
