using System.Text.Json.Nodes;

namespace StreamObserve.Bench.Compare;

/// <summary>What to measure.</summary>
internal sealed record BenchOptions
{
    /// <summary>Events in a record of the second kind of run.</summary>
    public const int EventsPerRecord = 500;

    /// <summary>What the comparison of exact answers and the questions take for granted when no expected answers name another text.</summary>
    public const string TextDefault = "broken pipe to peer";

    private const string Usage = "--events N (at least 1000), --file FILE, --expected FILE, --reps N, --rounds N, --queries-only 0|1, --memory SIZE, --work DIR, --peers DIR, --results DIR";

    /// <summary>Events a run, when they are generated.</summary>
    public long Events { get; init; } = 1_000_000;

    /// <summary>Events to use instead, one a line, with a file of the truth beside it (<c>name.truth.json</c>); null = generate.</summary>
    public string? File { get; init; }

    /// <summary>Exact answers to hold all answers against; null = what DuckDB answers in the same run.</summary>
    public string? ExpectedFile { get; init; }

    /// <summary>Runs of each kind of insert, one kind after the other and then again.</summary>
    public int Repetitions { get; init; } = 3;

    /// <summary>How often each question is asked of each, after the first time.</summary>
    public int Rounds { get; init; } = 9;

    /// <summary>Only the questions: the events are taken in once, and no insert is held against anything.</summary>
    public bool QueriesOnly { get; init; }

    /// <summary>Memory budget of the pipeline process; null = the product's default.</summary>
    public string? Memory { get; init; }

    /// <summary>For files of events and data.</summary>
    public string WorkFolder { get; init; } = Path.GetFullPath("bench/work");

    /// <summary>Where the peers' scripts and packages are.</summary>
    public string PeersFolder { get; init; } = Path.GetFullPath("bench/peers");

    /// <summary>For the table, the chart and the figures.</summary>
    public string ResultsFolder { get; init; } = Path.GetFullPath("bench/results");

    /// <summary>About one in ten events, of rare services and routes more.</summary>
    public static JsonObject SamplingPolicy() => JsonNode.Parse(
        """{"rules":[{"name":"errors","conditions":[{"field":"error","op":"=","value":true}],"rate":2},{"name":"rest","sampler":{"type":"dynamic","goal_rate":11,"key":["root.service.name","root.http.route"]}}]}""")!.AsObject();

    /// <summary>Reads pairs of <c>--name value</c>; a pair with an empty value is as if it were not there. Null with a message when that fails.</summary>
    public static BenchOptions? Read(string[] arguments, out string problem)
    {
        var options = new BenchOptions();
        for (int i = 0; i < arguments.Length; i += 2)
        {
            string name = arguments[i];
            string? value = i + 1 < arguments.Length ? arguments[i + 1] : null;
            BenchOptions? next = (name, value) switch
            {
                (_, null) => null,
                (_, "") => options,
                ("--events", _) when long.TryParse(value, out long events) && events >= 1000 => options with { Events = events },
                ("--file", _) when System.IO.File.Exists(value) => options with { File = Path.GetFullPath(value) },
                ("--expected", _) when System.IO.File.Exists(value) => options with { ExpectedFile = Path.GetFullPath(value) },
                ("--reps", _) when int.TryParse(value, out int repetitions) && repetitions > 0 => options with { Repetitions = repetitions },
                ("--rounds", _) when int.TryParse(value, out int rounds) && rounds > 0 => options with { Rounds = rounds },
                ("--queries-only", "0" or "1") => options with { QueriesOnly = value == "1" },
                ("--memory", _) => options with { Memory = value },
                ("--work", _) => options with { WorkFolder = Path.GetFullPath(value) },
                ("--peers", _) => options with { PeersFolder = Path.GetFullPath(value) },
                ("--results", _) => options with { ResultsFolder = Path.GetFullPath(value) },
                _ => null,
            };
            if (next is null)
            {
                problem = $"`{name} {value}` is not one of {Usage}";
                return null;
            }

            options = next;
        }

        problem = "";
        return options;
    }
}
