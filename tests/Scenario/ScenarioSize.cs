namespace StreamObserve.Scenario;

/// <summary>Small in <c>make test</c>, full in <c>make scenario</c> (<c>STREAMOBSERVE_SCENARIO=full</c>).</summary>
public static class ScenarioSize
{
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("STREAMOBSERVE_SCENARIO") == "full";

    /// <summary>The one of two values that fits the size.</summary>
    public static T Pick<T>(T small, T full) => IsFull ? full : small;
}
