using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Logging;
using StreamObserve.Core.Events;

namespace StreamObserve.Hosting;

/// <summary>The declarations of everything <c>run</c> can be told. <see cref="NodeSettings"/> is their typed form.</summary>
public static class NodeSettingTable
{
    private const string Node = "The node";
    private const string Addresses = "Addresses";
    private const string Log = "Kafka";
    private const string Broker = "The embedded broker";
    private const string Cluster = "The cluster";
    private const string Data = "Aggregates and sampling";

    /// <summary>--roles.</summary>
    public static ListSetting<NodeRoles> Roles { get; } = new("roles", NodeRoleNames.TryParse, [], "broker,ingest,processor,query; without broker if kafka is set", 8)
    {
        Key = "roles",
        ValueName = "ROLE,...",
        Section = Node,
        Expected = "some of broker, ingest, processor, query, separated by commas",
        Description = "What this process does. Without kafka the broker role is on and used; with kafka it is off.",
    };

    /// <summary>--data.</summary>
    public static SingleSetting<string> DataFolder { get; } = new("data", TryText, "data", "data")
    {
        Key = "data",
        ValueName = "DIR",
        Section = Node,
        Expected = "a folder",
        Description = "Folder of the broker's log and of the processor's state; made if it is not there. Processors may share one, on this machine or a shared disk; a broker has its own.",
    };

    /// <summary>--memory.</summary>
    public static SingleSetting<ByteSize> Memory { get; } = new("memory", TryMemory, ByteSize.GiB(1), "1GiB")
    {
        Key = "memory",
        ValueName = "SIZE",
        Section = Node,
        Expected = $"{ByteSize.Syntax} from {new ByteSize(Limits.MemoryMinBytes)} to {new ByteSize(Limits.MemoryMaxBytes)}",
        Description = "Memory budget of the whole process, whatever arrives. All roles and 4 partitions need 640MiB at least.",
    };

    /// <summary>--log-level.</summary>
    public static SingleSetting<LogLevel> MinimumLogLevel { get; } = new("log-level", TryLogLevel, LogLevel.Information, "information")
    {
        Key = "log.level",
        ValueName = "LEVEL",
        Section = Node,
        Expected = "one of trace, debug, information, warning, error, critical, none",
        Description = "Least severe level that is logged, on standard error.",
    };

    /// <summary>--config. A null value means none.</summary>
    public static SingleSetting<string?> ConfigurationFile { get; } = new("config", TryTextOrNull, null, "")
    {
        ValueName = "FILE",
        Section = Node,
        Expected = "a JSON file",
        Description = "A JSON file with the keys below, nested or dotted. Flags and variables win over it.",
    };

    /// <summary>--http. Null = not given.</summary>
    public static SingleSetting<HostPort?> Http { get; } = new("http", TryHostPort, null, "127.0.0.1:8080 with role ingest or query, else off")
    {
        Key = "http.listen",
        ValueName = "HOST:PORT",
        Section = Addresses,
        Expected = HostPort.Syntax,
        Description = "Address of the HTTP API, /healthz, /readyz and /metrics.",
    };

    /// <summary>--otlp-http.</summary>
    public static SingleSetting<HostPort> OtlpHttp { get; } = new("otlp-http", HostPort.TryParse, new HostPort("127.0.0.1", 4318), "127.0.0.1:4318")
    {
        Key = "otlp.http.listen",
        ValueName = "HOST:PORT",
        Section = Addresses,
        Expected = HostPort.Syntax,
        Description = "Address of OTLP over HTTP. Used by role ingest; this version has no OTLP door yet and does not bind it.",
    };

    /// <summary>--otlp-grpc.</summary>
    public static SingleSetting<HostPort> OtlpGrpc { get; } = new("otlp-grpc", HostPort.TryParse, new HostPort("127.0.0.1", 4317), "127.0.0.1:4317")
    {
        Key = "otlp.grpc.listen",
        ValueName = "HOST:PORT",
        Section = Addresses,
        Expected = HostPort.Syntax,
        Description = "Address of OTLP over gRPC. Used by role ingest; this version has no OTLP door yet and does not bind it.",
    };

    /// <summary>--kafka. Null = the embedded broker.</summary>
    public static SingleSetting<string?> Kafka { get; } = new("kafka", TryBootstrap, null, "")
    {
        Key = "kafka.bootstrap",
        ValueName = "HOST:PORT,...",
        Section = Log,
        Expected = "one or more HOST:PORT, separated by commas",
        Description = "Bootstrap addresses of the Kafka cluster to use. Without it the embedded broker is used.",
    };

