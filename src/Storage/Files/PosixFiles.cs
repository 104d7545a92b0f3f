using System.Runtime.InteropServices;

namespace StreamObserve.Storage.Files;

/// <summary>The file operations that .NET has no call for: hard links, and fsync of a folder.</summary>
internal static partial class PosixFiles
{
    private const int OpenReadOnly = 0;

    /// <summary>
    /// Makes <paramref name="destination"/> another name of <paramref name="source"/>; copies the file where the
    /// file system has no hard links. The source must never be written to again.
    /// </summary>
    public static void LinkOrCopy(string source, string destination)
    {
        if (OperatingSystem.IsLinux() && Link(source, destination) == 0)
        {
            return;
        }

        File.Copy(source, destination, overwrite: false);
    }

    /// <summary>Forces a folder's entries (creations, renames, deletions) to the disk, where the system can.</summary>
    public static void ForceFolder(string folder)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        int descriptor = Open(folder, OpenReadOnly);
        if (descriptor < 0)
        {
            throw new DirectoryNotFoundException($"folder {folder} cannot be opened to force it to the disk (errno {Marshal.GetLastPInvokeError()})");
        }

        int result = ForceToDisk(descriptor);
        int error = Marshal.GetLastPInvokeError();
        _ = Close(descriptor);
        if (result != 0)
        {
            throw new IOException($"folder {folder} cannot be forced to the disk (errno {error})");
        }
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string created);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int ForceToDisk(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
