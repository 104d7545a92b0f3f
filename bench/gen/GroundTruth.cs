using System.Text.Json;

namespace StreamObserve.Bench.Generator;

/// <summary>What was planted and counted while generating: the answers that an analysis of the events has to find.</summary>
public sealed class GroundTruth
{
    public required GeneratorOptions Options { get; init; }
    public long Events { get; set; }
    public long Bytes { get; set; }
    public long Traces { get; set; }

    /// <summary>Events with <c>error</c> true.</summary>
    public long ErrorEvents { get; set; }

    /// <summary>Events that arrive 1 to 30 s after their span ended.</summary>
    public long LateEvents { get; set; }

    public required Incident Incident { get; init; }
    public required IReadOnlyList<SlowRelease> SlowReleases { get; init; }

    /// <summary>The truth as indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(
        new Dictionary<string, object>
        {
            ["events"] = Events,
            ["bytes"] = Bytes,
            ["traces"] = Traces,
            ["error_events"] = ErrorEvents,
            ["late_events"] = LateEvents,
            ["seed"] = Options.Seed,
            ["from"] = Options.Start.ToString("O"),
            ["to"] = (Options.Start + Options.Length).ToString("O"),
            ["incident"] = new Dictionary<string, object>
            {
                ["from"] = Incident.From.ToString("O"),
                ["to"] = Incident.To.ToString("O"),
                ["build_id"] = Incident.BuildId,
                ["http.route"] = Incident.Route,
                ["availability_zone"] = Incident.Zone,
                ["slowdown"] = Incident.Slowdown,
                ["failure_share"] = Incident.FailureShare,
                ["failure_status"] = Incident.FailureStatus,
                ["traces"] = Incident.Traces,
                ["events"] = Incident.Events,
                ["failed_traces"] = Incident.FailedTraces,
                ["rule"] = "a trace belongs to the incident when it starts in [from, to) with this build, route and zone; its later spans may start after `to`",
            },
            ["slow_releases"] = SlowReleases.Select(r => new Dictionary<string, object>
            {
                ["build_id"] = r.BuildId,
                ["http.route"] = r.Route,
                ["slowdown"] = r.Slowdown,
            }).ToArray(),
        },
        new JsonSerializerOptions { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}

/// <summary>The planted incident: one build, on one route, in one zone, for a twelfth of the time.</summary>
public sealed class Incident
{
    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }
    public required string BuildId { get; init; }
    public required string Route { get; init; }
    public required string Zone { get; init; }

    /// <summary>Factor on the own time of every span of a matching trace.</summary>
    public required double Slowdown { get; init; }

    /// <summary>Share of the matching traces whose root and handling service fail.</summary>
    public required double FailureShare { get; init; }

    public required int FailureStatus { get; init; }
    public long Traces { get; set; }
    public long Events { get; set; }
    public long FailedTraces { get; set; }
}

/// <summary>A lesser, permanent regression: this build is slower on this route.</summary>
public sealed record SlowRelease(string BuildId, string Route, double Slowdown);
