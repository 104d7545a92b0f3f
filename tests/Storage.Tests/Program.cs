using StreamObserve.Storage.Tests;

// Also the process that the crash tests start and kill, and the measurements; else what xunit would generate here.
return args switch
{
    ["crash-child", var folder] => CrashChild.Run(folder),
    ["measure", ..] => Measurements.Run(args[1..]),
    _ when args.Contains("--server") || args.Contains("--internal-msbuild-node") =>
        await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions),
    _ => await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args),
};
