using System.Globalization;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using StreamObserve.Api;
using StreamObserve.Hosting;

namespace StreamObserve.Commands;

/// <summary><c>deadletters</c>: shows what could not be decoded, and why, as it lies in the dead-letter topic.</summary>
internal sealed class DeadLettersCommand : Command
{
    private const string Topic = "streamobserve.dead-letters";
    private const int ValueCharactersShown = 120;
    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(10);

    private static readonly SingleSetting<string> Format = ClientSettings.Choice("format", "json is one object a line, with the whole value in base64.", "text", "text", "json");

    public override CommandSyntax Syntax { get; } = new()
    {
        Verb = "deadletters",
        Summary = "show what could not be decoded, and why",
        Details = "Reads the dead-letter topic from its beginning to its present end.",
        Settings = [ClientSettings.Kafka, Format],
        Examples = ["streamobserve deadletters", "streamobserve deadletters --format json"],
    };

    protected override async Task<int> ExecuteAsync(SettingValues values, IReadOnlyList<string> operands, CommandContext context, CancellationToken stop)
    {
        string bootstrap = values.Get(ClientSettings.Kafka);
        (int partitions, string? failure) = await KafkaConnection.PartitionsOfAsync(bootstrap, Topic, context.Time).ConfigureAwait(false);
        if (failure is not null)
        {
            context.Error.WriteLine($"streamobserve deadletters: {failure}");
            return ExitCodes.Failed;
        }

        try
        {
            long count = partitions == 0 ? 0 : Print(bootstrap, partitions, values.Get(Format) == "json", context.Output, stop);
            context.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} dead letters"));
            return ExitCodes.Done;
        }
        catch (KafkaException e)
        {
            context.Error.WriteLine($"streamobserve deadletters: can't read {Topic} at {bootstrap}: {e.Error.Reason}");
            return ExitCodes.Failed;
        }
    }

    private static long Print(string bootstrap, int partitions, bool asJson, TextWriter output, CancellationToken stop)
    {
        using IConsumer<byte[], byte[]> consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            GroupId = "streamobserve-deadletters",
            EnableAutoCommit = false,
            EnablePartitionEof = true,
            AutoOffsetReset = AutoOffsetReset.Earliest,
        }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        consumer.Assign(Enumerable.Range(0, partitions).Select(p => new TopicPartitionOffset(Topic, p, Offset.Beginning)));
        var unfinished = Enumerable.Range(0, partitions).ToHashSet();
        long count = 0;
        while (unfinished.Count > 0)
        {
            stop.ThrowIfCancellationRequested();
            ConsumeResult<byte[], byte[]>? record = consumer.Consume(ReadTimeout)
                ?? throw new KafkaException(new Error(ErrorCode.Local_TimedOut, $"nothing came within {ReadTimeout.TotalSeconds} s"));
            if (record.IsPartitionEOF)
            {
                unfinished.Remove(record.Partition.Value);
                continue;
            }

            count++;
            output.WriteLine(asJson ? Json(record) : Text(record));
        }

        consumer.Close();
        return count;
    }

    private static string Text(ConsumeResult<byte[], byte[]> record)
    {
        byte[] value = record.Message.Value ?? [];
        string shown = Encoding.UTF8.GetString(value.AsSpan(0, Math.Min(value.Length, ValueCharactersShown * 4)));
        shown = string.Concat(shown.Take(ValueCharactersShown).Select(c => char.IsControl(c) ? '·' : c));
        string index = Header(record, "index") is { Length: > 0 } i ? $"#{i}" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{record.Message.Timestamp.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {Header(record, "source-topic")}/{Header(record, "source-partition")}@{Header(record, "source-offset")}{index} {Header(record, "reason")}: {Header(record, "detail")} | {value.Length} bytes: {shown}");
    }

    private static string Json(ConsumeResult<byte[], byte[]> record)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("time", record.Message.Timestamp.UtcDateTime);
            foreach (IHeader header in record.Message.Headers ?? [])
            {
                json.WriteString(header.Key, Encoding.UTF8.GetString(header.GetValueBytes() ?? []));
            }

            json.WriteBase64String("value", record.Message.Value ?? []);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static string Header(ConsumeResult<byte[], byte[]> record, string name) =>
        record.Message.Headers is { } headers && headers.TryGetLastBytes(name, out byte[]? bytes) && bytes is not null ? Encoding.UTF8.GetString(bytes) : "";
}
