using System.Globalization;
using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>
/// Reads the parameters of a request's query string, gathering what is wrong with them. A parameter that nothing reads is an error too: a misspelt filter
/// must not show everything.
/// </summary>
internal sealed class QueryParameters(IQueryCollection query)
{
    private readonly List<ProblemError> _errors = [];
    private readonly List<string> _known = [];

    /// <summary>A text of at most <paramref name="charsMax"/> characters; null when missing or empty.</summary>
    public string? Text(string name, int charsMax)
    {
        _known.Add(name);
        var values = query[name];
        if (values.Count > 1)
        {
            _errors.Add(new(name, JsonText.Excerpt(values.ToString()), "is given more than once"));
            return null;
        }

        var text = values.ToString();
        if (text.Length > charsMax)
        {
            _errors.Add(new(name, JsonText.Excerpt(text), $"may have {charsMax} characters"));
            return null;
        }

        return text.Length == 0 ? null : text;
    }

    /// <summary>A whole number within bounds; <paramref name="missing"/> when there is none.</summary>
    public int Integer(string name, int missing, int min, int max)
    {
        if (Text(name, charsMax: 64) is not { } text)
        {
            return missing;
        }

        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
        {
            return value;
        }

        _errors.Add(new(name, text, $"must be a whole number from {min} to {max}"));
        return missing;
    }

    /// <summary>Adds what a caller found wrong with a parameter.</summary>
    public void Refuse(ProblemError error) => _errors.Add(error);

    /// <summary>The 400 that names everything wrong, or null.</summary>
    public ProblemDocument? Finish()
    {
        foreach (var (name, value) in query)
        {
            if (!_known.Contains(name))
            {
                _errors.Add(new(name, JsonText.Excerpt(value.ToString()), $"is not a parameter here; known: {string.Join(", ", _known)}"));
            }
        }

        return _errors.Count == 0 ? null : Problems.BadRequest(_errors);
    }
}
