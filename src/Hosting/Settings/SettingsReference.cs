using System.Text;

namespace StreamObserve.Hosting;

/// <summary>Writes what people read about settings, from their declarations: <c>--help</c> and docs/configuration.md. Pure.</summary>
public static class SettingsReference
{
    private const int HelpWidth = 100;

    /// <summary>The help of one command: usage, flags with defaults, examples; lines of at most 100 characters, ending in a newline.</summary>
    public static string Help(CommandSyntax syntax)
    {
        var text = new StringBuilder();
        string operand = syntax.Operand is null ? "" : syntax.OperandsMin > 0 ? $" {syntax.Operand}" : $" [{syntax.Operand}]";
        text.Append($"usage: streamobserve {syntax.Verb}{operand}{(syntax.Settings.Count > 0 ? " [flags]" : "")}\n\n");
        Wrap(text, "", Sentence(syntax.Summary) + (syntax.Details.Length > 0 ? " " + syntax.Details : ""));

        int column = syntax.Settings.Select(s => s.Flag.Length + s.ValueName.Length + 5).DefaultIfEmpty(0).Max();
        string? section = null;
        foreach (Setting setting in syntax.Settings)
        {
            if (section != setting.Section)
            {
                section = setting.Section;
                text.Append('\n').Append(section.Length > 0 ? section : "flags").Append(":\n");
            }

            string more = setting.DefaultText.Length > 0 ? $" [{setting.DefaultText}]" : "";
            more = setting.Variable is not null && syntax.ConfigurationFile is null ? $" Also the variable {setting.Variable}.{more}" : more;
            Wrap(text, $"  {setting.Flag} {(setting.ValueAlone is null ? setting.ValueName : "")}".PadRight(column), setting.Description + more, column);
        }

        if (syntax.ConfigurationFile is not null)
        {
            text.Append($"\nAny flag can also be a variable (--otlp-http is {Setting.VariablePrefix}OTLP_HTTP) or a key of the\n--config file (docs/configuration.md). "
                + "A flag wins over a variable, a variable over the file.\n");
        }

        if (syntax.Examples.Count > 0)
        {
            text.Append("\nexamples:\n");
            foreach (string example in syntax.Examples)
            {
                text.Append("  ").Append(example).Append('\n');
            }
        }

        return text.ToString();
    }

    /// <summary>docs/configuration.md.</summary>
    public static string Markdown(CommandSyntax syntax)
    {
        var text = new StringBuilder();
        text.Append("# Configuration\n\n");
        text.Append($"Everything that `streamobserve {syntax.Verb}` can be told. This page is generated from the declarations in `src/Hosting/Settings/NodeSettingTable.cs`;\n");
        text.Append("a test compares it, and writes it anew when run with `STREAMOBSERVE_TEST_WRITE_DOCS=1`.\n\n");
        text.Append("A value comes from the first of: the flag, the environment variable, the configuration file (`--config`), the default. Lists are not merged.\n");
        text.Append("In the file, keys may be nested or dotted, and lists may be arrays:\n\n");
        text.Append("```json\n{\n  \"kafka\": { \"bootstrap\": \"kafka-1:9092,kafka-2:9092\", \"inputs\": [\"events=json\"] },\n  \"sampling.window\": \"30s\"\n}\n```\n\n");
        text.Append("An unknown flag or key, or a value out of its range, is an error that names the right ones; the process then ends with exit code 2.\n");
        text.Append($"Sizes: {ByteSize.Syntax}. Durations: {DurationText.Syntax}.\n");
        string? section = null;
        foreach (Setting setting in syntax.Settings)
        {
            if (section != setting.Section)
            {
                section = setting.Section;
                text.Append($"\n## {section}\n\n| flag | variable | key | default | what |\n| --- | --- | --- | --- | --- |\n");
            }

            string repeat = setting.Repeatable ? " May be repeated, or hold several separated by commas." : "";
            text.Append($"| `{setting.Flag} {Escape(setting.ValueName)}` | `{setting.Variable}` | {Code(setting.Key)} | {Default(setting)} | ");
            text.Append($"{Escape(setting.Description)} Expected: {Escape(setting.Expected)}.{repeat} |\n");
        }

        return text.ToString();
    }

    private static string Default(Setting setting) =>
        setting.DefaultText.Contains(' ', StringComparison.Ordinal) ? Escape(setting.DefaultText) : Code(setting.DefaultText.Length > 0 ? setting.DefaultText : null);

    private static string Code(string? text) => text is null ? "none" : $"`{Escape(text)}`";

    private static string Escape(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    private static string Sentence(string text) => char.ToUpperInvariant(text[0]) + text[1..] + ".";

    private static void Wrap(StringBuilder text, string head, string body, int indent = 0)
    {
        int column = head.Length;
        text.Append(head);
        bool first = true;
        foreach (string word in body.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!first && column + 1 + word.Length > HelpWidth)
            {
                text.Append('\n').Append(' ', indent);
                column = indent;
                first = true;
            }

            if (!first)
            {
                text.Append(' ');
                column++;
            }

            text.Append(word);
            column += word.Length;
            first = false;
        }

        text.Append('\n');
    }
}
