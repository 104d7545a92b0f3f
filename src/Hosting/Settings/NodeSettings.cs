using Microsoft.Extensions.Logging;

namespace StreamObserve.Hosting;

/// <summary>When the embedded broker forces its log to the disk.</summary>
public enum FsyncPolicy : byte
{
    /// <summary>Each second and at a clean end.</summary>
    EverySecond,

    /// <summary>Before each acknowledgement.</summary>
    Always,
}

/// <summary>
/// Everything a node was told, checked: every value is in the range that <see cref="NodeSettingTable"/> states. Immutable; the same object serves every role.
/// Made by <see cref="Read"/>; tests may build one by hand from <see cref="Defaults"/>.
/// </summary>
public sealed record NodeSettings
{
    /// <summary>What this process does; never none. Holds <see cref="NodeRoles.Broker"/> exactly when <see cref="Kafka"/> is null, or on a broker alone.</summary>
    public required NodeRoles Roles { get; init; }

    /// <summary>Absolute path of the folder of the broker's log and the processor's state.</summary>
    public required string DataFolder { get; init; }

    /// <summary>Budget of the whole process.</summary>
    public required ByteSize Memory { get; init; }

    /// <summary>Least severe level that is logged.</summary>
    public required LogLevel MinimumLogLevel { get; init; }

    /// <summary>Where to serve HTTP; null = not at all. Port 0 = any.</summary>
    public required HostPort? Http { get; init; }

    /// <summary>Where to serve OTLP over HTTP. Port 0 = any.</summary>
    public required HostPort OtlpHttp { get; init; }

    /// <summary>Where to serve OTLP over gRPC. Port 0 = any.</summary>
    public required HostPort OtlpGrpc { get; init; }

    /// <summary>Where the embedded broker listens. Port 0 = any.</summary>
    public required HostPort Broker { get; init; }

    /// <summary>When the embedded broker forces its log to the disk.</summary>
    public required FsyncPolicy Fsync { get; init; }

    /// <summary>How long the embedded broker keeps records.</summary>
    public required TimeSpan BrokerRetentionAge { get; init; }

    /// <summary>How many bytes the embedded broker keeps of a partition.</summary>
    public required ByteSize BrokerRetentionBytes { get; init; }

    /// <summary>Bootstrap addresses of a Kafka cluster, comma separated; null = the embedded broker of this process (<see cref="NodeAddresses.KafkaBootstrap"/>).</summary>
    public required string? Kafka { get; init; }

    /// <summary>Topics to read events from; topic names are distinct.</summary>
    public required IReadOnlyList<InputTopic> Inputs { get; init; }

    /// <summary>Partitions of the internal log, 1..1024.</summary>
    public required int Partitions { get; init; }

    /// <summary>Akka remoting. Port 0 = any.</summary>
    public required HostPort Remoting { get; init; }

    /// <summary>Nodes to join; empty = a cluster of one's own.</summary>
    public required IReadOnlyList<HostPort> Seeds { get; init; }

    /// <summary>Tail-sampling window, 100 ms to 24 h.</summary>
    public required TimeSpan Window { get; init; }

    /// <summary>How long decisions are remembered.</summary>
    public required TimeSpan LateSpanRetention { get; init; }

    /// <summary>Least time between two cuts of a partition.</summary>
    public required TimeSpan CutInterval { get; init; }

    /// <summary>Fields with quantile sketches per value.</summary>
    public required IReadOnlyList<string> Sketches { get; init; }

    /// <summary>What a node without any flag, variable or file gets.</summary>
    public static NodeSettings Defaults { get; } =
        Read([], new Dictionary<string, string>(), _ => throw new FileNotFoundException()).Settings!;

    /// <summary>True when this process has the role.</summary>
    public bool Has(NodeRoles role) => (Roles & role) != 0;

    /// <summary>True when this process is part of a cluster: it has a role other than broker.</summary>
    public bool NeedsCluster => (Roles & ~NodeRoles.Broker) != 0;

    /// <summary>
    /// Reads them from the arguments after <c>run</c>, the environment and the configuration file. Never throws for bad input: see the result's errors.
    /// </summary>
    public static ReadNodeSettings Read(
        IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, Func<string, string> readFile)
    {
        ReadCommandLine read = CommandLineReader.Read(NodeSettingTable.Syntax, arguments, environment, readFile);
        if (read.Values is not { } values)
        {
            return new ReadNodeSettings { HelpAsked = read.HelpAsked, Errors = read.Errors, Warnings = read.Warnings };
        }

        var errors = new List<string>();
        var warnings = new List<string>(read.Warnings);
        NodeSettings settings = FromValues(values, errors, warnings);
        return new ReadNodeSettings { Settings = errors.Count == 0 ? settings : null, Errors = errors, Warnings = warnings };
    }

