using Microsoft.Extensions.Logging;

namespace StreamObserve.Ingest.Tests;

/// <summary>Logs to standard error when <c>STREAMOBSERVE_TEST_LOG</c> is set, with the time since the start; else not at all.</summary>
internal sealed class TestLog<T> : ILogger<T>
{
    private static readonly bool IsOn = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("STREAMOBSERVE_TEST_LOG"));

    public static TestLog<T> Instance { get; } = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => IsOn && logLevel >= LogLevel.Debug;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            Console.Error.WriteLine($"{Environment.TickCount64 % 1_000_000,7} {logLevel} {typeof(T).Name}: {formatter(state, exception)} {exception}");
        }
    }
}