    /// <summary>--input.</summary>
    public static ListSetting<InputTopic> Inputs { get; } =
        new("input", InputTopic.TryParse, [new InputTopic("events", PayloadEncoding.Json)], "events=json", Limits.InputTopicsMax)
        {
            Key = "kafka.inputs",
            ValueName = "TOPIC=ENCODING",
            Section = Log,
            Expected = $"at most {Limits.InputTopicsMax} of {InputTopic.Syntax}",
            Description = "Topics that ingest reads events from; made if they are not there. json: an object, an array of objects or one object a line; text: one event a line, in field body. A record's content-type header wins.",
        };

    /// <summary>--partitions.</summary>
    public static SingleSetting<int> Partitions { get; } = new("partitions", TryPartitions, 4, "4")
    {
        Key = "kafka.partitions",
        ValueName = "N",
        Section = Log,
        Expected = $"a whole number from 1 to {Limits.PartitionsMax}",
        Description = "Partitions of the internal log, fixed when it is made: another number later is refused.",
    };

    /// <summary>--broker.</summary>
    public static SingleSetting<HostPort> BrokerListen { get; } = new("broker", HostPort.TryParse, new HostPort("127.0.0.1", 9092), "127.0.0.1:9092")
    {
        Key = "broker.listen",
        ValueName = "HOST:PORT",
        Section = Broker,
        Expected = HostPort.Syntax,
        Description = "Address of the embedded broker; its clients are told this host, so it must be one that they can reach.",
    };

    /// <summary>--fsync.</summary>
    public static SingleSetting<FsyncPolicy> Fsync { get; } = new("fsync", TryFsync, FsyncPolicy.EverySecond, "everysecond")
    {
        Key = "broker.fsync",
        ValueName = "WHEN",
        Section = Broker,
        Expected = "everysecond or always",
        Description = "When the broker forces its log to the disk: each second (a killed process loses nothing, a power cut up to a second) or before each acknowledgement.",
    };

    /// <summary>--broker-retention-age.</summary>
    public static SingleSetting<TimeSpan> BrokerRetentionAge { get; } =
        new("broker-retention-age", (string t, out TimeSpan v) => TryDuration(t, TimeSpan.FromMinutes(1), TimeSpan.FromDays(3650), out v), TimeSpan.FromDays(1), "1d")
        {
            Key = "broker.retention.age",
            ValueName = "DURATION",
            Section = Broker,
            Expected = $"{DurationText.Syntax} from 1m to 3650d",
            Description = "How long the broker keeps records of topics that are not compacted.",
        };

    /// <summary>--broker-retention-bytes.</summary>
    public static SingleSetting<ByteSize> BrokerRetentionBytes { get; } =
        new("broker-retention-bytes", (string t, out ByteSize v) => ByteSize.TryParse(t, out v) && v.Bytes >= 64 << 20, ByteSize.GiB(4), "4GiB")
        {
            Key = "broker.retention.bytes",
            ValueName = "SIZE",
            Section = Broker,
            Expected = $"{ByteSize.Syntax}, at least 64MiB",
            Description = "How many bytes the broker keeps of each partition of topics that are not compacted.",
        };

    /// <summary>--remoting.</summary>
    public static SingleSetting<HostPort> Remoting { get; } = new("remoting", HostPort.TryParse, new HostPort("127.0.0.1", 8110), "127.0.0.1:8110")
    {
        Key = "cluster.listen",
        ValueName = "HOST:PORT",
        Section = Cluster,
        Expected = HostPort.Syntax,
        Description = "Address at which the other nodes reach this one. Not bound by a broker alone.",
    };

    /// <summary>--seed.</summary>
    public static ListSetting<HostPort> Seeds { get; } = new("seed", TrySeed, [], "", 64)
    {
        Key = "cluster.seeds",
        ValueName = "HOST:PORT",
        Section = Cluster,
        Expected = "HOST:PORT with a port from 1 to 65535",
        Description = "Remoting addresses of nodes to join, the same list on every node. Without any the node is a cluster of its own.",
    };

    /// <summary>--window.</summary>
    public static SingleSetting<TimeSpan> Window { get; } =
        new("window", (string t, out TimeSpan v) => TryDuration(t, Limits.WindowMin, Limits.WindowMax, out v), TimeSpan.FromSeconds(60), "60s")
        {
            Key = "sampling.window",
            ValueName = "DURATION",
            Section = Data,
            Expected = $"{DurationText.Syntax} from {DurationText.Format(Limits.WindowMin)} to {DurationText.Format(Limits.WindowMax)}",
            Description = "How long a trace's spans are waited for before it is decided. A policy's window wins over it.",
        };

