namespace StreamObserve.Tests;

public class CommandLineAppTests
{
    private static readonly string[] Verbs = ["run", "query", "tail", "send", "check", "datasets", "marker", "deadletters", "demo"];

    private readonly Terminal _terminal = new();

    [Fact]
    public async Task HelpNamesEveryVerb()
    {
        Assert.Equal(0, await _terminal.RunAsync("--help"));
        Assert.All(Verbs, v => Assert.Contains($"  {v} ", _terminal.Output));
        Assert.Empty(_terminal.Error);
    }

    [Fact]
    public async Task NoVerbIsWrongUseAndShowsTheHelp()
    {
        Assert.Equal(2, await _terminal.RunAsync());
        Assert.Contains("usage: streamobserve VERB", _terminal.Output);
    }

    [Fact]
    public async Task UnknownVerbNamesTheRightOnes()
    {
        Assert.Equal(2, await _terminal.RunAsync("qurey"));
        Assert.Contains("there is no verb \"qurey\"; did you mean query?", _terminal.Error);
        Assert.All(Verbs, v => Assert.Contains(v, _terminal.Error));
    }

    [Theory]
    [InlineData("run")]
    [InlineData("query")]
    [InlineData("tail")]
    [InlineData("send")]
    [InlineData("check")]
    [InlineData("datasets")]
    [InlineData("marker")]
    [InlineData("deadletters")]
    [InlineData("demo")]
    public async Task EveryVerbHasShortHelp(string verb)
    {
        Assert.Equal(0, await _terminal.RunAsync(verb, "--help"));
        Assert.StartsWith($"usage: streamobserve {verb}", _terminal.Output);
        Assert.All(_terminal.Output.Split('\n'), line => Assert.True(line.Length <= 110, line));
    }

    [Theory]
    [InlineData("query needs TEXT", "query")]
    [InlineData("format: expected one of table, json, csv, got \"xml\" (from --format)", "query", "COUNT", "--format", "xml")]
    [InlineData("query has no flag --datset; did you mean --dataset?", "query", "COUNT", "--datset", "x")]
    [InlineData("url: expected an http:// or https:// address such as http://127.0.0.1:8080, got \"ftp://x\"", "query", "COUNT", "--url", "ftp://x")]
    [InlineData("send does not take \"b\": it takes one FILE|-", "send", "a", "b")]
    [InlineData("can't read \"/no/such/file\": there is no such file", "send", "/no/such/file")]
    [InlineData("rate: expected a whole number from 1 to 10000, got \"0\"", "demo", "--rate", "0")]
    [InlineData("topic: expected a Kafka topic name, got \"a b\"", "demo", "--topic", "a b")]
    public async Task WrongUseIsToldInOneLineWithExitCodeTwo(string message, params string[] arguments)
    {
        Assert.Equal(2, await _terminal.RunAsync(arguments));
        Assert.Contains(message, _terminal.Error);
        Assert.DoesNotContain("Exception", _terminal.Error);
        Assert.Empty(_terminal.Output);
    }

    [Theory]
    [InlineData("query", "COUNT")]
    [InlineData("tail")]
    [InlineData("datasets")]
    [InlineData("marker", "deploy")]
    [InlineData("send", "-")]
    public async Task UnreachableNodeIsNamedWithHowToStartOne(params string[] arguments)
    {
        _terminal.Input = "{}\n";
        Assert.Equal(1, await _terminal.RunAsync([.. arguments, "--url", "http://127.0.0.1:1"]));
        string first = _terminal.Error.Split('\n')[0];
        Assert.Equal(
            $"streamobserve {arguments[0]}: can't reach http://127.0.0.1:1: connection refused; start a node with: streamobserve run, or name another one with --url",
            first);
    }

    [Fact]
    public async Task UrlMayComeFromTheEnvironment()
    {
        _terminal.Environment["STREAMOBSERVE_URL"] = "http://127.0.0.1:2/";
        Assert.Equal(1, await _terminal.RunAsync("query", "COUNT"));
        Assert.Contains("can't reach http://127.0.0.1:2:", _terminal.Error);
    }

    [Fact]
    public async Task UnreachableKafkaIsNamedWithHowToStartOne()
    {
        Assert.Equal(1, await _terminal.RunAsync("deadletters", "--kafka", "127.0.0.1:1"));
        Assert.Contains("can't reach Kafka at 127.0.0.1:1: ", _terminal.Error);
    }
}
