using System.Reflection;
using StreamObserve.Hosting;
using StreamObserve.Run;

namespace StreamObserve.Commands;

/// <summary>Finds the verb and runs it. The whole program but for signals and the console.</summary>
internal static class CommandLineApp
{
    /// <summary>Runs <paramref name="arguments"/>; an exit code of <see cref="ExitCodes"/>. <paramref name="modules"/> makes the roles that <c>run</c> can start.</summary>
    public static async Task<int> RunAsync(
        IReadOnlyList<string> arguments, CommandContext context, Func<NodeSettings, IReadOnlyList<IRoleModule>> modules, CancellationToken stop)
    {
        Command[] commands =
        [
            new RunCommand(modules), new QueryCommand(), new TailCommand(), new SendCommand(),
            new CheckCommand(), new DatasetsCommand(), new MarkerCommand(), new DeadLettersCommand(), new DemoCommand(),
        ];
        string verb = arguments.Count > 0 ? arguments[0] : "--help";
        switch (verb)
        {
            case "--help" or "-h" or "help":
                context.Output.Write(Help(commands));
                return arguments.Count > 0 ? ExitCodes.Done : ExitCodes.WrongUse;
            case "--version":
                context.Output.WriteLine($"streamobserve {typeof(CommandLineApp).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion}");
                return ExitCodes.Done;
        }

        if (Array.Find(commands, c => c.Syntax.Verb == verb) is not { } command)
        {
            IReadOnlyList<string> verbs = [.. commands.Select(c => c.Syntax.Verb)];
            string meant = ClosestMatch.Find(verb, verbs) is { } close ? $"did you mean {close}? " : "";
            context.Error.WriteLine($"streamobserve: there is no verb \"{verb}\"; {meant}(the verbs are {string.Join(", ", verbs)})");
            return ExitCodes.WrongUse;
        }

        try
        {
            return await command.RunAsync([.. arguments.Skip(1)], context, stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCodes.Done;
        }
        catch (IOException) when (OutputIsGone(context))
        {
            // `streamobserve query … | head` is no failure.
            return ExitCodes.Done;
        }
#pragma warning disable CA1031 // a bug: told in a line, as a stack trace helps nobody at a prompt
        catch (Exception e)
#pragma warning restore CA1031
        {
            context.Error.WriteLine($"streamobserve {verb}: a fault of this program: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}");
            return ExitCodes.Failed;
        }
    }

    private static bool OutputIsGone(CommandContext context)
    {
        try
        {
            context.Output.Write('\0');
            context.Output.Flush();
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static string Help(Command[] commands)
    {
        string verbs = string.Concat(commands.Select(c => $"  {c.Syntax.Verb,-12} {c.Syntax.Summary}\n"));
        return "StreamObserve answers questions about what a system in production does, from wide events that come in through Kafka.\n\n"
            + "usage: streamobserve VERB [flags]\n\nverbs:\n" + verbs
            + "\nstreamobserve VERB --help tells each verb's flags.\n\nstart here:\n"
            + "  streamobserve run\n"
            + "  streamobserve demo\n"
            + "  streamobserve query 'COUNT, P99(duration_ms) GROUP BY service.name LAST 10m'\n";
    }
}