    /// <summary>--late-span-retention.</summary>
    public static SingleSetting<TimeSpan> LateSpanRetention { get; } =
        new("late-span-retention", (string t, out TimeSpan v) => TryDuration(t, TimeSpan.FromSeconds(1), TimeSpan.FromDays(30), out v), TimeSpan.FromHours(1), "1h")
        {
            Key = "sampling.late-span-retention",
            ValueName = "DURATION",
            Section = Data,
            Expected = $"{DurationText.Syntax} from 1s to 30d",
            Description = "How long a trace's decision is remembered after it was made, for spans that come late.",
        };

    /// <summary>--cut-interval.</summary>
    public static SingleSetting<TimeSpan> CutInterval { get; } =
        new("cut-interval", (string t, out TimeSpan v) => TryDuration(t, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1), out v), TimeSpan.FromSeconds(10), "10s")
        {
            Key = "storage.cut-interval",
            ValueName = "DURATION",
            Section = Data,
            Expected = $"{DurationText.Syntax} from 1s to 1h",
            Description = "Least time between two cuts of a partition. A restart replays what came after the last cut.",
        };

    /// <summary>--sketches.</summary>
    public static ListSetting<string> Sketches { get; } = new("sketches", TryText, ["name", "service.name"], "name,service.name", Limits.SketchFieldsMax)
    {
        Key = "aggregates.sketches",
        ValueName = "FIELD,...",
        Section = Data,
        Expected = $"at most {Limits.SketchFieldsMax} field names, separated by commas",
        Description = "Fields whose every value gets quantile sketches in the aggregates, so that P99(duration_ms) GROUP BY such a field covers all events.",
    };

    /// <summary>All of them, in the order of the reference.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        Roles, DataFolder, Memory, MinimumLogLevel, ConfigurationFile,
        Http, OtlpHttp, OtlpGrpc,
        Kafka, Inputs, Partitions,
        BrokerListen, Fsync, BrokerRetentionAge, BrokerRetentionBytes,
        Remoting, Seeds,
        Window, LateSpanRetention, CutInterval, Sketches,
    ];

    /// <summary>What <c>run</c> accepts.</summary>
    public static CommandSyntax Syntax { get; } = new()
    {
        Verb = "run",
        Summary = "start a node; without flags a whole system on this machine",
        Details = "Prints one line starting with \"ready \" and its addresses on standard output when it serves; logs go to standard error.",
        Settings = All,
        ConfigurationFile = ConfigurationFile,
        Examples =
        [
            "streamobserve run",
            "streamobserve run --kafka kafka-1:9092,kafka-2:9092 --input events=json --partitions 16",
            "streamobserve run --roles query --kafka kafka-1:9092 --remoting 10.0.0.7:8110 --seed 10.0.0.5:8110",
        ],
    };

    private static bool TryText(string text, [MaybeNullWhen(false)] out string value)
    {
        value = text.Trim();
        return value.Length > 0;
    }

    private static bool TryTextOrNull(string text, out string? value) => TryText(text, out value);

    private static bool TryMemory(string text, out ByteSize size) =>
        ByteSize.TryParse(text, out size) && size.Bytes is >= Limits.MemoryMinBytes and <= Limits.MemoryMaxBytes;

    private static bool TryHostPort(string text, [MaybeNullWhen(false)] out HostPort? value) => HostPort.TryParse(text, out value);

    private static bool TrySeed(string text, [MaybeNullWhen(false)] out HostPort value) => HostPort.TryParse(text, out value) && value.Port > 0;

    private static bool TryPartitions(string text, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value is >= 1 and <= Limits.PartitionsMax;

    private static bool TryDuration(string text, TimeSpan min, TimeSpan max, out TimeSpan value) =>
        DurationText.TryParse(text, out value) && value >= min && value <= max;

    private static bool TryBootstrap(string text, out string? value)
    {
        value = text.Replace(" ", "", StringComparison.Ordinal);
        return value.Split(',').All(a => HostPort.TryParse(a, out HostPort? address) && address.Port > 0);
    }

    private static bool TryFsync(string text, out FsyncPolicy value)
    {
        value = text.Equals("always", StringComparison.OrdinalIgnoreCase) ? FsyncPolicy.Always : FsyncPolicy.EverySecond;
        return value == FsyncPolicy.Always || text.Equals("everysecond", StringComparison.OrdinalIgnoreCase);
    }

    private static bool TryLogLevel(string text, out LogLevel value) =>
        Enum.TryParse(text, ignoreCase: true, out value) && !char.IsAsciiDigit(text.Trim()[0]);
}
