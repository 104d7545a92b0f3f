using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using StreamObserve.Kafka;
using StreamObserve.Kafka.Topics;
using StreamObserve.QueryNode.Coordination;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;
using StreamObserve.Tests.Fixtures;

namespace StreamObserve.QueryNode.Tests;

/// <summary>Stored answers and kept things on a real log.</summary>
public sealed class LogResultStoreTests(KafkaFixture kafka)
{
    private readonly CancellationToken _patience = new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;
    private readonly FakeMeta _meta = new();
    private readonly TimedResultIds _ids = new(TimeProvider.System, RandomNumberGenerator.Fill);

    [Fact]
    public async Task EveryNodeReadsTheSameBytesAlsoAfterTheirWriterIsGone()
    {
        var topic = await MakeTopicAsync(kafka.Settings);
        await using var other = Store(kafka.Settings, topic);
        var answers = new Dictionary<string, byte[]>();
        await using (var writer = Store(kafka.Settings, topic))
        {
            for (var i = 0; i < 50; i++)
            {
                var json = Encoding.UTF8.GetBytes($"{{\"answer\":{i},\"text\":\"{new string('ä', i * 100)}\"}}");
                answers.Add(_ids.Next(), json);
                await writer.PutAsync(answers.Last().Key, json, _patience);
                Assert.Equal(json, (await other.GetAsync(answers.Last().Key, _patience))!.Value.ToArray());
            }
        }

        await using var fresh = Store(kafka.Settings, topic);
        foreach (var (id, json) in answers)
        {
            Assert.Equal(json, (await fresh.GetAsync(id, _patience))!.Value.ToArray());
        }
    }

    [Fact]
    public async Task AnAnswerThatNoRecordHoldsIsCutAndPutTogether()
    {
        var topic = await MakeTopicAsync(kafka.Settings);
        var json = Encoding.ASCII.GetBytes($"\"{Convert.ToBase64String(RandomNumberGenerator.GetBytes(9 << 20))}\"");
        var (before, id, after) = (_ids.Next(), _ids.Next(), _ids.Next());
        await using (var writer = Store(kafka.Settings, topic))
        {
            await writer.PutAsync(before, "1"u8.ToArray(), _patience);
            await writer.PutAsync(id, json, _patience);
            await writer.PutAsync(after, "2"u8.ToArray(), _patience);
        }

        await using var reader = Store(kafka.Settings, topic);
        Assert.Equal(json, (await reader.GetAsync(id, _patience))!.Value.ToArray());
        Assert.Equal("2"u8.ToArray(), (await reader.GetAsync(after, _patience))!.Value.ToArray());
    }

    [Fact]
    public async Task PinnedAnswersOutliveTheOthers()
    {
        var (topic, pinned, empty) = (await MakeTopicAsync(kafka.Settings), await MakePinnedTopicAsync(), await MakeTopicAsync(kafka.Settings));
        var (kept, gone, large) = (_ids.Next(), _ids.Next(), _ids.Next());
        var json = Encoding.ASCII.GetBytes($"\"{Convert.ToBase64String(RandomNumberGenerator.GetBytes(6 << 20))}\"");
        await using (var writer = Store(kafka.Settings, topic, pinned))
        {
            await writer.PutAsync(kept, "1"u8.ToArray(), _patience);
            await writer.PutAsync(gone, "2"u8.ToArray(), _patience);
            await writer.PutAsync(large, json, _patience);
            Assert.Equal(PinOutcome.Pinned, await writer.PinAsync(kept, _patience));
            Assert.Equal(PinOutcome.Pinned, await writer.PinAsync(kept, _patience));
            Assert.Equal(PinOutcome.Pinned, await writer.PinAsync(large, _patience));
            Assert.Equal(PinOutcome.Unknown, await writer.PinAsync("abcd1234", _patience));
        }

        // A log of results from which everything has gone.
        await using var later = Store(kafka.Settings, empty, pinned);
        Assert.Equal("1"u8.ToArray(), (await later.GetAsync(kept, _patience))!.Value.ToArray());
        Assert.Equal(json, (await later.GetAsync(large, _patience))!.Value.ToArray());
        Assert.Null(await later.GetAsync(gone, _patience));
        Assert.True(await later.UnpinAsync(kept, _patience));
        Assert.False(await later.UnpinAsync(kept, _patience));
        await using var last = Store(kafka.Settings, empty, pinned);
        Assert.Null(await last.GetAsync(kept, _patience));
        Assert.NotNull(await last.GetAsync(large, _patience));
    }

