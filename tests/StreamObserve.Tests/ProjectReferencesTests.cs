using System.Runtime.CompilerServices;
using System.Xml.Linq;

namespace StreamObserve.Tests;

/// <summary>The table of allowed references, and that each engine has one owner.</summary>
public class ProjectReferencesTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Core"] = [],
        ["Contracts"] = ["Core"],
        ["Storage"] = ["Core", "Contracts"],
        ["Kafka"] = ["Core", "Contracts"],
        ["Hosting"] = ["Core", "Contracts"],
        ["Ingest"] = ["Core", "Contracts", "Kafka", "Hosting"],
        ["Processors"] = ["Core", "Contracts", "Storage", "Kafka", "Hosting"],
        ["QueryNode"] = ["Core", "Contracts", "Kafka", "Hosting"],
        ["Broker"] = [],
        ["StreamObserve"] = ["Core", "Contracts", "Storage", "Kafka", "Hosting", "Ingest", "Processors", "QueryNode", "Broker"],
    };

    private static readonly string Root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../.."));

    public static TheoryData<string> Projects() => [.. Directory.GetDirectories(Path.Combine(Root, "src")).Select(d => Path.GetFileName(d))];

    [Theory]
    [MemberData(nameof(Projects))]
    public void ProjectReferencesOnlyWhatItMay(string project)
    {
        Assert.True(Allowed.TryGetValue(project, out string[]? allowed), $"src/{project} is not in the table");
        Assert.Empty(References(project, "ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r)).Except(allowed));
    }

    [Fact]
    public void FasterIsReferencedAndNamedByStorageAlone()
    {
        Assert.Equal(["Storage"], ProjectsWith("PackageReference", "Microsoft.FASTER.Core"));
        Assert.DoesNotContain(SourcesNaming("FASTER.core"), p => p != "Storage");
    }

    [Fact]
    public void ConfluentKafkaIsReferencedByKafkaAloneAndNamedOnlyThereAndInTheClientVerbs()
    {
        Assert.Equal(["Kafka"], ProjectsWith("PackageReference", "Confluent.Kafka"));
        Assert.DoesNotContain(SourcesNaming("Confluent.Kafka"), p => p is not ("Kafka" or "StreamObserve"));
    }

    private static IEnumerable<string> ProjectsWith(string element, string name) =>
        Allowed.Keys.Where(p => File.Exists(ProjectFile(p)) && References(p, element).Contains(name));

    private static IEnumerable<string> References(string project, string element) =>
        XDocument.Load(ProjectFile(project)).Descendants(element).Select(e => (string)e.Attribute("Include")!);

    private static IEnumerable<string> SourcesNaming(string name) =>
        Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && File.ReadLines(f).Any(l => l.StartsWith($"using {name}", StringComparison.Ordinal)))
            .Select(f => Path.GetRelativePath(Path.Combine(Root, "src"), f).Split('/')[0])
            .Distinct();

    private static string ProjectFile(string project) => Path.Combine(Root, "src", project, project + ".csproj");

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
