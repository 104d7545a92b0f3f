using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using StreamObserve.Scenario.Harness;

namespace StreamObserve.Scenario;

/// <summary>Bad input to commands and API: an error that names the field and the value; never a stack trace, never silence.</summary>
[Trait("category", "small")]
public sealed class BadInputScenario(ITestOutputHelper output) : ScenarioTest(output)
{
    private static readonly TimeSpan CommandEndsWithin = TimeSpan.FromSeconds(10);

    public static TheoryData<string, string[]> WrongCommands() => new()
    {
        { "bogus", ["run", "--bogus", "1"] },
        { "not-an-address", ["run", "--http", "not-an-address"] },
        { "127.0.0.1:99999", ["run", "--broker", "127.0.0.1:99999"] },
        { "5parsecs", ["run", "--window", "5parsecs"] },
        { "janitor", ["run", "--roles", "query,janitor"] },
        { "partitions", ["run", "--partitions", "0"] },
        { "plenty", ["run", "--memory", "plenty"] },
        { "/no/such/file.json", ["run", "--config", "/no/such/file.json"] },
        { "frobnicate", ["frobnicate"] },
        { "not a url", ["query", "COUNT", "--url", "not a url"] },
        { "yaml", ["query", "COUNT", "--format", "yaml"] },
        { "/no/such/events.ndjson", ["send", "/no/such/events.ndjson"] },
    };

    [Theory]
    [MemberData(nameof(WrongCommands))]
    public async Task ACommandNamesWhatIsWrong(string named, string[] arguments)
    {
        string[] isolated = arguments[0] == "run" ? [.. arguments, "--data", PathOf("data")] : arguments;
        CommandRun run = await CommandRun.RunAsync(Workspace.Executable, isolated, CommandEndsWithin, Folder);
        Output.WriteLine($"{run.Command}\n  {run.ExitCode}: {run.Error.Trim()}");
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(named, run.Error);
        Assert.False(CommandRun.HasStackTrace(run.Error + run.Output), run.Error + run.Output);
    }

    [Theory]
    [InlineData("ingest")]
    [InlineData("processor")]
    [InlineData("query")]
    public async Task ANodeThatCountsOtherPartitionsThanThereAreDoesNotStart(string role)
    {
        StreamObserveProcess broker = await StartAsync("broker", RunArguments("data", "--roles", "broker"));
        await StartAsync("ingest", RunArguments("ingest", "--roles", "ingest", "--kafka", broker.Ready.Kafka, "--partitions", "2"));
        CommandRun run = await CommandRun.RunAsync(
            Workspace.Executable, RunArguments("other", "--roles", role, "--kafka", broker.Ready.Kafka, "--partitions", "3"), CommandEndsWithin, Folder);
        Output.WriteLine($"{run.Command}\n  {run.ExitCode}: {run.Error.Trim()}");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains($"role {role} can't start: topic streamobserve.batches has 2 partitions, not 3", run.Error);
        Assert.Contains("set --partitions 2", run.Error);
        Assert.DoesNotContain("ready ", run.Output);
        Assert.False(CommandRun.HasStackTrace(run.Error), run.Error);
    }

