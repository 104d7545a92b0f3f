namespace StreamObserve.Hosting;

/// <summary>
/// Reads a command's settings from its arguments, the environment and its configuration file, in this precedence: flag, variable, file, default.
/// All of a setting's values come from its strongest source; lists are not merged. Pure but for <c>readFile</c>.
/// </summary>
public sealed class CommandLineReader
{
    private readonly CommandSyntax _syntax;
    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly Func<string, string> _readFile;
    private readonly List<string> _errors = [];
    private readonly List<string> _warnings = [];
    private readonly List<string> _operands = [];
    private readonly Dictionary<Setting, List<string>> _flags = [];

    private CommandLineReader(CommandSyntax syntax, IReadOnlyDictionary<string, string> environment, Func<string, string> readFile)
    {
        _syntax = syntax;
        _environment = environment;
        _readFile = readFile;
    }

    /// <summary>
    /// Reads <paramref name="arguments"/> (without the verb). <paramref name="readFile"/> gives a file's text and throws <see cref="IOException"/> or
    /// <see cref="UnauthorizedAccessException"/> as <see cref="File.ReadAllText(string)"/> does. Never throws for bad input.
    /// </summary>
    public static ReadCommandLine Read(
        CommandSyntax syntax, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, Func<string, string> readFile) =>
        new CommandLineReader(syntax, environment, readFile).Read(arguments);

    private ReadCommandLine Read(IReadOnlyList<string> arguments)
    {
        if (arguments.TakeWhile(a => a != "--").Any(a => a is "--help" or "-h"))
        {
            return new ReadCommandLine { HelpAsked = true };
        }

        ReadArguments(arguments);
        CheckOperands();
        WarnOfVariables();

        IReadOnlyDictionary<string, IReadOnlyList<string>> file = ReadConfigurationFile(out string fileName);
        var values = new Dictionary<Setting, (object? Value, SettingOrigin Origin)>();
        foreach (Setting setting in _syntax.Settings)
        {
            values[setting] = Resolve(setting, file, fileName);
        }

        return new ReadCommandLine
        {
            Values = _errors.Count == 0 ? new SettingValues(values) : null,
            Operands = _operands,
            Errors = _errors,
            Warnings = _warnings,
        };
    }

