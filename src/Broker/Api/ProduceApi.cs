using StreamObserve.Broker.Log;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Records;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>Stores record batches: from the request's buffer to the segment with one write each, never decompressed.</summary>
internal sealed class ProduceApi(TopicCatalog catalog, BrokerOptions options, BrokerCounters counters) : ApiHandler(ApiKey.Produce, 3, 9, 9)
{
    private const short FirstZstdVersion = 7;

    private readonly record struct Target(string Topic, int Partition, int Start, int Length);

    /// <summary>librdkafka up to 2.8 takes a broker that does not show versions 0 to 2 for one without codecs; they are refused when used.</summary>
    public override short AdvertisedMinVersion => 0;

    public override async ValueTask HandleAsync(RequestContext request)
    {
        List<Target> targets = Parse(request, out short acks);
        AppendResult[] results = new AppendResult[targets.Count];
        List<Task>? flushes = null;
        for (int i = 0; i < results.Length; i++)
        {
            Target target = targets[i];
            PartitionLog? log = catalog.Find(target.Topic, target.Partition);
            results[i] = acks is < -1 or > 1 ? AppendResult.Refused(ErrorCode.InvalidRequiredAcks)
                : log is null ? AppendResult.Refused(ErrorCode.UnknownTopicOrPartition)
                : Store(log, request, target);
            if (options.Fsync == FsyncMode.Always && results[i].Error == ErrorCode.None)
            {
                (flushes ??= []).Add(log!.WhenFlushedAsync(results[i].EndOffset));
            }
        }

        if (flushes is not null)
        {
            await Task.WhenAll(flushes).ConfigureAwait(false);
        }

        if (acks == 0)
        {
            request.IsAnswered = false;
            return;
        }

        Write(request, targets, results);
    }

    // Versions 0 to 2 carry only the older message formats.
    public override bool TryAnswerUnsupported(RequestContext request)
    {
        if (request.Version is < 0 or > 2)
        {
            return false;
        }

        List<Target> targets = Parse(request, out short acks);
        request.IsAnswered = acks != 0;
        AppendResult[] results = new AppendResult[targets.Count];
        Array.Fill(results, AppendResult.Refused(ErrorCode.UnsupportedForMessageFormat));
        counters.BatchesRefused.Add(results.Length);
        Write(request, targets, results);
        return true;
    }

    private static List<Target> Parse(RequestContext request, out short acks)
    {
        ProtocolReader reader = request.ReadBody();
        if (request.Version >= 3)
        {
            reader.ReadNullableString(); // transactional id: the batches name their producer
        }

        acks = reader.ReadInt16();
        reader.ReadInt32(); // timeout
        List<Target> targets = [];
        int topics = reader.ReadArrayLength();
        for (int t = 0; t < topics; t++)
        {
            string topic = reader.ReadString();
            int partitions = reader.ReadArrayLength();
            for (int p = 0; p < partitions; p++)
            {
                int partition = reader.ReadInt32();
                (int start, int length) = reader.ReadBytesRange();
                reader.SkipTags();
                targets.Add(new Target(topic, partition, start, length));
            }

            reader.SkipTags();
        }

        return targets;
    }

    private void Write(RequestContext request, List<Target> targets, AppendResult[] results)
    {
        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteArrayLength(CountTopics(targets));
        for (int i = 0; i < targets.Count;)
        {
            int end = i;
            while (end < targets.Count && targets[end].Topic == targets[i].Topic)
            {
                end++;
            }

            answer.WriteString(targets[i].Topic);
            answer.WriteArrayLength(end - i);
            for (; i < end; i++)
            {
                answer.WriteInt32(targets[i].Partition);
                answer.WriteError(results[i].Error);
                answer.WriteInt64(results[i].BaseOffset);
                if (request.Version >= 2)
                {
                    answer.WriteInt64(results[i].LogAppendTime);
                }

                if (request.Version >= 5)
                {
                    answer.WriteInt64(results[i].LogStartOffset);
                }

                if (request.Version >= 8)
                {
                    answer.WriteArrayLength(0); // errors by record
                    answer.WriteString(null);
                }

                answer.WriteTags();
            }

            answer.WriteTags();
        }

        if (request.Version >= 1)
        {
            answer.WriteInt32(0); // throttle time
        }

        answer.WriteTags();
    }

    private static int CountTopics(List<Target> targets)
    {
        int topics = 0;
        for (int i = 0; i < targets.Count; i++)
        {
            topics += i == 0 || targets[i].Topic != targets[i - 1].Topic ? 1 : 0;
        }

        return topics;
    }

    private static bool EveryRecordHasKey(ReadOnlySpan<byte> batch, int count)
    {
        if (!BatchDecompressor.TryDecompress(batch, out ReadOnlySpan<byte> bytes))
        {
            return false;
        }

        RecordReader records = new(bytes);
        int keys = 0;
        while (records.TryReadNext(out Record record))
        {
            keys += record.HasKey ? 1 : 0;
        }

        return keys == count;
    }

    private AppendResult Store(PartitionLog log, RequestContext request, Target target)
    {
        Span<byte> batch = request.Frame.Span.Slice(target.Start, Math.Max(0, target.Length));
        ErrorCode error = Check(batch, log.Settings, request.Version, out int records);
        AppendResult result = error == ErrorCode.None ? log.Append(batch) : AppendResult.Refused(error);
        if (result.Error == ErrorCode.None)
        {
            counters.BatchesStored.Increment();
            counters.RecordsStored.Add(records);
        }
        else
        {
            counters.BatchesRefused.Increment();
        }

        return result;
    }

    private static ErrorCode Check(ReadOnlySpan<byte> batch, LogSettings settings, short version, out int records)
    {
        records = 0;
        if (batch.Length < 17)
        {
            return ErrorCode.CorruptMessage;
        }

        if (batch[16] < 2)
        {
            return ErrorCode.UnsupportedForMessageFormat;
        }

        if (batch.Length < RecordBatch.HeaderBytes)
        {
            return ErrorCode.CorruptMessage;
        }

        RecordBatch header = RecordBatch.Read(batch);
        if (header.Magic != 2 || header.Size < RecordBatch.HeaderBytes || header.Size > batch.Length)
        {
            return ErrorCode.CorruptMessage;
        }

        if (header.Size < batch.Length)
        {
            return ErrorCode.InvalidRecord; // one batch a partition, as in Kafka
        }

        if (batch.Length > settings.BatchBytesMax)
        {
            return ErrorCode.MessageTooLarge;
        }

        if (RecordBatch.ComputeCrc(batch) != header.Crc)
        {
            return ErrorCode.CorruptMessage;
        }

        if (header.Codec > CompressionCodec.Zstd || (header.Codec == CompressionCodec.Zstd && version < FirstZstdVersion))
        {
            return ErrorCode.UnsupportedCompressionType;
        }

        bool consistent = header.RecordCount > 0
            && header.LastOffsetDelta == header.RecordCount - 1
            && !header.IsControl
            && (header.ProducerId < 0 ? !header.IsTransactional : header.ProducerEpoch >= 0 && header.BaseSequence >= 0);
        if (!consistent || (settings.Compact && !EveryRecordHasKey(batch, header.RecordCount)))
        {
            return ErrorCode.InvalidRecord;
        }

        records = header.RecordCount;
        return ErrorCode.None;
    }
}
