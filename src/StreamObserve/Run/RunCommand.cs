using StreamObserve.Commands;
using StreamObserve.Hosting;

namespace StreamObserve.Run;

/// <summary><c>run</c>: starts a node and keeps it going until it is told to stop.</summary>
internal sealed class RunCommand(Func<NodeSettings, IReadOnlyList<IRoleModule>> modulesFor) : Command
{
    public override CommandSyntax Syntax => NodeSettingTable.Syntax;

    public override async Task<int> RunAsync(IReadOnlyList<string> arguments, CommandContext context, CancellationToken stop)
    {
        ReadNodeSettings read = NodeSettings.Read(arguments, context.Environment, context.ReadFile);
        if (read.HelpAsked)
        {
            context.Output.Write(SettingsReference.Help(Syntax));
            return ExitCodes.Done;
        }

        if (read.Settings is not { } settings)
        {
            return WrongUse(read.Errors, context);
        }

        foreach (string warning in read.Warnings)
        {
            context.Error.WriteLine($"streamobserve run: {warning}");
        }

        IReadOnlyList<IRoleModule> modules = modulesFor(settings);
        foreach (NodeRoles role in settings.Roles.Each())
        {
            if (!modules.Any(m => m.Role == role))
            {
                return Fail($"this build has no role {role.Name()}", context);
            }
        }

        using DataFolderLock? folder = DataFolderLock.TryAcquire(settings.DataFolder, settings.Roles, out string? refusal);
        if (folder is null)
        {
            return Fail(refusal!, context);
        }

        MemoryBudget budget = MemoryBudget.Of(settings.Memory, settings.Roles, settings.Partitions);
        context.LimitHeap(budget.HeapBytes);
        await using var host = new NodeHost(settings, budget, modules, context);
        string? failure = await host.RunAsync(stop).ConfigureAwait(false);
        return failure is null ? ExitCodes.Done : Fail(failure, context);
    }

    protected override Task<int> ExecuteAsync(SettingValues values, IReadOnlyList<string> operands, CommandContext context, CancellationToken stop) =>
        throw new InvalidOperationException("run reads its settings itself");

    private static int Fail(string message, CommandContext context)
    {
        context.Error.WriteLine($"streamobserve run: {message}");
        return ExitCodes.Failed;
    }
}
