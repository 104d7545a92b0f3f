using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Kafka.Topics;
using StreamObserve.Tests.Fixtures;

namespace StreamObserve.Kafka.Tests;

public sealed class MetaTopicTests(KafkaFixture kafka)
{
    private readonly CancellationToken _patience = new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    [Fact]
    public async Task WhatIsPutIsSeenByEveryNodeInOneOrder()
    {
        var topic = await MakeAsync();
        using var writer = Meta(topic);
        using var other = Meta(topic);
        await other.Ready.WaitAsync(_patience);
        var seen = new List<string>();
        using var subscription = other.Subscribe("board/", entry => seen.Add($"{entry.Key}={Text(entry)}"));
        await writer.PutAsync("board/1", Utf8("a"), _patience);
        await writer.PutAsync("policies", Utf8("not a board"), _patience);
        await writer.PutAsync("board/1", Utf8("b"), _patience);
        await writer.PutAsync("board/2", Utf8("c"), _patience);
        var offset = await writer.DeleteAsync("board/1", _patience);
        await other.WaitForAsync(offset, _patience);

        Assert.Equal(["board/1=a", "board/1=b", "board/2=c", "board/1=(deleted)"], seen);
        Assert.False(other.TryGet("board/1", out _));
        Assert.True(other.TryGet("policies", out var policies));
        Assert.Equal("not a board", Text(policies));
        Assert.Equal(["board/2"], other.List("board/").Select(e => e.Key));
    }

    [Fact]
    public async Task ANewViewHoldsTheNewestOfEveryKeyWhenReady()
    {
        var topic = await MakeAsync();
        using (var writer = Meta(topic))
        {
            for (var i = 0; i < 200; i++)
            {
                await writer.PutAsync($"key/{i % 7}", Utf8($"{i}"), _patience);
            }

            await writer.DeleteAsync("key/3", _patience);
        }

        using var view = Meta(topic);
        await view.Ready.WaitAsync(_patience);
        Assert.Equal(["key/0=196", "key/1=197", "key/2=198", "key/4=193", "key/5=194", "key/6=195"], view.List("key/").Select(e => $"{e.Key}={Text(e)}").Order());
    }

    [Fact]
    public async Task ASubscriberHearsOfWhatWasThereBeforeAndNothingAfterItsEnd()
    {
        var topic = await MakeAsync();
        using var meta = Meta(topic);
        await meta.WaitForAsync(await meta.PutAsync("k", Utf8("1"), _patience), _patience);
        var seen = new List<string>();
        var subscription = meta.Subscribe("", entry => seen.Add(Text(entry)));
        Assert.Equal(["1"], seen);
        subscription.Dispose();
        await meta.WaitForAsync(await meta.PutAsync("k", Utf8("2"), _patience), _patience);
        Assert.Equal(["1"], seen);
    }

    [Fact]
    public async Task AnEmptyTopicIsReadyToo()
    {
        using var meta = Meta(await MakeAsync());
        await meta.Ready.WaitAsync(_patience);
        Assert.Empty(meta.List(""));
    }

    [Fact]
    public async Task TheViewGoesOnAfterTheBrokerWasAway()
    {
        await using var broker = await RestartableBroker.StartAsync();
        using (var admin = new TopicAdmin(broker.Settings, TimeProvider.System, NullLogger.Instance))
        {
            await admin.EnsureAsync(TopicSpec.Meta("meta"), _patience);
        }

        using var meta = new MetaTopic(broker.Settings, "meta", NullLogger.Instance);
        await meta.WaitForAsync(await meta.PutAsync("k", Utf8("before"), _patience), _patience);
        await broker.StopAsync();
        await broker.StartAgainAsync();
        await meta.WaitForAsync(await meta.PutAsync("k", Utf8("after"), _patience), _patience);
        Assert.True(meta.TryGet("k", out var entry));
        Assert.Equal("after", Text(entry));
    }

    private async Task<string> MakeAsync()
    {
        var topic = KafkaFixture.Unique("meta");
        using var admin = new TopicAdmin(kafka.Settings, TimeProvider.System, NullLogger.Instance);
        await admin.EnsureAsync(TopicSpec.Meta(topic), _patience);
        return topic;
    }

    private MetaTopic Meta(string topic) => new(kafka.Settings, topic, NullLogger.Instance);

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(MetaEntry entry) => entry.Value is { } value ? Encoding.UTF8.GetString(value.Span) : "(deleted)";
}
