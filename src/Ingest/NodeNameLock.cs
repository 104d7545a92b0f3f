using System.Globalization;
using System.Text;

namespace StreamObserve.Ingest;

/// <summary>
/// Finds a name for this ingest node that survives its restarts and that no other running process has: the machine's name, the data folder and the first free slot in it.
/// The slot's lock is let go by the system when the process ends, however it ends. Dispose to let go earlier.
/// </summary>
public sealed class NodeNameLock : IDisposable
{
    private readonly FileStream _file;

    private NodeNameLock(FileStream file, string name)
    {
        _file = file;
        Name = name;
    }

    /// <summary>The name: letters, digits, <c>. - _</c>.</summary>
    public string Name { get; }

    /// <summary>Takes a slot in <paramref name="folder"/>, which is made if it is not there; null with the reason, one line, when it can't.</summary>
    public static NodeNameLock? TryTake(string folder, string machine, out string? refusal)
    {
        refusal = null;
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            refusal = $"data: can't use the folder \"{folder}\": {failure.Message}";
            return null;
        }

        for (var slot = 0; slot < Limits.NodesPerFolder; slot++)
        {
            try
            {
                var file = new FileStream(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"ingest-{slot}.lock")), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                return new NodeNameLock(file, NameOf(machine, folder, slot));
            }
            catch (IOException) when (slot < Limits.NodesPerFolder - 1)
            {
                // Taken by another process: the next one.
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                refusal = $"data: can't take a name for this node in \"{folder}\": {failure.Message}";
                return null;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static string NameOf(string machine, string folder, int slot)
    {
        var hash = System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(folder)));
        var name = new StringBuilder();
        foreach (var c in machine)
        {
            name.Append(char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '-');
        }

        return string.Create(CultureInfo.InvariantCulture, $"{name}-{Convert.ToHexStringLower(hash.AsSpan(0, 4))}-{slot}");
    }
}
