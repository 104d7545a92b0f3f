using System.Runtime.CompilerServices;

namespace StreamObserve.Processors.State;

/// <summary>What a trace's key follows from, in numbers. Equality is told without a call: it is asked for each trace.</summary>
/// <param name="of">Whose key: the same object for the same.</param>
/// <param name="number">A number within it.</param>
/// <param name="set">The set of values.</param>
/// <param name="rows">The rows of the trace, where they are part of the key; else 0.</param>
internal readonly struct KeyNumber(object of, int number, int set, long rows) : IEquatable<KeyNumber>
{
    private readonly object _of = of;
    private readonly int _number = number;
    private readonly int _set = set;
    private readonly long _rows = rows;

    public bool Equals(KeyNumber other) => _set == other._set && _number == other._number && _rows == other._rows && ReferenceEquals(_of, other._of);

    public override bool Equals(object? obj) => obj is KeyNumber other && Equals(other);

    public override int GetHashCode() => (int)((((uint)_set * 2654435761u) + (uint)_number) ^ ((uint)_rows * 2246822519u)) + RuntimeHelpers.GetHashCode(_of);
}