    [Fact]
    public async Task AnAnswerLargerThanTheMemoryIsReadFromTheLog()
    {
        var topic = await MakeTopicAsync(kafka.Settings);
        var json = RandomNumberGenerator.GetBytes(1 << 20);
        await using var store = Store(kafka.Settings, topic, memoryBytes: 1 << 10);
        var id = _ids.Next();
        await store.PutAsync(id, json, _patience);

        Assert.Equal(json, (await store.GetAsync(id, _patience))!.Value.ToArray());
    }

    [Fact]
    public async Task WhatNobodyStoredIsUnknown()
    {
        var topic = await MakeTopicAsync(kafka.Settings);
        await using var store = Store(kafka.Settings, topic);
        await store.PutAsync(_ids.Next(), "1"u8.ToArray(), _patience);

        Assert.Null(await store.GetAsync(_ids.Next(), _patience));
        Assert.Null(await store.GetAsync("00000000" + _ids.Next()[8..], _patience));
        Assert.Null(await store.GetAsync("zzzzzzzz" + _ids.Next()[8..], _patience));
        Assert.Null(await store.GetAsync("abcd1234", _patience));
    }

    [Fact]
    public async Task AnAnswerNeverWaitsForTheBrokersAndIsWrittenOnceTheyAreBack()
    {
        await using var broker = await RestartableBroker.StartAsync();
        var topic = await MakeTopicAsync(broker.Settings);
        var id = _ids.Next();
        await using (var store = Store(broker.Settings, topic))
        {
            var first = _ids.Next();
            await store.PutAsync(first, "0"u8.ToArray(), _patience);
            await broker.StopAsync();
            var put = store.PutAsync(id, "1"u8.ToArray(), _patience);
            Assert.True(put.IsCompletedSuccessfully);
            Assert.Equal("1"u8.ToArray(), (await store.GetAsync(id, _patience))!.Value.ToArray());
            var away = await Assert.ThrowsAsync<ServiceUnavailableException>(async () => await store.GetAsync(_ids.Next(), _patience));
            Assert.True(away.IsTransient);
            await broker.StartAgainAsync();
            await using var other = Store(broker.Settings, topic);
            while (await other.GetAsync(id, _patience) is null)
            {
                _patience.ThrowIfCancellationRequested();
            }
        }
    }

    [Fact]
    public async Task KeptThingsAreReadAfterTheyWereWrittenAndListedByTheirLastChange()
    {
        var topic = KafkaFixture.Unique("meta");
        using (var admin = new TopicAdmin(kafka.Settings, TimeProvider.System, NullLogger.Instance))
        {
            await admin.EnsureAsync(TopicSpec.Meta(topic), _patience);
        }

        using var meta = new MetaTopic(kafka.Settings, topic, NullLogger.Instance);
        var store = new MetaStore(meta);
        await store.PutAsync("a/1", "1"u8.ToArray(), _patience);
        await store.PutAsync("a/2", "2"u8.ToArray(), _patience);
        await store.PutAsync("b/1", "3"u8.ToArray(), _patience);
        await store.PutAsync("a/1", "4"u8.ToArray(), _patience);
        Assert.Equal("4"u8.ToArray(), (await store.GetAsync("a/1", _patience))!.Value.Value.ToArray());
        Assert.Equal(["a/2", "a/1"], (await store.ListAsync("a/", _patience)).Select(record => record.Key));
        await store.DeleteAsync("a/2", _patience);
        await store.DeleteAsync("a/9", _patience);
        Assert.Equal(["a/1"], (await store.ListAsync("a/", _patience)).Select(record => record.Key));
        Assert.Null(await store.GetAsync("a/2", _patience));
    }

    private LogResultStore Store(KafkaSettings settings, string topic, string? pinned = null, long memoryBytes = 64 << 20)
    {
        var services = new ServiceCollection().AddMetrics().AddSingleton<QueryMetrics>().BuildServiceProvider();
        return new(settings, topic, pinned ?? "no-such-topic", memoryBytes, _meta, TimeProvider.System, services.GetRequiredService<QueryMetrics>(), NullLogger<LogResultStore>.Instance);
    }

    private async Task<string> MakeTopicAsync(KafkaSettings settings)
    {
        var topic = KafkaFixture.Unique("results");
        using var admin = new TopicAdmin(settings, TimeProvider.System, NullLogger.Instance);
        await admin.EnsureAsync(TopicSpec.Results(topic, TimeSpan.FromDays(1)), _patience);
        return topic;
    }

    private async Task<string> MakePinnedTopicAsync()
    {
        var topic = KafkaFixture.Unique("pinned");
        using var admin = new TopicAdmin(kafka.Settings, TimeProvider.System, NullLogger.Instance);
        await admin.EnsureAsync(TopicSpec.PinnedResults(topic), _patience);
        return topic;
    }
}
