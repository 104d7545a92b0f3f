using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace StreamObserve.Broker.Log;

/// <summary>A folder's file descriptor, which .NET does not open; needed to fsync it.</summary>
internal static partial class DirectoryHandle
{
    private const int ReadOnly = 0;

    /// <summary>Opens the folder for reading; the handle is invalid when that fails.</summary>
    public static SafeFileHandle Open(string path) => new(OpenNative(path, ReadOnly), ownsHandle: true);

    /// <summary>fsync; failures are ignored, since some file systems refuse it on folders.</summary>
    public static void Flush(SafeFileHandle handle) => FsyncNative(handle);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint OpenNative(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int FsyncNative(SafeFileHandle handle);
}
