namespace StreamObserve.Storage.Cuts;

/// <summary>
/// The settings that decide how stored bytes are read, as lines <c>name=value</c>. Two processes may share
/// a folder only if all lines agree; which one does not is what the operator wants to know.
/// </summary>
/// <param name="Text">The lines, parted by line feeds.</param>
internal readonly record struct SettingsFingerprint(string Text)
{
    /// <summary>The name under which a fingerprint without <c>=</c> is reported.</summary>
    private const string Unnamed = "settings fingerprint";

    /// <summary>Throws <see cref="SettingsMismatchException"/> naming the first setting that differs.</summary>
    public void ThrowUnlessEquals(SettingsFingerprint stored)
    {
        if (stored.Text == Text)
        {
            return;
        }

        Dictionary<string, string> ours = Parse(Text);
        Dictionary<string, string> theirs = Parse(stored.Text);
        foreach ((string name, string value) in ours)
        {
            string storedValue = theirs.GetValueOrDefault(name, "(none)");
            if (storedValue != value)
            {
                throw new SettingsMismatchException(name, storedValue, value);
            }
        }

        foreach ((string name, string value) in theirs)
        {
            if (!ours.ContainsKey(name))
            {
                throw new SettingsMismatchException(name, value, "(none)");
            }
        }
    }

    private static Dictionary<string, string> Parse(string text)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            settings[equals < 0 ? Unnamed : line[..equals]] = line[(equals + 1)..];
        }

        return settings;
    }
}
