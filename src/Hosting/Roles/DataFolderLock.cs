using System.Globalization;
using System.Text;

namespace StreamObserve.Hosting;

/// <summary>
/// Keeps a second process with the same role off a data folder: an exclusive lock on <c>ROLE.lock</c> in it. The system lets go of it when the process
/// ends, however it ends. Dispose to let go earlier.
/// </summary>
public sealed class DataFolderLock : IDisposable
{
    private readonly List<FileStream> _files = [];

    private DataFolderLock()
    {
    }

    /// <summary>
    /// Makes the folder if it is not there and takes the broker's lock if <paramref name="roles"/> has it (processors may share a folder: each partition has one owner by its epochs); null with
    /// the reason, one line, when it can't.
    /// </summary>
    public static DataFolderLock? TryAcquire(string folder, NodeRoles roles, out string? refusal)
    {
        var held = new DataFolderLock();
        refusal = null;
        foreach (NodeRoles role in (roles & NodeRoles.Broker).Each())
        {
            string path = Path.Combine(folder, role.Name() + ".lock");
            try
            {
                Directory.CreateDirectory(folder);
                var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                held._files.Add(file);
                file.SetLength(0);
                file.Write(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n"));
                file.Flush();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                held.Dispose();
                refusal = e is IOException && File.Exists(path) && Directory.Exists(folder)
                    ? $"data: the folder \"{folder}\" is in use by another process with the role {role.Name()}: stop that one, or give --data another folder"
                    : $"data: can't use the folder \"{folder}\": {e.Message}";
                return null;
            }
        }

        return held;
    }

    /// <inheritdoc/>
    public void Dispose() => _files.ForEach(f => f.Dispose());
}
