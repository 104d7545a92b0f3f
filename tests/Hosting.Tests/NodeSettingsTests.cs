using StreamObserve.Core.Events;

namespace StreamObserve.Hosting.Tests;

public class NodeSettingsTests
{
    private readonly Dictionary<string, string> _environment = [];
    private string? _file;

    [Fact]
    public void WithoutAnythingOneProcessIsAWholeSystem()
    {
        NodeSettings settings = Read();
        Assert.Equal(NodeRoles.Broker | NodeRoles.Ingest | NodeRoles.Processor | NodeRoles.Query, settings.Roles);
        Assert.Null(settings.Kafka);
        Assert.Equal(new HostPort("127.0.0.1", 8080), settings.Http);
        Assert.Equal(new HostPort("127.0.0.1", 9092), settings.Broker);
        Assert.Equal(4, settings.Partitions);
        Assert.Equal(TimeSpan.FromSeconds(60), settings.Window);
        Assert.Equal([new InputTopic("events", PayloadEncoding.Json)], settings.Inputs);
        Assert.Equal(1L << 30, settings.Memory.Bytes);
    }

    [Fact]
    public void EverySettingOfTheContractIsKnown()
    {
        NodeSettings settings = Read(
            "--roles", "broker,processor", "--data", "/d", "--http=0.0.0.0:1", "--otlp-http", "h:2", "--otlp-grpc", "h:3", "--broker", "h:4",
            "--input", "a=json", "--input", "b=json,c=text", "--partitions", "16", "--remoting", "h:5", "--seed", "h:6", "--seed", "h:7",
            "--window", "5s", "--memory", "2GiB", "--fsync", "always", "--sketches", "name,region", "--log-level", "debug");
        Assert.Equal(NodeRoles.Broker | NodeRoles.Processor, settings.Roles);
        Assert.Equal("/d", settings.DataFolder);
        Assert.Equal("0.0.0.0:1", settings.Http!.ToString());
        Assert.Equal(["a=json", "b=json", "c=text"], settings.Inputs.Select(i => i.ToString()));
        Assert.Equal(["h:6", "h:7"], settings.Seeds.Select(s => s.ToString()));
        Assert.Equal(FsyncPolicy.Always, settings.Fsync);
        Assert.Equal(["name", "region"], settings.Sketches);
        Assert.Equal(TimeSpan.FromSeconds(5), settings.Window);
    }

    [Fact]
    public void FlagWinsOverVariableOverFileOverDefault()
    {
        _file = """{"kafka":{"partitions":2},"sampling.window":"2s","storage":{"cut-interval":"2s"},}""";
        _environment["STREAMOBSERVE_CONFIG"] = "node.json";
        _environment["STREAMOBSERVE_PARTITIONS"] = "3";
        _environment["STREAMOBSERVE_WINDOW"] = "3s";
        NodeSettings settings = Read("--partitions", "8");
        Assert.Equal(8, settings.Partitions);
        Assert.Equal(TimeSpan.FromSeconds(3), settings.Window);
        Assert.Equal(TimeSpan.FromSeconds(2), settings.CutInterval);
        Assert.Equal(TimeSpan.FromHours(1), settings.LateSpanRetention);
    }

    [Fact]
    public void FileTakesNestedAndDottedKeysAndArrays()
    {
        _file = """
            // comments are allowed
            {"kafka": {"bootstrap": "a:1,b:2", "inputs": ["x=json", "y=json"]}, "cluster.seeds": ["c:3"], "roles": "query,ingest"}
            """;
        NodeSettings settings = Read("--config", "node.json");
        Assert.Equal("a:1,b:2", settings.Kafka);
        Assert.Equal(["x=json", "y=json"], settings.Inputs.Select(i => i.ToString()));
        Assert.Equal(["c:3"], settings.Seeds.Select(s => s.ToString()));
        Assert.Equal(NodeRoles.Ingest | NodeRoles.Query, settings.Roles);
    }

    [Fact]
    public void KafkaTurnsTheBrokerOff()
    {
        Assert.False(Read("--kafka", "k:9092").Has(NodeRoles.Broker));
        ReadNodeSettings listed = ReadAll("--kafka", "k:9092", "--roles", "broker,query");
        Assert.Equal(NodeRoles.Query, listed.Settings!.Roles);
        Assert.Contains("the broker role is off", Assert.Single(listed.Warnings));
    }

    [Fact]
    public void RolesWithoutALogAreRefusedNamingBothKnobs()
    {
        string error = Error("--roles", "query");
        Assert.Contains("\"query\"", error);
        Assert.Contains("--kafka", error);
        Assert.Contains("--roles", error);
        Assert.Contains("(from --roles)", error);
        Assert.Contains("--kafka", Error("--roles", "broker", "--kafka", "k:1"));
    }

    [Fact]
    public void HttpIsOffByDefaultWhereNothingNeedsIt()
    {
        Assert.Null(Read("--roles", "broker").Http);
        Assert.Null(Read("--roles", "processor", "--kafka", "k:1").Http);
        Assert.NotNull(Read("--roles", "processor", "--kafka", "k:1", "--http", "127.0.0.1:0").Http);
        Assert.NotNull(Read("--roles", "ingest", "--kafka", "k:1").Http);
        Assert.False(Read("--roles", "broker").NeedsCluster);
    }

