using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace StreamObserve.Hosting;

/// <summary>
/// Logs to a writer (standard error), one line a message: time (UTC, milliseconds), level, category without our own namespace, text, and an exception's
/// text with its stack in the same line. Written at once under a lock, so that nothing is lost when the process dies. Safe for threads.
/// </summary>
public sealed class StandardErrorLoggerProvider : ILoggerProvider
{
    private readonly TextWriter _writer;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();

    /// <summary>The writer stays the caller's.</summary>
    public StandardErrorLoggerProvider(TextWriter writer, TimeProvider time)
    {
        _writer = writer;
        _time = time;
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new LineLogger(this, categoryName.Replace("StreamObserve.", "", StringComparison.Ordinal));

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static string LevelName(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "error",
        _ => "fatal",
    };

    private sealed class LineLogger(StandardErrorLoggerProvider owner, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var line = new StringBuilder(200);
            line.Append(owner._time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            line.Append(' ').Append(LevelName(logLevel).PadRight(5)).Append(' ').Append(category).Append(": ");
            AppendInOneLine(line, formatter(state, exception));
            if (exception is not null)
            {
                line.Append(" | ");
                AppendInOneLine(line, exception.ToString());
            }

            line.Append('\n');
            lock (owner._lock)
            {
                owner._writer.Write(line.ToString());
                owner._writer.Flush();
            }
        }

        private static void AppendInOneLine(StringBuilder line, string text)
        {
            bool first = true;
            foreach (Range range in text.AsSpan().SplitAny('\r', '\n'))
            {
                ReadOnlySpan<char> part = text.AsSpan(range).Trim();
                if (!part.IsEmpty)
                {
                    line.Append(first ? "" : " | ").Append(part);
                    first = false;
                }
            }
        }
    }
}
