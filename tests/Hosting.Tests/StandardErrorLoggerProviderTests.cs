using Microsoft.Extensions.Logging;

namespace StreamObserve.Hosting.Tests;

public class StandardErrorLoggerProviderTests
{
    [Fact]
    public void MessageIsOneLineWithTimeLevelAndShortCategory()
    {
        using var writer = new StringWriter();
        using var provider = new StandardErrorLoggerProvider(writer, new FixedTime());
        ILogger logger = provider.CreateLogger("StreamObserve.Ingest.Bridge");
        logger.LogWarning("first\nsecond {Number}", 7);
        Assert.Equal("2026-01-02T03:04:05.678Z warn  Ingest.Bridge: first | second 7\n", writer.ToString());
    }

    [Fact]
    public void ExceptionStaysInTheSameLine()
    {
        using var writer = new StringWriter();
        using var provider = new StandardErrorLoggerProvider(writer, new FixedTime());
        provider.CreateLogger("X").LogError(new InvalidOperationException("a\r\nb"), "failed");
        Assert.Equal(1, writer.ToString().Count(c => c == '\n'));
        Assert.Contains("failed | System.InvalidOperationException: a | b", writer.ToString());
    }

    private sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);
    }
}