    [Theory]
    [InlineData("--partitions", "0")]
    [InlineData("--partitions", "1025")]
    [InlineData("--partitions", "four")]
    [InlineData("--window", "99ms")]
    [InlineData("--window", "25h")]
    [InlineData("--window", "60")]
    [InlineData("--http", "127.0.0.1:65536")]
    [InlineData("--http", "8080")]
    [InlineData("--seed", "h:0")]
    [InlineData("--memory", "1MB")]
    [InlineData("--memory", "lots")]
    [InlineData("--input", "events")]
    [InlineData("--input", "events=xml")]
    [InlineData("--input", "bad topic=json")]
    [InlineData("--roles", "querry")]
    [InlineData("--kafka", "nowhere")]
    [InlineData("--fsync", "sometimes")]
    [InlineData("--log-level", "loud")]
    [InlineData("--log-level", "3")]
    [InlineData("--data", " ")]
    public void ValueOutOfItsRangeIsRefusedWithSettingValueAndOrigin(string flag, string value)
    {
        string error = Error(flag, value);
        Assert.StartsWith(flag[2..] + ": expected ", error);
        Assert.Contains($"\"{value}\"", error);
        Assert.EndsWith($"(from {flag})", error);
    }

    [Theory]
    [InlineData("640MiB", "all", 4, true)]
    [InlineData("639MiB", "all", 4, false)]
    [InlineData("1GiB", "all", 17, false)]
    [InlineData("256MiB", "broker", 64, true)]
    [InlineData("256MiB", "query", 64, true)]
    public void TooLittleMemoryForWhatTheProcessDoesIsRefused(string memory, string role, int partitions, bool isEnough)
    {
        string[] roles = role == "all" ? [] : ["--roles", role, .. role == "broker" ? Array.Empty<string>() : ["--kafka", "k:1"]];
        string[] arguments = ["--memory", memory, "--partitions", $"{partitions}", .. roles];
        if (isEnough)
        {
            Assert.Equal(partitions, Read(arguments).Partitions);
        }
        else
        {
            Assert.Contains("at least", Error(arguments), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void OriginOfABadValueIsNamedWhereverItCameFrom()
    {
        _environment["STREAMOBSERVE_PARTITIONS"] = "0";
        Assert.EndsWith("got \"0\" (from the variable STREAMOBSERVE_PARTITIONS)", Error());
        _environment.Clear();
        _file = """{"kafka.partitions": 0}""";
        Assert.EndsWith("got \"0\" (from node.json: kafka.partitions)", Error("--config", "node.json"));
    }

    [Fact]
    public void UnknownFlagAndKeyNameTheRightOnesClosestFirst()
    {
        string flag = Error("--partition", "4");
        Assert.Contains("did you mean --partitions?", flag);
        Assert.Contains("(the flags are --partitions, ", flag);
        Assert.Contains("--roles", flag);

        _file = """{"kafka": {"boostrap": "k:1"}}""";
        string key = Error("--config", "node.json");
        Assert.Contains("node.json: there is no key kafka.boostrap; did you mean kafka.bootstrap?", key);
        Assert.Contains("sampling.window", key);

        // The flag's name instead of the key is a natural mistake.
        _file = """{"otlp-http": "h:1"}""";
        Assert.Contains("otlp.http.listen", Error("--config", "node.json"));
    }

    [Fact]
    public void EveryMistakeIsToldAtOnce()
    {
        IReadOnlyList<string> errors = ReadAll("--partitions", "0", "--nope", "1", "--window", "x", "stray").Errors;
        Assert.Equal(4, errors.Count);
    }

    [Fact]
    public void FlagGivenTwiceOrWithoutAValueIsRefused()
    {
        Assert.Contains("given twice", Error("--partitions", "1", "--partitions", "2"));
        Assert.Contains("--partitions needs a value", Error("--partitions"));
        Assert.Contains("--partitions needs a value", Error("--partitions", "--window", "1s"));
        Assert.Contains("twice", Error("--input", "a=json", "--input", "a=json"));
    }

    [Theory]
    [InlineData("{", "not JSON")]
    [InlineData("[1]", "expected a JSON object")]
    [InlineData("""{"roles": []}""", "roles: expected")]
    [InlineData("""{"kafka.partitions": [1,2]}""", "2 values")]
    [InlineData("""{"kafka": {"partitions": 1}, "kafka.partitions": 2}""", "twice")]
    public void BadFileIsAnErrorThatNamesTheFile(string text, string part)
    {
        _file = text;
        string error = Error("--config", "node.json");
        Assert.Contains("node.json", error);
        Assert.Contains(part, error);
    }

    [Fact]
    public void MissingFileIsAnError() => Assert.Contains("config: can't read \"node.json\": there is no such file", Error("--config", "node.json"));

    [Fact]
    public void VariableThatLooksMistypedIsWarnedOfAndOthersAreNot()
    {
        _environment["STREAMOBSERVE_WINDWO"] = "1s";
        _environment["STREAMOBSERVE_SERVICE_PORT_9000_TCP_ADDR"] = "10.0.0.1";
        string warning = Assert.Single(ReadAll().Warnings);
        Assert.Contains("STREAMOBSERVE_WINDWO", warning);
        Assert.Contains("STREAMOBSERVE_WINDOW?", warning);
    }

    [Fact]
    public void HelpWinsOverMistakes()
    {
        Assert.True(ReadAll("--nope", "--help").HelpAsked);
        Assert.True(ReadAll("-h").HelpAsked);
    }

    private NodeSettings Read(params string[] arguments)
    {
        ReadNodeSettings read = ReadAll(arguments);
        Assert.Empty(read.Errors);
        return read.Settings!;
    }

    private string Error(params string[] arguments)
    {
        ReadNodeSettings read = ReadAll(arguments);
        Assert.Null(read.Settings);
        return Assert.Single(read.Errors);
    }

    private ReadNodeSettings ReadAll(params string[] arguments) =>
        NodeSettings.Read(arguments, _environment, path => _file ?? throw new FileNotFoundException(path));
}