    private static NodeSettings FromValues(SettingValues values, List<string> errors, List<string> warnings)
    {
        NodeRoles roles = ResolveRoles(values, errors, warnings);
        IReadOnlyList<InputTopic> inputs = values.Get(NodeSettingTable.Inputs);
        if (inputs.GroupBy(i => i.Topic).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            errors.Add($"{NodeSettingTable.Inputs.Name}: the topic \"{twice.Key}\" is there twice (from {values.OriginOf(NodeSettingTable.Inputs).Place})");
        }

        int partitions = values.Get(NodeSettingTable.Partitions);
        ByteSize memory = values.Get(NodeSettingTable.Memory);
        if (MemoryBudget.LeastFor(roles, partitions) is var least && memory.Bytes < least.Bytes)
        {
            errors.Add($"memory: {memory} (from {values.OriginOf(NodeSettingTable.Memory).Place}) is too little for the roles {Join(roles)} and {partitions} partitions: at least {least}");
        }

        HostPort? http = values.Get(NodeSettingTable.Http);
        if (http is null && (roles & (NodeRoles.Ingest | NodeRoles.Query)) != 0)
        {
            http = new HostPort("127.0.0.1", 8080);
        }

        return new NodeSettings
        {
            Roles = roles,
            DataFolder = Path.GetFullPath(values.Get(NodeSettingTable.DataFolder)),
            Memory = memory,
            MinimumLogLevel = values.Get(NodeSettingTable.MinimumLogLevel),
            Http = http,
            OtlpHttp = values.Get(NodeSettingTable.OtlpHttp),
            OtlpGrpc = values.Get(NodeSettingTable.OtlpGrpc),
            Broker = values.Get(NodeSettingTable.BrokerListen),
            Fsync = values.Get(NodeSettingTable.Fsync),
            BrokerRetentionAge = values.Get(NodeSettingTable.BrokerRetentionAge),
            BrokerRetentionBytes = values.Get(NodeSettingTable.BrokerRetentionBytes),
            Kafka = values.Get(NodeSettingTable.Kafka),
            Inputs = inputs,
            Partitions = partitions,
            Remoting = values.Get(NodeSettingTable.Remoting),
            Seeds = values.Get(NodeSettingTable.Seeds),
            Window = values.Get(NodeSettingTable.Window),
            LateSpanRetention = values.Get(NodeSettingTable.LateSpanRetention),
            CutInterval = values.Get(NodeSettingTable.CutInterval),
            Sketches = values.Get(NodeSettingTable.Sketches),
        };
    }

    /// <summary>Without kafka the broker role is on and used; with it, off.</summary>
    private static NodeRoles ResolveRoles(SettingValues values, List<string> errors, List<string> warnings)
    {
        NodeRoles roles = values.Get(NodeSettingTable.Roles).Aggregate(NodeRoles.None, (all, role) => all | role);
        bool given = values.IsGiven(NodeSettingTable.Roles);
        string rolesPlace = values.OriginOf(NodeSettingTable.Roles).Place;
        string? kafka = values.Get(NodeSettingTable.Kafka);
        if (!given)
        {
            roles = NodeRoles.Ingest | NodeRoles.Processor | NodeRoles.Query | (kafka is null ? NodeRoles.Broker : NodeRoles.None);
        }
        else if (kafka is null && (roles & NodeRoles.Broker) == 0)
        {
            errors.Add($"roles: \"{Join(roles)}\" (from {rolesPlace}) needs a log to work on: set --kafka HOST:PORT, or add broker to --roles");
        }
        else if (kafka is not null && roles == NodeRoles.Broker)
        {
            errors.Add($"roles: \"broker\" alone (from {rolesPlace}) leaves nothing to do with kafka \"{kafka}\" "
                + $"(from {values.OriginOf(NodeSettingTable.Kafka).Place}): leave out --kafka, or add roles to --roles");
        }
        else if (kafka is not null && (roles & NodeRoles.Broker) != 0)
        {
            warnings.Add($"kafka is set ({values.OriginOf(NodeSettingTable.Kafka).Place}), so the broker role is off although roles lists it ({rolesPlace})");
            roles &= ~NodeRoles.Broker;
        }

        return roles;
    }

    private static string Join(NodeRoles roles) => string.Join(',', roles.Each().Select(r => r.Name()));
}

/// <summary>What reading a node's settings came to: help was asked for, or there are errors (one line each), or there are settings.</summary>
public sealed record ReadNodeSettings
{
    /// <summary>True when <c>--help</c> was there.</summary>
    public bool HelpAsked { get; init; }

    /// <summary>The settings; null when there are errors or help was asked for.</summary>
    public NodeSettings? Settings { get; init; }

    /// <summary>Everything wrong.</summary>
    public IReadOnlyList<string> Errors { get; init; } = [];

    /// <summary>What was taken differently than it may have been meant.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
