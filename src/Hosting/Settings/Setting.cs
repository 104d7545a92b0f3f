using System.Diagnostics.CodeAnalysis;

namespace StreamObserve.Hosting;

/// <summary>Reads one value from its text; false when the text is not one.</summary>
public delegate bool SettingParser<T>(string text, [MaybeNullWhen(false)] out T value);

/// <summary>
/// The one declaration of something that a command can be told. Its flag, its environment variable, its key in the configuration file, its line in
/// <c>--help</c> and its row in the reference all derive from it. Immutable.
/// </summary>
public abstract class Setting
{
    /// <summary>What every environment variable starts with.</summary>
    public const string VariablePrefix = "STREAMOBSERVE_";

    private protected Setting(string name) => Name = name;

    /// <summary>Lower case with hyphens, e.g. <c>otlp-http</c>.</summary>
    public string Name { get; }

    /// <summary>The flag, e.g. <c>--otlp-http</c>.</summary>
    public string Flag => "--" + Name;

    /// <summary>True when only a flag can give it (the options of client verbs).</summary>
    public bool FlagOnly { get; init; }

    /// <summary>The environment variable, e.g. <c>STREAMOBSERVE_OTLP_HTTP</c>; null when only a flag can give it.</summary>
    public string? Variable => FlagOnly ? null : VariablePrefix + Name.ToUpperInvariant().Replace('-', '_');

    /// <summary>The dotted key in the configuration file, e.g. <c>kafka.bootstrap</c>; null = not in the file.</summary>
    public string? Key { get; init; }

    /// <summary>What stands for the value in help, e.g. <c>HOST:PORT</c>.</summary>
    public required string ValueName { get; init; }

    /// <summary>The value of the flag without one, which then never takes the next argument for it: <c>--explain</c>, <c>--explain=no</c>. Null = it needs a value.</summary>
    public string? ValueAlone { get; init; }

    /// <summary>What a value must be, to follow the word "expected" in an error.</summary>
    public required string Expected { get; init; }

    /// <summary>One or two sentences, with the unit and what it is good for.</summary>
    public required string Description { get; init; }

    /// <summary>The heading that it stands under in the reference.</summary>
    public string Section { get; init; } = "";

    /// <summary>True when it may be given several times (or as a comma-separated list, or as an array in the file).</summary>
    public abstract bool Repeatable { get; }

    /// <summary>The default as one would write it; empty when there is none.</summary>
    public abstract string DefaultText { get; }

    /// <summary>Reads the given texts (exactly one unless <see cref="Repeatable"/>); null with the offending text when one is not a value.</summary>
    internal abstract object? Parse(IReadOnlyList<string> texts, out string? offending);

    /// <summary>The value when none is given.</summary>
    internal abstract object? DefaultValue { get; }
}

/// <summary>A setting whose values are of type <typeparamref name="T"/>.</summary>
public abstract class Setting<T> : Setting
{
    private protected Setting(string name)
        : base(name)
    {
    }
}

/// <summary>A setting with one value.</summary>
public sealed class SingleSetting<T> : Setting<T>
{
    private readonly SettingParser<T> _parser;
    private readonly T _default;
    private readonly string _defaultText;

    /// <summary>Declares it. <paramref name="defaultText"/> is how the default is written (empty = none).</summary>
    public SingleSetting(string name, SettingParser<T> parser, T defaultValue, string defaultText)
        : base(name)
    {
        _parser = parser;
        _default = defaultValue;
        _defaultText = defaultText;
    }

    /// <inheritdoc/>
    public override bool Repeatable => false;

    /// <inheritdoc/>
    public override string DefaultText => _defaultText;

    internal override object? DefaultValue => _default;

    internal override object? Parse(IReadOnlyList<string> texts, out string? offending)
    {
        string text = texts[0];
        offending = null;
        if (_parser(text, out T? value))
        {
            return value;
        }

        offending = text;
        return null;
    }
}

/// <summary>A setting with a list of values: its flag may be repeated, and each text may hold several values separated by commas. Never empty when given.</summary>
public sealed class ListSetting<T> : Setting<IReadOnlyList<T>>
{
    private readonly SettingParser<T> _parser;
    private readonly IReadOnlyList<T> _default;
    private readonly string _defaultText;
    private readonly int _countMax;

    /// <summary>Declares it. At most <paramref name="countMax"/> values; <paramref name="defaultText"/> is how the default is written (empty = none).</summary>
    public ListSetting(string name, SettingParser<T> parser, IReadOnlyList<T> defaultValue, string defaultText, int countMax)
        : base(name)
    {
        _parser = parser;
        _default = defaultValue;
        _defaultText = defaultText;
        _countMax = countMax;
    }

    /// <inheritdoc/>
    public override bool Repeatable => true;

    /// <inheritdoc/>
    public override string DefaultText => _defaultText;

    internal override object? DefaultValue => _default;

    internal override object? Parse(IReadOnlyList<string> texts, out string? offending)
    {
        var values = new List<T>();
        foreach (string text in texts)
        {
            foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
            {
                if (!_parser(part, out T? value))
                {
                    offending = part;
                    return null;
                }

                values.Add(value);
            }
        }

        offending = values.Count > _countMax ? $"{values.Count} values" : null;
        return values.Count > _countMax ? null : values;
    }
}
