namespace StreamObserve.Hosting;

/// <summary>Where a value came from, strongest first.</summary>
public enum SettingSource : byte
{
    /// <summary>The command line.</summary>
    Flag,

    /// <summary>The environment.</summary>
    Variable,

    /// <summary>The configuration file.</summary>
    File,

    /// <summary>The declaration.</summary>
    Default,
}

/// <summary>Where a value came from; <paramref name="Place"/> names it for people, e.g. <c>--http</c>, <c>node.json: http.listen</c>.</summary>
public readonly record struct SettingOrigin(SettingSource Source, string Place);

/// <summary>The values of one command's settings after reading, each with its origin. Immutable.</summary>
public sealed class SettingValues
{
    private readonly Dictionary<Setting, (object? Value, SettingOrigin Origin)> _values;

    internal SettingValues(Dictionary<Setting, (object? Value, SettingOrigin Origin)> values) => _values = values;

    /// <summary>The value. The setting must be one of the command's.</summary>
    public T Get<T>(Setting<T> setting) => (T)_values[setting].Value!;

    /// <summary>Where the value came from.</summary>
    public SettingOrigin OriginOf(Setting setting) => _values[setting].Origin;

    /// <summary>True when someone gave it.</summary>
    public bool IsGiven(Setting setting) => OriginOf(setting).Source != SettingSource.Default;
}

/// <summary>What a command accepts. Immutable.</summary>
public sealed record CommandSyntax
{
    /// <summary>The verb, e.g. <c>run</c>.</summary>
    public required string Verb { get; init; }

    /// <summary>What it does, one line.</summary>
    public required string Summary { get; init; }

    /// <summary>More lines for its help, or empty.</summary>
    public string Details { get; init; } = "";

    /// <summary>Its settings, in the order of the help.</summary>
    public IReadOnlyList<Setting> Settings { get; init; } = [];

    /// <summary>The one of <see cref="Settings"/> that names a configuration file; null = the command reads none.</summary>
    public Setting<string?>? ConfigurationFile { get; init; }

    /// <summary>What its operands are called, e.g. <c>FILE|-</c>; null = it takes none.</summary>
    public string? Operand { get; init; }

    /// <summary>Fewest operands.</summary>
    public int OperandsMin { get; init; }

    /// <summary>Most operands.</summary>
    public int OperandsMax { get; init; }

    /// <summary>Whole example command lines.</summary>
    public IReadOnlyList<string> Examples { get; init; } = [];
}

/// <summary>
/// What reading a command line came to: <see cref="HelpAsked"/>, or <see cref="Errors"/> (one line each, for the person who typed it), or <see cref="Values"/>.
/// </summary>
public sealed record ReadCommandLine
{
    /// <summary>True when <c>--help</c> or <c>-h</c> was there; nothing else was then looked at.</summary>
    public bool HelpAsked { get; init; }

    /// <summary>The values; null when there are errors or help was asked for.</summary>
    public SettingValues? Values { get; init; }

    /// <summary>What is neither flag nor value of one.</summary>
    public IReadOnlyList<string> Operands { get; init; } = [];

    /// <summary>Everything wrong, not only the first.</summary>
    public IReadOnlyList<string> Errors { get; init; } = [];

    /// <summary>What looks like a mistake but may not be one.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
