namespace StreamObserve.Hosting.Tests;

public sealed class DataFolderLockTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamobserve-test-").FullName;

    [Fact]
    public void SecondHolderOfARoleIsRefusedAndANextOneIsNot()
    {
        string data = Path.Combine(_folder, "made", "on", "demand");
        using (DataFolderLock? first = DataFolderLock.TryAcquire(data, NodeRoles.Broker | NodeRoles.Processor, out _))
        {
            Assert.NotNull(first);
            Assert.Null(DataFolderLock.TryAcquire(data, NodeRoles.Broker, out string? refusal));
            Assert.Contains($"\"{data}\" is in use by another process with the role broker", refusal);
            Assert.Contains("--data", refusal);
        }

        using DataFolderLock? next = DataFolderLock.TryAcquire(data, NodeRoles.Broker, out _);
        Assert.NotNull(next);
    }

    [Fact]
    public void ProcessorsMayShareAFolder()
    {
        using DataFolderLock? first = DataFolderLock.TryAcquire(_folder, NodeRoles.Processor, out _);
        using DataFolderLock? second = DataFolderLock.TryAcquire(_folder, NodeRoles.Processor, out _);
        Assert.NotNull(first);
        Assert.NotNull(second);
    }

    [Fact]
    public void DifferentRolesMayShareAFolder()
    {
        using DataFolderLock? broker = DataFolderLock.TryAcquire(_folder, NodeRoles.Broker, out _);
        using DataFolderLock? processor = DataFolderLock.TryAcquire(_folder, NodeRoles.Processor | NodeRoles.Query, out _);
        Assert.NotNull(broker);
        Assert.NotNull(processor);
    }

    [Fact]
    public void FolderThatCannotBeMadeIsNamed()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        Assert.Null(DataFolderLock.TryAcquire(Path.Combine(file, "sub"), NodeRoles.Broker, out string? refusal));
        Assert.Contains($"can't use the folder \"{file}", refusal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
