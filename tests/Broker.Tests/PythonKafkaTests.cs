namespace StreamObserve.Broker.Tests;

/// <summary>python-kafka 2.0.2, which speaks old protocol versions.</summary>
public sealed class PythonKafkaTests
{
    private const string Python = "/usr/bin/python3";

    private static Task<string> RunAsync(TestBroker broker, string script) =>
        ClientCommand.RunAsync(Python, ["-c", $"servers='{broker.Bootstrap}'\n{script}"]);

    [Theory]
    [InlineData("None", "sys")]
    [InlineData("'gzip'", "gzip")]
    [InlineData("'snappy'", "snappy")]
    [InlineData("'lz4'", "lz4.frame")]
    [InlineData("'zstd'", "zstandard")]
    public async Task WhatIsProducedWithACodecComesBack(string codec, string module)
    {
        await ClientCommand.RequireAsync(Python, "-c", $"import kafka, {module}");
        await using TestBroker broker = await TestBroker.StartAsync();
        string output = await RunAsync(broker, $"""
            from kafka import KafkaProducer, KafkaConsumer
            p = KafkaProducer(bootstrap_servers=servers, compression_type={codec}, acks='all', linger_ms=5)
            futures = [p.send('py', key=b'k%d' % i, value=b'v%d' % i, headers=[('h', b'x')]) for i in range(1000)]
            p.flush()
            assert sorted(set(f.get(5).partition for f in futures)) == [0, 1, 2, 3]
            c = KafkaConsumer('py', bootstrap_servers=servers, auto_offset_reset='earliest', consumer_timeout_ms=1000)
            got = sorted(int(m.value[1:]) for m in c if m.key[1:] == m.value[1:] and m.headers == [('h', b'x')])
            print(got == list(range(1000)))
            """);
        Assert.Equal("True", output.Trim());
    }

    [Fact]
    public async Task AGroupCommitsAndGoesOnWhereItWas()
    {
        await ClientCommand.RequireAsync(Python, "-c", "import kafka");
        await using TestBroker broker = await TestBroker.StartAsync();
        string output = await RunAsync(broker, """
            from kafka import KafkaProducer, KafkaConsumer, TopicPartition
            from kafka.admin import KafkaAdminClient, NewTopic
            a = KafkaAdminClient(bootstrap_servers=servers)
            a.create_topics([NewTopic('g', 2, 1)])
            p = KafkaProducer(bootstrap_servers=servers)
            for i in range(20): p.send('g', b'%d' % i, partition=i % 2)
            p.flush()
            def take(n):
                c = KafkaConsumer('g', bootstrap_servers=servers, group_id='pg', auto_offset_reset='earliest', enable_auto_commit=False, consumer_timeout_ms=3000)
                got = []
                for m in c:
                    got.append(int(m.value))
                    if len(got) == n: break
                c.commit()
                c.close()
                return got
            first = take(20)
            for i in range(20, 25): p.send('g', b'%d' % i, partition=0)
            p.flush()
            second = take(5)
            c = KafkaConsumer(bootstrap_servers=servers)
            tp = TopicPartition('g', 0)
            print(sorted(first) == list(range(20)), sorted(second), c.beginning_offsets([tp])[tp], c.end_offsets([tp])[tp], a.list_consumer_groups(), a.describe_consumer_groups(['pg'])[0].state)
            a.delete_topics(['g'])
            print('g' in a.list_topics())
            """);
        Assert.Equal("True [20, 21, 22, 23, 24] 0 15 [('pg', 'consumer')] Empty\nFalse", output.Trim());
    }
}
