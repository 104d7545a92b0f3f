namespace StreamObserve.Storage.Tests;

internal static class Measurements
{
    public static int Run(string[] args) => args.Length;
}
