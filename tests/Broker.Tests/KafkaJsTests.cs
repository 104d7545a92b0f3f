namespace StreamObserve.Broker.Tests;

/// <summary>kafkajs, from npm.</summary>
public sealed class KafkaJsTests
{
    private const string Prelude = """
        const { Kafka, logLevel, CompressionTypes } = require('kafkajs');
        const assert = require('assert');
        const kafka = new Kafka({ clientId: 'js', brokers: [process.argv[2]], logLevel: logLevel.ERROR });
        const readAll = async (topic, count, groupId, fromBeginning = true) => {
          const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 500 });
          await consumer.connect();
          await consumer.subscribe({ topics: [topic], fromBeginning });
          const got = [];
          await new Promise((resolve, reject) => {
            setTimeout(() => reject(new Error('only ' + got.length + ' of ' + count)), 20000).unref();
            consumer.run({ eachMessage: async ({ message }) => { got.push(message); if (got.length === count) resolve(); } }).catch(reject);
          });
          await consumer.disconnect();
          return got;
        };

        """;

    private static Task<string> RunAsync(TestBroker broker, string body) =>
        NodeClient.RunAsync(
            "kafkajs",
            "2.2.4",
            Prelude + "(async () => {\n" + body + "\n})().then(() => process.exit(0), e => { console.error(e); process.exit(1); });\n",
            ".js",
            broker.Bootstrap);

    [Fact]
    public async Task MessagesWithKeysHeadersAndGzipComeBack()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string output = await RunAsync(broker, """
            const producer = kafka.producer();
            await producer.connect();
            await producer.send({ topic: 'js', compression: CompressionTypes.GZIP, messages: [...Array(100).keys()].map(i => ({ key: 'k' + i, value: 'v' + i, headers: { h: 'x' } })) });
            const got = await readAll('js', 100, 'jsg');
            assert(got.every(m => m.key.toString().slice(1) === m.value.toString().slice(1) && m.headers.h.toString() === 'x'));
            const admin = kafka.admin();
            await admin.connect();
            console.log((await admin.describeGroups(['jsg'])).groups[0].state, (await admin.listTopics()).join());
            await admin.createPartitions({ topicPartitions: [{ topic: 'js', count: 6 }] });
            console.log((await admin.fetchTopicMetadata({ topics: ['js'] })).topics[0].partitions.length);
            """);
        Assert.Equal("Empty js\n6", output);
    }

    [Fact]
    public async Task OnlyCommittedTransactionsAreRead()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string output = await RunAsync(broker, """
            const producer = kafka.producer({ transactionalId: 'jstx', maxInFlightRequests: 1, idempotent: true });
            await producer.connect();
            for (let i = 0; i < 6; i++) {
              const transaction = await producer.transaction();
              await transaction.send({ topic: 'jstx', messages: [{ value: 'a' + i }, { value: 'b' + i }] });
              await transaction.sendOffsets({ consumerGroupId: 'moved', topics: [{ topic: 'jstx', partitions: [{ partition: 0, offset: String(i) }] }] });
              if (i % 2 === 0) await transaction.commit(); else await transaction.abort();
            }
            const got = await readAll('jstx', 6, 'jstxg');
            console.log(got.map(m => m.value.toString()).sort().join());
            const admin = kafka.admin();
            await admin.connect();
            console.log((await admin.fetchOffsets({ groupId: 'moved', topics: ['jstx'] }))[0].partitions.find(p => p.partition === 0).offset);
            """);
        Assert.Equal("a0,a2,a4,b0,b2,b4\n4", output);
    }
}
