using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Confluent.Kafka;
using StreamObserve.Api;
using StreamObserve.Demo;
using StreamObserve.Hosting;

namespace StreamObserve.Commands;

/// <summary><c>demo</c>: an imaginary shop that sends traced wide events to a Kafka topic, with something in them to find.</summary>
internal sealed class DemoCommand : Command
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    // 20,000 events of history a second: ten minutes of the default rate in some ten seconds, beside what else the machine has to do.
    private const int HistoryEventsPerTick = 2_000;
    private const int TopicPartitions = 4;

    /// <summary>The new build has been out for this part of the history when the demo starts.</summary>
    private const double DeployedPartOfHistory = 0.4;

    private static readonly SingleSetting<string> Topic = new(
        "topic", (string text, [MaybeNullWhen(false)] out string value) => InputTopic.IsTopicName(value = text), "events", "events")
    {
        FlagOnly = true,
        ValueName = "TOPIC",
        Expected = "a Kafka topic name",
        Description = "The topic to produce to; made if it is not there.",
    };

    private static readonly SingleSetting<int> Rate = ClientSettings.Number("rate", "Traces a second, of some four to twelve events each.", 50, 1, 10_000);
    private static readonly SingleSetting<int> Seed = ClientSettings.Number("seed", "The same seed makes the same traffic at the same time.", 1, 0, int.MaxValue);

    private static readonly SingleSetting<TimeSpan> History = Duration("history", TimeSpan.FromMinutes(10), "10m", "How much of the time before now to fill, newest first.");
    private static readonly SingleSetting<TimeSpan> For = Duration("for", TimeSpan.Zero, "until Ctrl-C", "End after this time.");

    public override CommandSyntax Syntax { get; } = new()
    {
        Verb = "demo",
        Summary = "send the events of an imaginary shop to a Kafka topic",
        Details = "Eight services, one event a span, with a new build, a flag and a customer in trouble to find. Ctrl-C ends it.",
        Settings = [ClientSettings.Kafka, Topic, Rate, History, Seed, For],
        Examples = ["streamobserve demo", "streamobserve demo --kafka kafka-1:9092 --topic events --rate 200 --history 0s"],
    };

    protected override async Task<int> ExecuteAsync(SettingValues values, IReadOnlyList<string> operands, CommandContext context, CancellationToken stop)
    {
        string bootstrap = values.Get(ClientSettings.Kafka);
        string topic = values.Get(Topic);
        if (await KafkaConnection.EnsureEventsTopicAsync(bootstrap, topic, TopicPartitions, context.Time, stop).ConfigureAwait(false) is { } failure)
        {
            context.Error.WriteLine($"streamobserve demo: {failure}");
            return ExitCodes.Failed;
        }

        DateTimeOffset start = context.Time.GetUtcNow();
        TimeSpan history = values.Get(History);
        var story = new ShopStory(start - (history * DeployedPartOfHistory));
        var schedule = new DemoSchedule(new ShopTraffic(values.Get(Seed), values.Get(Rate), story), start, history);
        Introduce(values, context.Output);

        using var sink = new TopicSink(bootstrap, topic);
        using var timer = new PeriodicTimer(Tick, context.Time);
        DateTimeOffset end = values.Get(For) > TimeSpan.Zero ? start + values.Get(For) : DateTimeOffset.MaxValue;
        try
        {
            await ProduceAsync(schedule, sink, timer, end, context, stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Ctrl-C: what was produced is still delivered.
        }

        sink.Flush();
        context.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"delivered {sink.Delivered:#,0} events{(sink.Failed > 0 ? $", failed {sink.Failed:#,0}: {sink.FailureReason}" : "")}"));
        return sink.Failed == 0 ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static async Task ProduceAsync(
        DemoSchedule schedule, TopicSink sink, PeriodicTimer timer, DateTimeOffset end, CommandContext context, CancellationToken stop)
    {
        var due = new List<DemoEvent>();
        bool historyTold = schedule.HistoryDone;
        bool failureTold = false;
        while (context.Time.GetUtcNow() < end)
        {
            due.Clear();
            schedule.TakeLive(context.Time.GetUtcNow(), due);
            schedule.TakeHistory(HistoryEventsPerTick, due);
            foreach (DemoEvent e in due)
            {
                sink.Produce(e, stop);
            }

            if (!historyTold && schedule.HistoryDone)
            {
                historyTold = true;
                context.Output.WriteLine("the history is in; live events follow");
            }

            if (!failureTold && sink.Failed > 0)
            {
                failureTold = true;
                context.Error.WriteLine($"streamobserve demo: events could not be delivered: {sink.FailureReason}");
            }

            await timer.WaitForNextTickAsync(stop).ConfigureAwait(false);
        }
    }

    private static void Introduce(SettingValues values, TextWriter output)
    {
        output.WriteLine($"""
            an imaginary shop sends {values.Get(Rate)} traces a second to the topic {values.Get(Topic)} at {values.Get(ClientSettings.Kafka)} (seed {values.Get(Seed)}), after {DurationText.Format(values.Get(History))} of history
            ask, for example:
              streamobserve query 'COUNT, P99(duration_ms) GROUP BY service.name LAST 10m'
              streamobserve query 'COUNT WHERE error = true GROUP BY service.name, exception.type LAST 10m'
              streamobserve query 'COUNT, P99(duration_ms) WHERE service.name = "payment" GROUP BY build_id, region, feature.new_tax_engine LAST 10m'
            watch:
              streamobserve tail --filter 'error = true' --calc COUNT
            """);
    }

    private static SingleSetting<TimeSpan> Duration(string name, TimeSpan defaultValue, string defaultText, string description) =>
        new(name, (string text, out TimeSpan value) => DurationText.TryParse(text, out value) && value <= TimeSpan.FromDays(7), defaultValue, defaultText)
        {
            FlagOnly = true,
            ValueName = "DURATION",
            Expected = $"{DurationText.Syntax}, at most 7d",
            Description = description,
        };

    /// <summary>Produces to one topic and counts what became of it.</summary>
    private sealed class TopicSink : IDisposable
    {
        private readonly IProducer<byte[], byte[]> _producer;
        private readonly string _topic;
        private readonly Action<DeliveryReport<byte[], byte[]>> _onDelivery;
        private long _delivered;
        private long _failed;

        public TopicSink(string bootstrap, string topic)
        {
            _topic = topic;
            _onDelivery = OnDelivery;
            _producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig
            {
                BootstrapServers = bootstrap,
                EnableIdempotence = true,
                LingerMs = 20,
                CompressionType = CompressionType.Lz4,
                MessageTimeoutMs = 60_000,
            }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        }

        public long Delivered => Volatile.Read(ref _delivered);

        public long Failed => Volatile.Read(ref _failed);

        public string? FailureReason { get; private set; }

        /// <summary>Waits while the producer's queue is full: the log sets the pace.</summary>
        public void Produce(DemoEvent e, CancellationToken stop)
        {
            var message = new Message<byte[], byte[]> { Key = e.Key, Value = e.Value };
            while (true)
            {
                stop.ThrowIfCancellationRequested();
                try
                {
                    _producer.Produce(_topic, message, _onDelivery);
                    return;
                }
                catch (ProduceException<byte[], byte[]> full) when (full.Error.Code == ErrorCode.Local_QueueFull)
                {
                    _producer.Poll(TimeSpan.FromMilliseconds(50));
                }
            }
        }

        public void Flush() => _producer.Flush(TimeSpan.FromSeconds(5));

        public void Dispose() => _producer.Dispose();

        private void OnDelivery(DeliveryReport<byte[], byte[]> report)
        {
            if (report.Error.IsError)
            {
                FailureReason ??= report.Error.Reason;
                Interlocked.Increment(ref _failed);
            }
            else
            {
                Interlocked.Increment(ref _delivered);
            }
        }
    }
}
