using StreamObserve.Commands;

namespace StreamObserve.Api;

/// <summary>The file operand of a verb; <c>-</c> is standard input.</summary>
internal static class InputFile
{
    /// <summary>Opens it; null with the reason, one line, when it can't be read.</summary>
    public static Stream? TryOpen(string file, CommandContext context, out string? failure)
    {
        failure = null;
        try
        {
            return file == "-" ? context.Input : File.OpenRead(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string reason = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message;
            failure = $"can't read \"{file}\": {reason}";
            return null;
        }
    }

    /// <summary>What stands before a line's number in messages about it.</summary>
    public static string LinePrefix(string file) => file == "-" ? "line " : file + ":";
}
