using System.Runtime.CompilerServices;

namespace StreamObserve.Hosting.Tests;

public class SettingsReferenceTests
{
    [Fact]
    public void ConfigurationPageIsWhatTheDeclarationsSay()
    {
        string path = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../../docs/configuration.md"));
        string expected = SettingsReference.Markdown(NodeSettingTable.Syntax);
        if (Environment.GetEnvironmentVariable("STREAMOBSERVE_TEST_WRITE_DOCS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, expected);
        }

        Assert.True(File.Exists(path), $"{path} is missing: run this test with STREAMOBSERVE_TEST_WRITE_DOCS=1");
        Assert.Equal(expected, File.ReadAllText(path));
    }

    [Fact]
    public void HelpNamesEveryFlagInLinesOfAtMostAHundredCharacters()
    {
        string help = SettingsReference.Help(NodeSettingTable.Syntax);
        Assert.All(NodeSettingTable.All, s => Assert.Contains(s.Flag + " " + s.ValueName, help));
        Assert.All(help.Split('\n'), line => Assert.True(line.Length <= 100, line));
    }

    [Fact]
    public void NamesKeysAndVariablesAreUnique()
    {
        Assert.Equal(NodeSettingTable.All.Count, NodeSettingTable.All.Select(s => s.Name).Distinct().Count());
        Assert.Equal(NodeSettingTable.All.Count, NodeSettingTable.All.Select(s => s.Variable).Distinct().Count());
        Assert.Equal(NodeSettingTable.All.Count, NodeSettingTable.All.Select(s => s.Key).Distinct().Count());
    }

    [Fact]
    public void DefaultsReadBackToTheDefaults()
    {
        foreach (Setting setting in NodeSettingTable.All.Where(s => s.DefaultText.Length > 0 && !s.DefaultText.Contains(' ')))
        {
            object? value = setting.Parse([setting.DefaultText], out string? offending);
            Assert.Null(offending);
            if (value is not System.Collections.IEnumerable or string)
            {
                Assert.Equal(setting.DefaultValue, value);
            }
        }
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