    [Fact]
    public async Task ATakenHttpAddressIsToldInOneLine()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        CommandRun run = await CommandRun.RunAsync(Workspace.Executable, RunArguments("data", "--http", $"{taken.LocalEndpoint}"), CommandEndsWithin, Folder);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal($"streamobserve run: http: can't listen on {taken.LocalEndpoint}: another process listens there; give --http another address", run.Error.Trim().Split('\n')[^1]);
        Assert.False(CommandRun.HasStackTrace(run.Error), run.Error);
    }

    [Fact]
    public async Task TheApiAnswersWithProblemsThatNameFieldAndValue()
    {
        StreamObserveProcess process = await StartAsync("streamobserve", RunArguments("data"));
        using var api = new ApiClient(process.Ready.Http);
        var failures = new List<string>();
        foreach (Wrong wrong in WrongRequests())
        {
            ApiResponse response = await api.SendTextAsync(wrong.Method, wrong.Path, wrong.Body, "application/json");
            Output.WriteLine($"{wrong.Method} {wrong.Path} {Short(wrong.Body)}\n  {(int)response.Status} {response.Text}");
            int status = (int)response.Status;
            if (!response.IsProblem)
            {
                failures.Add($"{wrong}: {status}, `{response.MediaType}` instead of a problem document");
            }
            else if (status is < 400 or >= 500 || (wrong.Status is { } exact && status != (int)exact))
            {
                failures.Add($"{wrong}: status {status}");
            }
            else if ((int?)response.Json?["status"] != status || string.IsNullOrEmpty((string?)response.Json?["title"]))
            {
                failures.Add($"{wrong}: `status` and `title` are missing or differ: {response.Text}");
            }
            else if (wrong.Named.FirstOrDefault(n => !response.Text.Contains(n, StringComparison.Ordinal)) is { } unnamed)
            {
                failures.Add($"{wrong}: does not name `{unnamed}`: {response.Text}");
            }

            if (CommandRun.HasStackTrace(response.Text))
            {
                failures.Add($"{wrong}: a stack trace: {response.Text}");
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures));
        Assert.False(process.HasExited, "the process ended");
    }

    [Fact]
    public async Task TheHttpDoorAnswersEveryLineInOrder()
    {
        StreamObserveProcess process = await StartAsync("streamobserve", RunArguments("data"));
        using var api = new ApiClient(process.Ready.Http);
        const string Lines = "{\"timestamp\":1750000000,\"name\":\"a\"}\n{\"name\":\nfoo\n{\"timestamp\":1750000001,\"name\":\"b\"}\n";
        ApiResponse response = await api.SendTextAsync(HttpMethod.Post, "/api/v1/ingest/door", Lines, "application/x-ndjson");
        Assert.Equal(HttpStatusCode.OK, response.Status);
        JsonArray lines = response.Json!.AsArray();
        Assert.Equal([202, 400, 400, 202], lines.Select(l => (int)l!["status"]!));
        Assert.All(lines.Where(l => (int)l!["status"]! == 400), l => Assert.NotEqual("", (string?)l!["error"]));
        var range = new VaryingRange(1_750_000_000, 1_750_000_001);
        await api.CountsAsync(2, range, TimeSpan.FromSeconds(20));
    }

    private static Wrong[] WrongRequests()
    {
        static Wrong Query(string query, params string[] named) => new(HttpMethod.Post, "/api/v1/query", $$"""{"dataset":"__all__","query":{{query}}}""", named);
        static Wrong Text(string text, params string[] named) => new(HttpMethod.Post, "/api/v1/query", new JsonObject { ["dataset"] = "__all__", ["text"] = text }.ToJsonString(), named);
        static Wrong Policy(string policy, params string[] named) => new(HttpMethod.Put, "/api/v1/sampling/__default__", policy, named);
        return
        [
            new(HttpMethod.Post, "/api/v1/query", "{\"dataset\":", []),
            new(HttpMethod.Post, "/api/v1/query", "", []),
            new(HttpMethod.Post, "/api/v1/query", "[]", []),
            new(HttpMethod.Post, "/api/v1/query", """{"dataset":"__all__"}""", ["query"]),
            new(HttpMethod.Post, "/api/v1/query", """{"dataset":"__all__","query":{},"source":"oracle"}""", ["source", "oracle"]),
            new(HttpMethod.Post, "/api/v1/query", """{"dataset":"__all__","query":{},"partial":"maybe"}""", ["partial", "maybe"]),
            Query("""{"calculations":[{"op":"MEDIAN","column":"duration_ms"}]}""", "calculations", "MEDIAN"),
            Query("""{"calculations":[{"op":"SUM"}]}""", "column", "SUM"),
            Query("""{"filters":[{"column":"name","op":"resembles","value":"x"}]}""", "filters", "resembles"),
            Query("""{"filters":[{"op":"=","value":"x"}]}""", "filters", "column"),
            Query("""{"filters":[],"filter_combination":"XOR"}""", "filter_combination", "XOR"),
            Query("""{"limit":0}""", "limit", "0"),
            Query("""{"limit":1001}""", "limit", "1001"),
            Query("""{"limit":"many"}""", "limit", "many"),
            Query("""{"breakdowns":"name"}""", "breakdowns"),
            Query("""{"start_time":2000,"end_time":1000}""", "start_time", "end_time", "1970-01-01T00:16:40Z"), // 1000 s, as an instant
            Query("""{"time_range":-5}""", "time_range", "-5"),
            Query("""{"granularity":-1}""", "granularity", "-1"),
            Query("""{"orders":[{"op":"COUNT","order":"sideways"}]}""", "orders", "sideways"),
            Query("""{"havings":[{"calculate_op":"HEATMAP","op":">","value":1}]}""", "havings", "HEATMAP"),
            Query("""{"calulations":[{"op":"COUNT"}]}""", "calulations"),
            Text("COUNT WHERE", "WHERE"),
            Text("MEDIAN(duration_ms)", "MEDIAN"),
            Text("COUNT WHERE name resembles \"x\"", "resembles"),
            Text("COUNT LAST tuesday", "tuesday"),
            Text("COUNT LIMIT 5000", "5000"),
            Policy("""{"rules":[{"name":"r","rate":0}]}""", "rate", "0"),
            Policy("""{"rules":[{"name":"r","scope":"galaxy","keep":true}]}""", "scope", "galaxy"),
            Policy("""{"rules":[{"name":"r","conditions":[{"field":"error","op":"~","value":1}],"keep":true}]}""", "op", "~"),
            Policy("""{"rules":[{"name":"r","sampler":{"type":"psychic"}}]}""", "type", "psychic"),
            Policy("""{"window":"soon"}""", "window", "soon"),
            Policy("""{"rules":"none"}""", "rules"),
            new(HttpMethod.Get, "/api/v1/results/no-such-result", null, ["no-such-result"]) { Status = HttpStatusCode.NotFound },
            new(HttpMethod.Get, "/api/v1/nothing-here", null, []) { Status = HttpStatusCode.NotFound },
            new(HttpMethod.Get, "/api/v1/query", null, []) { Status = HttpStatusCode.MethodNotAllowed },
            new(HttpMethod.Get, "/api/v1/tail?dataset=__all__&filter=error%20resembles", null, ["filter", "resembles"]),
            new(HttpMethod.Get, "/api/v1/tail?dataset=__all__&rate=fast", null, ["rate", "fast"]),
            new(HttpMethod.Get, "/api/v1/tail?dataset=__all__&resume=garbage", null, ["resume", "garbage"]),
        ];
    }

    private static string Short(string? text) => text is { Length: > 100 } ? text[..100] + "…" : text ?? "";

    private sealed record Wrong(HttpMethod Method, string Path, string? Body, string[] Named)
    {
        public HttpStatusCode? Status { get; init; }

        public override string ToString() => $"{Method} {Path} {Short(Body)}";
    }
}
