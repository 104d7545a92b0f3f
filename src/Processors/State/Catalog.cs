using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Processors.State;

/// <summary>A field of a dataset as the catalog knows it: how many values of each kind, and the log time of the newest, unix milliseconds.</summary>
public sealed class CatalogField
{
    /// <summary>Values by kind, indexed by <see cref="FieldKind"/>.</summary>
    public long[] Counts { get; } = new long[5];

    /// <summary>Log time of the newest.</summary>
    public long LastWrittenMs { get; set; }
}

/// <summary>Which datasets and fields a partition has seen. Written by the partition's actor, copied for readers; a part of the cut.</summary>
public sealed class Catalog
{
    private readonly Dictionary<string, Dictionary<string, CatalogField>> _datasets = [];

    /// <summary>The datasets with their fields.</summary>
    public IReadOnlyDictionary<string, Dictionary<string, CatalogField>> Datasets => _datasets;

    /// <summary>Notes a batch's datasets and fields.</summary>
    public void Add(EventBatch batch, long logTimeMs)
    {
        var fields = new Dictionary<string, CatalogField>?[batch.Datasets.Count];
        for (var code = 0; code < fields.Length; code++)
        {
            var name = batch.Datasets.Text(code);
            if (!_datasets.TryGetValue(name, out var known) && _datasets.Count < Limits.CatalogDatasetsMax)
            {
                _datasets[name] = known = [];
            }

            fields[code] = known;
        }

        var counts = new long[fields.Length];
        foreach (var (name, vector) in batch.Columns)
        {
            Array.Clear(counts);
            if (fields.Length == 1)
            {
                counts[0] = vector.Count;
            }
            else if (vector.Presence is null)
            {
                foreach (var code in batch.DatasetCodes)
                {
                    counts[code]++;
                }
            }
            else
            {
                for (var row = 0; row < batch.Rows; row++)
                {
                    counts[batch.DatasetCodes[row]] += vector.Has(row) ? 1 : 0;
                }
            }

            for (var code = 0; code < counts.Length; code++)
            {
                if (counts[code] > 0 && fields[code] is { } known)
                {
                    Note(known, name, vector.Type, counts[code], logTimeMs);
                }
            }
        }
    }

    /// <summary>Writes the catalog.</summary>
    public void Write(ByteWriter w)
    {
        w.Varint((ulong)_datasets.Count);
        foreach (var (dataset, fields) in _datasets)
        {
            w.Text(dataset);
            w.Varint((ulong)fields.Count);
            foreach (var (name, field) in fields)
            {
                w.Text(name);
                w.I64(field.LastWrittenMs);
                foreach (var count in field.Counts)
                {
                    w.Varint((ulong)count);
                }
            }
        }
    }

    /// <summary>Adds a written catalog.</summary>
    public void Read(ref ByteReader r)
    {
        for (var datasets = r.Count(); datasets > 0; datasets--)
        {
            var dataset = r.Text();
            if (!_datasets.TryGetValue(dataset, out var fields))
            {
                _datasets[dataset] = fields = [];
            }

            for (var left = r.Count(); left > 0; left--)
            {
                var name = r.Text();
                if (!fields.TryGetValue(name, out var field))
                {
                    fields[name] = field = new();
                }

                field.LastWrittenMs = Math.Max(field.LastWrittenMs, r.I64());
                for (var kind = 0; kind < field.Counts.Length; kind++)
                {
                    field.Counts[kind] += (long)r.Varint();
                }
            }
        }
    }

    private static void Note(Dictionary<string, CatalogField> fields, string name, ColumnType type, long count, long logTimeMs)
    {
        if (!fields.TryGetValue(name, out var field))
        {
            if (fields.Count >= Limits.CatalogFieldsMax)
            {
                return;
            }

            fields[name] = field = new();
        }

        var kind = type switch
        {
            ColumnType.Integer => FieldKind.Integer,
            ColumnType.Float => FieldKind.Float,
            ColumnType.Bool => FieldKind.Bool,
            _ => FieldKind.String,
        };
        field.Counts[(int)kind] += count;
        field.LastWrittenMs = logTimeMs;
    }
}
