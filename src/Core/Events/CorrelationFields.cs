using System.Collections.Frozen;

namespace StreamObserve.Core.Events;

/// <summary>
/// Which field correlates the events of a dataset that have no trace id, where it has one: an order, a task. Events with the same value go to the same partition. Changed while events flow;
/// any thread.
/// </summary>
public sealed class CorrelationFields
{
    private readonly Lock _lock = new();
    private volatile State _state = new(0, FrozenDictionary<string, string>.Empty);

    /// <summary>True when no dataset has one.</summary>
    public bool IsEmpty => _state.Fields.Count == 0;

    /// <summary>Another one after each change.</summary>
    public int Version => _state.Version;

    /// <summary>The field of a dataset, by its name in lower case; null when it has none.</summary>
    public string? FieldOf(string dataset) => _state.Fields.GetValueOrDefault(dataset);

    /// <summary>Sets a dataset's field, or takes it away (null).</summary>
    public void Set(string dataset, string? field)
    {
        lock (_lock)
        {
            var fields = new Dictionary<string, string>(_state.Fields, StringComparer.Ordinal);
            fields.Remove(dataset);
            if (field is not null)
            {
                fields.Add(dataset, field);
            }

            _state = new(_state.Version + 1, fields.ToFrozenDictionary(StringComparer.Ordinal));
        }
    }

    private sealed record State(int Version, FrozenDictionary<string, string> Fields);
}
