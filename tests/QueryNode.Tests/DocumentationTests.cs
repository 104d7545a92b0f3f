using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace StreamObserve.QueryNode.Tests;

public partial class DocumentationTests
{
    [Fact]
    public void EveryJsonExampleIsJson()
    {
        var examples = JsonBlock().Matches(Text()).Select(match => match.Groups[1].Value).ToArray();

        Assert.True(examples.Length >= 7);
        foreach (var example in examples)
        {
            using var document = JsonDocument.Parse(example);
        }
    }

    [Fact]
    public async Task EveryExampleRequestIsAnsweredAsTheTextSays()
    {
        await using var server = await QueryNodeServer.StartAsync();
        var requests = CurlWithBody().Matches(Text());

        Assert.Equal(10, requests.Count);
        foreach (Match request in requests)
        {
            var method = request.Value.Contains("-X PUT", StringComparison.Ordinal) ? HttpMethod.Put : HttpMethod.Post;
            var body = request.Groups["body"].Value;
            using var response = await server.SendAsync(method, request.Groups["path"].Value, body);
            var expected = body.Contains("\"limit\":0", StringComparison.Ordinal) ? 422 : request.Groups["path"].Value.EndsWith("/markers", StringComparison.Ordinal) ? 201 : 200;
            Assert.Equal(expected, (int)response.StatusCode);
        }
    }

    [Fact]
    public void EveryMetricIsDocumented()
    {
        var source = File.ReadAllText(Path.Combine(Root(), "src/QueryNode/QueryMetrics.cs"));
        foreach (Match name in MetricName().Matches(source))
        {
            // The second of the pair that shares a row is named by its last part.
            Assert.Contains(name.Value.Replace("streamobserve.query.tail.rows_skipped", ".rows_skipped", StringComparison.Ordinal), Text(), StringComparison.Ordinal);
        }
    }

    private static string Text() => File.ReadAllText(Path.Combine(Root(), "docs/http-api.md"));

    private static string Root([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "../.."));

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex JsonBlock();

    [GeneratedRegex("curl -s (?:-X PUT )?http://127\\.0\\.0\\.1:8080(?<path>\\S+) -H 'Content-Type: application/json' -d '(?<body>.*?)'\n", RegexOptions.Singleline)]
    private static partial Regex CurlWithBody();

    [GeneratedRegex("streamobserve\\.query\\.[a-z_.]+")]
    private static partial Regex MetricName();
}
