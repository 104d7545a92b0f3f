namespace StreamObserve.Broker.Tests;

/// <summary>kcat, which is librdkafka's command line.</summary>
public sealed class KcatTests
{
    private static Task<string> Kcat(TestBroker broker, string arguments, string? input = null) =>
        ClientCommand.RunAsync("kcat", ["-b", broker.Bootstrap, .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)], input);

    private static Task RequireKcat() => ClientCommand.RequireAsync("kcat", "-V");

    private static string Lines(int from, int count, string prefix = "line-") =>
        string.Concat(Enumerable.Range(from, count).Select(i => $"{prefix}{i}\n"));

    [Theory]
    [InlineData("none")]
    [InlineData("gzip")]
    [InlineData("snappy")]
    [InlineData("lz4")]
    [InlineData("zstd")]
    public async Task WhatIsProducedWithACodecComesBack(string codec)
    {
        await RequireKcat();
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("codec");
        string input = Lines(0, 5000);
        await Kcat(broker, $"-P -t codec -z {codec}", input);
        Assert.Equal(input, await Kcat(broker, "-C -t codec -e -q -o beginning"));
    }

    [Fact]
    public async Task KeysAndHeadersComeBack()
    {
        await RequireKcat();
        await using TestBroker broker = await TestBroker.StartAsync();
        await Kcat(broker, "-P -t keyed -K: -H trace=abc -H empty=", "k1:v1\nk2:v2\n");
        string output = await Kcat(broker, "-C -t keyed -e -q -o beginning -f %k=%s;%h\\n");
        Assert.Equal(["k1=v1;trace=abc,empty=", "k2=v2;trace=abc,empty="], output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order());
    }

    [Fact]
    public async Task AnIdempotentProducerStoresEachLineOnce()
    {
        await RequireKcat();
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("once", 3);
        await Kcat(broker, "-P -t once -X enable.idempotence=true", Lines(0, 20_000));
        string output = await Kcat(broker, "-C -t once -e -q -o beginning");
        Assert.Equal(20_000, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).ToHashSet().Count);
        Assert.Equal(20_000, output.Count(c => c == '\n'));
    }

    [Fact]
    public async Task ReadingStartsAtAnOffsetAndAtATime()
    {
        await RequireKcat();
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("places");
        await Kcat(broker, "-P -t places", Lines(0, 10));
        await Task.Delay(20);
        long between = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await Task.Delay(20);
        await Kcat(broker, "-P -t places", Lines(10, 10));
        Assert.Equal(Lines(7, 13), await Kcat(broker, "-C -t places -e -q -o 7"));
        Assert.Equal(Lines(17, 3), await Kcat(broker, "-C -t places -e -q -o -3"));
        Assert.Equal(Lines(10, 10), await Kcat(broker, $"-C -t places -e -q -o s@{between}"));
        Assert.Equal("places [0] offset 10\n", await Kcat(broker, $"-Q -t places:0:{between}"));
    }

    [Fact]
    public async Task AGroupOfThreeSharesThePartitions()
    {
        await RequireKcat();
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.CreateTopicAsync("shared", 6);
        await Kcat(broker, "-P -t shared -K:", string.Concat(Enumerable.Range(0, 6000).Select(i => $"{i}:line-{i}\n")));
        Task<string>[] members =
            [.. Enumerable.Range(0, 3).Select(_ => Kcat(broker, "-G three -X auto.offset.reset=earliest -X session.timeout.ms=6000 -e -q shared"))];
        string[] outputs = await Task.WhenAll(members);
        HashSet<string> lines = [.. outputs.SelectMany(output => output.Split('\n', StringSplitOptions.RemoveEmptyEntries))];
        Assert.Equal(6000, lines.Count);
    }
}
