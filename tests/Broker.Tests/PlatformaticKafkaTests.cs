namespace StreamObserve.Broker.Tests;

/// <summary>@platformatic/kafka from npm, which speaks only new protocol versions: flexible ones throughout, topics by id.</summary>
public sealed class PlatformaticKafkaTests
{
    private const string Prelude = """
        import { Producer, Consumer, Admin, stringSerializers as serializers, stringDeserializers as deserializers, MessagesStreamModes } from '@platformatic/kafka';
        const bootstrapBrokers = [process.argv[2]];
        const admin = new Admin({ clientId: 'admin', bootstrapBrokers });
        const producer = options => new Producer({ clientId: 'producer', bootstrapBrokers, serializers, idempotent: true, ...options });
        const read = async (topic, groupId, count, use = async () => {}) => {
          const consumer = new Consumer({ groupId, clientId: 'consumer', bootstrapBrokers, deserializers });
          const stream = await consumer.consume({ autocommit: false, topics: [topic], mode: MessagesStreamModes.EARLIEST, sessionTimeout: 10000, heartbeatInterval: 200, isolationLevel: 1 });
          const got = [];
          for await (const message of stream) {
            got.push(message);
            await message.commit();
            if (got.length === count) break;
          }
          await use(consumer);
          await consumer.close(true);
          return got;
        };

        """;

    private static Task<string> RunAsync(TestBroker broker, string body) =>
        NodeClient.RunAsync("@platformatic/kafka", "1.35.0", Prelude + body + "\nawait admin.close();\nprocess.exit(0);\n", ".mjs", broker.Bootstrap);

    [Fact]
    public async Task EveryCodecGroupsAndOffsets()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string output = await RunAsync(broker, """
            await admin.createTopics({ topics: ['t'], partitions: 2, replicas: 1, configs: [{ name: 'retention.ms', value: '60000' }] });
            for (const compression of ['none', 'gzip', 'snappy', 'lz4']) {
              const p = producer({ compression });
              await p.send({ messages: [...Array(50).keys()].map(i => ({ topic: 't', key: 'k' + i, value: compression + i, headers: { h: 'x' } })) });
              await p.close();
            }
            let state;
            const got = await read('t', 'g', 200, async () => { state = (await admin.describeGroups({ groups: ['g'] })).get('g').state; });
            console.log(state, new Set(got.map(m => m.value)).size, got.every(m => m.headers.get('h') === 'x' && m.value.endsWith(m.key.slice(1))));
            console.log((await admin.listGroups()).get('g').state);
            const committed = await admin.listConsumerGroupOffsets({ groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0, 1] }] }] });
            console.log(committed[0].topics[0].partitions.reduce((sum, p) => sum + Number(p.committedOffset), 0));
            const offsets = await admin.listOffsets({ topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1n }, { partitionIndex: 1, timestamp: -1n }] }] });
            console.log(offsets[0].partitions.reduce((sum, p) => sum + Number(p.offset), 0));
            await admin.alterConsumerGroupOffsets({ groupId: 'g', topics: [{ name: 't', partitionOffsets: [{ partition: 0, offset: 5n }] }] });
            console.log((await admin.deleteConsumerGroupOffsets({ groupId: 'g', topics: [{ name: 't', partitionIndexes: [1] }] }))[0].partitionIndexes.join());
            await admin.deleteGroups({ groups: ['g'] });
            console.log((await admin.listGroups()).size);
            """);
        Assert.Equal("STABLE 200 true\nEMPTY\n200\n200\n1\n0", output);
    }

    [Fact]
    public async Task TopicsAndTheirConfiguration()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string output = await RunAsync(broker, """
            await admin.createTopics({ topics: ['t'], partitions: 1, replicas: 1 });
            const p = producer({});
            await p.send({ messages: [...Array(20).keys()].map(i => ({ topic: 't', value: 'v' + i })) });
            await p.close();
            const retention = async () => (await admin.describeConfigs({ resources: [{ resourceType: 2, resourceName: 't' }] }))[0].configs.find(c => c.name === 'retention.ms').value;
            await admin.incrementalAlterConfigs({ resources: [{ resourceType: 2, resourceName: 't', configs: [{ name: 'retention.ms', configOperation: 0, value: '70000' }] }] });
            console.log(await retention());
            await admin.alterConfigs({ resources: [{ resourceType: 2, resourceName: 't', configs: [{ name: 'retention.ms', value: '80000' }] }] });
            console.log(await retention());
            console.log((await admin.deleteRecords({ topics: [{ name: 't', partitions: [{ partition: 0, offset: 10n }] }] }))[0].partitions[0].lowWatermark);
            console.log((await read('t', 'g', 1))[0].value);
            await admin.createPartitions({ topics: [{ name: 't', count: 4, assignments: [] }] });
            console.log((await admin.metadata({ topics: ['t'], forceUpdate: true })).topics.get('t').partitionsCount);
            await admin.deleteTopics({ topics: ['t'] });
            console.log((await admin.listTopics()).length);
            """);
        Assert.Equal("70000\n80000\n10n\nv10\n4\n0", output);
    }

    [Fact]
    public async Task OnlyCommittedTransactionsAreRead()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string output = await RunAsync(broker, """
            await admin.createTopics({ topics: ['t'], partitions: 1, replicas: 1 });
            const p = producer({ transactionalId: 'tx' });
            for (let i = 0; i < 3; i++) { // this client keeps one aborted range per producer and fetch
              const transaction = await p.beginTransaction();
              await transaction.send({ messages: [{ topic: 't', value: 'v' + i }] });
              await (i !== 1 ? transaction.commit() : transaction.abort());
            }
            await p.close();
            console.log((await read('t', 'g', 2)).map(m => m.value).join());
            """);
        Assert.Equal("v0,v2", output);
    }
}
