using System.Diagnostics.CodeAnalysis;

namespace StreamObserve.Core.Querying.Language;

/// <summary>
/// What is wrong with a question, for the person who asked it. <paramref name="Field"/> is a path in the JSON specification, such as
/// <c>calculations[2].op</c>, or <c>text</c> where the text form can't be read at all; <paramref name="Value"/> is what was given there (cut to
/// <see cref="LanguageLimits.ErrorValueCharsMax"/> characters, empty when nothing was); <paramref name="Message"/> is a sentence that stands alone.
/// </summary>
public sealed record QueryError(string Field, string Value, string Message)
{
    /// <summary>Where in the text form it is, in UTF-16 code units from 0; null for JSON.</summary>
    public int? Offset { get; init; }

    /// <summary>The message.</summary>
    public override string ToString() => Message;
}

/// <summary>A value read from outside, or what is wrong with it; exactly one of the two.</summary>
public readonly struct Parsed<T>
{
    private readonly T? _value;
    private readonly IReadOnlyList<QueryError>? _errors;

    private Parsed(T? value, IReadOnlyList<QueryError>? errors)
    {
        _value = value;
        _errors = errors;
    }

    /// <summary>True when there is a value.</summary>
    public bool Ok => _errors is null;

    /// <summary>The value; asking for it when there are errors is a bug of the caller.</summary>
    public T Value => _errors is null ? _value! : throw new InvalidOperationException($"not a value: {_errors[0].Message}");

    /// <summary>The errors, in the order they were met; empty when there is a value.</summary>
    public IReadOnlyList<QueryError> Errors => _errors ?? [];

    /// <summary>The value or the errors, for use in a condition.</summary>
    public bool TryGet([MaybeNullWhen(false)] out T value, out IReadOnlyList<QueryError> errors)
    {
        value = _value;
        errors = Errors;
        return Ok;
    }

    internal static Parsed<T> Of(T value) => new(value, null);

    internal static Parsed<T> Failed(IReadOnlyList<QueryError> errors) => new(default, errors);

    internal static Parsed<T> Failed(QueryError error) => new(default, [error]);
}

/// <summary>Collects errors up to <see cref="LanguageLimits.ErrorsMax"/>; further ones are left out.</summary>
internal sealed class ErrorList
{
    private readonly List<QueryError> _errors = [];

    public int Count => _errors.Count;

    public IReadOnlyList<QueryError> Errors => _errors;

    public void Add(string field, string value, string message)
    {
        if (_errors.Count < LanguageLimits.ErrorsMax)
        {
            _errors.Add(new QueryError(field, Cut(value), message));
        }
    }

    /// <summary>The value, shortened so that an error stays readable.</summary>
    public static string Cut(string value) =>
        value.Length <= LanguageLimits.ErrorValueCharsMax ? value : string.Concat(value.AsSpan(0, LanguageLimits.ErrorValueCharsMax), "…");
}
