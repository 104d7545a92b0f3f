namespace StreamObserve.Commands;

/// <summary>What a command has of the world around it. The streams stay the owner's.</summary>
internal sealed record CommandContext
{
    /// <summary>Standard input.</summary>
    public required Stream Input { get; init; }

    /// <summary>Standard output: what was asked for.</summary>
    public required TextWriter Output { get; init; }

    /// <summary>Standard error: everything else.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Environment variables.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>Limits the heap of this process to so many bytes; tests, which share a process, leave it out.</summary>
    public required Action<long> LimitHeap { get; init; }

    /// <summary>Answers HTTP requests in place of the network; null = the network.</summary>
    public HttpMessageHandler? Http { get; init; }

    /// <summary>Reads a text file.</summary>
    public Func<string, string> ReadFile { get; init; } = File.ReadAllText;
}
