using StreamObserve.Hosting;

namespace StreamObserve.Commands;

/// <summary>A verb of the executable.</summary>
internal abstract class Command
{
    /// <summary>What it accepts.</summary>
    public abstract CommandSyntax Syntax { get; }

    /// <summary>Reads the arguments after the verb and does it; an exit code of <see cref="ExitCodes"/>. Bad input is told in one line each on standard error.</summary>
    public virtual async Task<int> RunAsync(IReadOnlyList<string> arguments, CommandContext context, CancellationToken stop)
    {
        ReadCommandLine line = CommandLineReader.Read(Syntax, arguments, context.Environment, context.ReadFile);
        if (line.HelpAsked)
        {
            context.Output.Write(SettingsReference.Help(Syntax));
            return ExitCodes.Done;
        }

        if (line.Values is not { } values)
        {
            return WrongUse(line.Errors, context);
        }

        return await ExecuteAsync(values, line.Operands, context, stop).ConfigureAwait(false);
    }

    /// <summary>Does it, with values that were checked one by one.</summary>
    protected abstract Task<int> ExecuteAsync(SettingValues values, IReadOnlyList<string> operands, CommandContext context, CancellationToken stop);

    /// <summary>Tells what is wrong and where help is.</summary>
    protected int WrongUse(IReadOnlyList<string> errors, CommandContext context)
    {
        foreach (string error in errors)
        {
            context.Error.WriteLine($"streamobserve {Syntax.Verb}: {error}");
        }

        context.Error.WriteLine($"see: streamobserve {Syntax.Verb} --help");
        return ExitCodes.WrongUse;
    }
}
