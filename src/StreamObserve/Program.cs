using System.Collections;
using System.Runtime.InteropServices;
using StreamObserve.Commands;
using StreamObserve.Hosting;
using StreamObserve.Run;

using var stop = new CancellationTokenSource();

// The first signal asks for a clean end, a second one is left to the system and ends the process at once.
void OnSignal(PosixSignalContext context)
{
    context.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
}

using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);

// Standard output is for what was asked for. A library that writes there by itself (Akka does, a stack trace, when it can't start) is not heard:
// what matters of it is logged.
TextWriter output = Console.Out;
Console.SetOut(TextWriter.Null);
var context = new CommandContext
{
    Input = Console.OpenStandardInput(),
    Output = output,
    Error = Console.Error,
    Environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? ""),
    Time = TimeProvider.System,
    LimitHeap = HeapLimit.Apply,
};

int exitCode = await CommandLineApp.RunAsync(args, context, RoleModules.For, stop.Token);
await output.FlushAsync();

// Not a return: a foreground thread of a library must not keep a process alive whose work is done.
Environment.Exit(exitCode);
