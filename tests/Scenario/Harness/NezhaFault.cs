using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace StreamObserve.Scenario.Harness;

/// <summary>A fault that was injected into OnlineBoutique: into a service, for three minutes from a second on.</summary>
public sealed partial record NezhaFault(string Service, string Kind, long FromSecond)
{
    private const int LengthSeconds = 180;

    /// <summary>When it ends, exclusive.</summary>
    public long ToSecond => FromSecond + LengthSeconds;

    public bool Covers(long second) => second >= FromSecond && second < ToSecond;

    /// <summary>All of fault_list.json, also those of which there are no spans.</summary>
    public static IReadOnlyList<NezhaFault> ReadAll()
    {
        string file = Path.Combine(Workspace.Shared ?? throw new DirectoryNotFoundException(Events.NezhaMissingReason), "data", "nezha", "onlineboutique", "fault_list.json");
        return
        [
            .. from hour in JsonNode.Parse(File.ReadAllText(file))!.AsObject()
               from fault in hour.Value!.AsArray()
               select new NezhaFault(
                   PodSuffix().Replace((string)fault["inject_pod"]!, ""),
                   (string)fault["inject_type"]!,
                   DateTimeOffset.ParseExact((string)fault["inject_time"]!, "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).ToUnixTimeSeconds()),
        ];
    }

    public override string ToString() => $"{Kind} of {Service} at {DateTimeOffset.FromUnixTimeSeconds(FromSecond):HH:mm:ss}";

    [GeneratedRegex("-[0-9a-f]{8,10}-[0-9a-z]{5}$")]
    private static partial Regex PodSuffix();
}
