using System.Net;

namespace StreamObserve.QueryNode.Tests;

public class LandingPageTests
{
    [Fact]
    public async Task TheRootSaysWhatThisIsAndLinksOnlyToWhatIsServed()
    {
        await using var server = await QueryNodeServer.StartAsync();
        using var response = await server.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/html; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        var html = await response.TextAsync();
        Assert.StartsWith("<!doctype html>", html, StringComparison.Ordinal);
        Assert.True(html.Length < 8_192);
        foreach (var link in html.Split("href=\"").Skip(1).Select(rest => rest[..rest.IndexOf('"', StringComparison.Ordinal)]).Where(link => link.StartsWith("/api/", StringComparison.Ordinal)))
        {
            using var linked = await server.GetAsync(link);
            var body = await linked.TextAsync();
            Assert.DoesNotContain("there is no path", body, StringComparison.Ordinal);
        }
    }
}