    private void ReadArguments(IReadOnlyList<string> arguments)
    {
        for (int i = 0; i < arguments.Count; i++)
        {
            string argument = arguments[i];
            if (argument == "--")
            {
                _operands.AddRange(arguments.Skip(i + 1));
                return;
            }

            if (!argument.StartsWith('-') || argument == "-")
            {
                _operands.Add(argument);
                continue;
            }

            int equals = argument.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? argument : argument[..equals];
            Setting? setting = _syntax.Settings.FirstOrDefault(s => s.Flag == name);
            bool valueFollows = equals < 0 && i + 1 < arguments.Count && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal);
            if (setting is null)
            {
                _errors.Add(Unknown($"{_syntax.Verb} has no flag {name}", name, _syntax.Settings.Select(s => s.Flag), "flags"));

                // Its value, if it has one, is no operand: one mistake, one error.
                i += valueFollows && !arguments[i + 1].StartsWith('-') ? 1 : 0;
                continue;
            }

            if (equals < 0 && !valueFollows && setting.ValueAlone is null)
            {
                _errors.Add($"{setting.Flag} needs a value: expected {setting.Expected}");
                continue;
            }

            string value = equals >= 0 ? argument[(equals + 1)..] : setting.ValueAlone ?? arguments[++i];
            if (!_flags.TryGetValue(setting, out List<string>? given))
            {
                _flags[setting] = [value];
            }
            else if (setting.Repeatable)
            {
                given.Add(value);
            }
            else
            {
                _errors.Add($"{setting.Flag} is given twice (\"{given[0]}\" and \"{value}\"): it takes one value");
            }
        }
    }

    private void CheckOperands()
    {
        if (_operands.Count > _syntax.OperandsMax)
        {
            string what = _syntax.Operand is null ? "it takes only flags" : $"it takes one {_syntax.Operand}";
            _errors.Add($"{_syntax.Verb} does not take \"{_operands[_syntax.OperandsMax]}\": {what}");
        }
        else if (_operands.Count < _syntax.OperandsMin)
        {
            _errors.Add($"{_syntax.Verb} needs {_syntax.Operand}");
        }
    }

    /// <summary>An unknown variable is no error: Kubernetes makes variables named after services. One that looks mistyped is worth a word.</summary>
    private void WarnOfVariables()
    {
        var known = _syntax.Settings.Select(s => s.Variable).OfType<string>().ToList();
        foreach (string variable in _environment.Keys.Where(v => v.StartsWith(Setting.VariablePrefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            if (!known.Contains(variable) && ClosestMatch.Find(variable[Setting.VariablePrefix.Length..], known.Select(k => k[Setting.VariablePrefix.Length..])) is { } meant)
            {
                _warnings.Add($"the variable {variable} is not known and ignored; did you mean {Setting.VariablePrefix}{meant}?");
            }
        }
    }

    private IReadOnlyDictionary<string, IReadOnlyList<string>> ReadConfigurationFile(out string fileName)
    {
        fileName = "";
        var none = new Dictionary<string, IReadOnlyList<string>>();
        if (_syntax.ConfigurationFile is not { } setting || Resolve(setting, none, "").Value is not string path)
        {
            return none;
        }

        fileName = path;
        string text;
        try
        {
            text = _readFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string reason = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message;
            _errors.Add($"{setting.Name}: can't read \"{path}\": {reason}");
            return none;
        }

        if (text.Length > Limits.ConfigurationFileBytesMax)
        {
            _errors.Add($"{path}: longer than {Limits.ConfigurationFileBytesMax} bytes: not a configuration file");
            return none;
        }

        if (ConfigurationFile.Parse(text, out string? error) is not { } file)
        {
            _errors.Add($"{path}: {error}");
            return none;
        }

        foreach (string key in file.Keys)
        {
            if (!_syntax.Settings.Any(s => s.Key == key))
            {
                // The flag's name is a natural guess for the key.
                string? meant = _syntax.Settings.FirstOrDefault(s => s.Name == key)?.Key;
                IEnumerable<string> keys = _syntax.Settings.Select(s => s.Key).OfType<string>();
                _errors.Add(Unknown($"{path}: there is no key {key}", meant ?? key, keys, "keys"));
            }
        }

        return file;
    }

    private (object? Value, SettingOrigin Origin) Resolve(Setting setting, IReadOnlyDictionary<string, IReadOnlyList<string>> file, string fileName)
    {
        IReadOnlyList<string> texts;
        SettingOrigin origin;
        if (_flags.TryGetValue(setting, out List<string>? flag))
        {
            (texts, origin) = (flag, new SettingOrigin(SettingSource.Flag, setting.Flag));
        }
        else if (setting.Variable is not null && _environment.TryGetValue(setting.Variable, out string? variable) && variable.Length > 0)
        {
            (texts, origin) = ([variable], new SettingOrigin(SettingSource.Variable, $"the variable {setting.Variable}"));
        }
        else if (setting.Key is not null && file.TryGetValue(setting.Key, out IReadOnlyList<string>? fromFile))
        {
            (texts, origin) = (fromFile, new SettingOrigin(SettingSource.File, $"{fileName}: {setting.Key}"));
        }
        else
        {
            return (setting.DefaultValue, new SettingOrigin(SettingSource.Default, "the default"));
        }

        if (texts.Count > 1 && !setting.Repeatable)
        {
            AddOnce($"{setting.Name}: expected {setting.Expected}, got {texts.Count} values (from {origin.Place})");
            return (null, origin);
        }

        object? value = setting.Parse(texts, out string? offending);
        if (offending is not null)
        {
            AddOnce($"{setting.Name}: expected {setting.Expected}, got \"{offending}\" (from {origin.Place})");
        }

        return (value, origin);
    }

    // The configuration file's own setting is resolved twice.
    private void AddOnce(string error)
    {
        if (!_errors.Contains(error))
        {
            _errors.Add(error);
        }
    }

    private static string Unknown(string what, string written, IEnumerable<string> candidates, string kind)
    {
        IReadOnlyList<string> ordered = ClosestMatch.Order(written, candidates);
        if (ordered.Count == 0)
        {
            return what;
        }

        string? meant = ClosestMatch.Find(written, ordered) ?? ordered.FirstOrDefault(c => c == written);
        return meant is null ? $"{what}; the {kind} are {string.Join(", ", ordered)}" : $"{what}; did you mean {meant}? (the {kind} are {string.Join(", ", ordered)})";
    }
}
