using System.Globalization;
using StreamObserve.Storage;

namespace StreamObserve.Simulation;

/// <summary>
/// State = fold of the log, whatever happens to the process. <c>STREAMOBSERVE_SIMULATION_SEED=n</c> replays one seed,
/// <c>STREAMOBSERVE_SIMULATION_SEEDS=n</c> runs so many, <c>STREAMOBSERVE_SIMULATION_FIRST=n</c> begins at another.
/// </summary>
public sealed class PartitionSimulationTests
{
    private const int SeedsDefault = 100;
    private const int Steps = 70;

    [Fact]
    public void StateIsTheFoldOfTheLog()
    {
        var (first, count) = Number("SEED") is { } seed ? (seed, 1) : (Number("FIRST") ?? 1, Number("SEEDS") ?? SeedsDefault);
        using var scheduler = new CutScheduler();
        long blocks = 0, folds = 0;
        Parallel.For(first, first + count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, at =>
        {
            try
            {
                using var simulation = new PartitionSimulation(at, scheduler);
                simulation.Run(Steps);
                Interlocked.Add(ref blocks, simulation.Reached.Blocks);
                Interlocked.Add(ref folds, simulation.Reached.Folds);
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException(
                    string.Create(CultureInfo.InvariantCulture, $"seed {at} fails; STREAMOBSERVE_SIMULATION_SEED={at} replays it: {failure.Message}"), failure);
            }
        });

        // A simulation that never seals nor folds would prove little.
        Assert.True(blocks >= count && folds >= count, $"{blocks} blocks, {folds} folds in {count} runs");
    }

    private static int? Number(string name) =>
        Environment.GetEnvironmentVariable("STREAMOBSERVE_SIMULATION_" + name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
