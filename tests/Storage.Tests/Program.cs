using StreamObserve.Storage.Tests;

return args is ["crash-child", var folder]
    ? CrashChild.Run(folder)
    : args is ["measure", ..]
        ? Measurements.Run(args[1..])
        : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
