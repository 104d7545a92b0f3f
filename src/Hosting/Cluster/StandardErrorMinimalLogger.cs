using Akka.Actor;
using Akka.Event;

namespace StreamObserve.Hosting;

/// <summary>
/// What Akka logs with before its loggers have started and after they have stopped. Its own one writes to standard output, which is the ready line's alone,
/// and does so whatever the level; this one writes errors to standard error. Made by Akka by its name.
/// </summary>
public sealed class StandardErrorMinimalLogger : MinimalLogger
{
    /// <inheritdoc/>
    protected override void Log(object message)
    {
        if (message is Error error)
        {
            Console.Error.WriteLine($"akka: {error.LogSource}: {error.Message} {error.Cause?.Message}".ReplaceLineEndings(" "));
        }
    }
}
