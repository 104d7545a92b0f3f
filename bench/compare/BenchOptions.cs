namespace StreamObserve.Bench.Compare;

/// <summary>What to measure.</summary>
/// <param name="Events">Events a run.</param>
/// <param name="Repetitions">Runs of each kind, one kind after the other and then again.</param>
/// <param name="WorkFolder">For files of events and data.</param>
/// <param name="PeersFolder">Where the peers' scripts and packages are.</param>
/// <param name="ResultsFile">The table, as Markdown.</param>
internal sealed record BenchOptions(long Events, int Repetitions, string WorkFolder, string PeersFolder, string ResultsFile)
{
    /// <summary>Events in a record of the second kind of run.</summary>
    public const int EventsPerRecord = 500;

    /// <summary>What the pipeline process may spend of chDB's batch insert.</summary>
    public const double PipelineShareMax = 0.8;

    /// <summary>What the broker process may spend on a million one-event records, in and once out.</summary>
    public const double BrokerCpuSecondsPerMillionMax = 1.5;

    /// <summary>Reads <c>--events N --reps N --work DIR --peers DIR --results FILE</c>; null with a message when that fails.</summary>
    public static BenchOptions? Read(string[] arguments, out string problem)
    {
        var options = new BenchOptions(1_000_000, 3, "bench/work", "bench/peers", "bench/results/table.md");
        for (int i = 0; i < arguments.Length; i += 2)
        {
            string name = arguments[i];
            string value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            BenchOptions? next = name switch
            {
                "--events" when long.TryParse(value, out long events) && events >= 1000 => options with { Events = events },
                "--reps" when int.TryParse(value, out int repetitions) && repetitions > 0 => options with { Repetitions = repetitions },
                "--work" when value != "" => options with { WorkFolder = value },
                "--peers" when value != "" => options with { PeersFolder = value },
                "--results" when value != "" => options with { ResultsFile = value },
                _ => null,
            };
            if (next is null)
            {
                problem = $"`{name} {value}` is not one of --events N (at least 1000), --reps N, --work DIR, --peers DIR, --results FILE";
                return null;
            }

            options = next;
        }

        problem = "";
        return options with { WorkFolder = Path.GetFullPath(options.WorkFolder), PeersFolder = Path.GetFullPath(options.PeersFolder) };
    }
}
