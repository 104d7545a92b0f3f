using StreamObserve.Broker.Log;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Records;
using StreamObserve.Broker.Topics;

namespace StreamObserve.Broker.Api;

/// <summary>
/// Reads record batches, from the page cache straight into the answer, and waits for more without polling. Fetch sessions are
/// declined: every request names its partitions.
/// </summary>
internal sealed class FetchApi(TopicCatalog catalog, TimeProvider time, MemoryBudget answerMemory) : ApiHandler(ApiKey.Fetch, 4, 17, 12)
{
    private const int NoSession = 0;

    private const short FirstTopicIdVersion = 13;

    private readonly record struct WantedTopic(string Name, Guid Id, int PartitionCount);

    private readonly record struct Wanted(int Partition, int LeaderEpoch, long Offset, int BytesMax, PartitionLog? Log);

    private readonly record struct Request(
        int WaitMsMax, int BytesMin, int BytesMax, bool ReadCommitted, int SessionId, List<WantedTopic> Topics, List<Wanted> Partitions);

    public override async ValueTask HandleAsync(RequestContext request)
    {
        Request fetch = Parse(request);
        if (fetch.SessionId != NoSession)
        {
            WriteHead(request, ErrorCode.FetchSessionIdNotFound).WriteArrayLength(0);
            request.Answer.WriteTags();
            return;
        }

        if (fetch.WaitMsMax > 0 && !IsSatisfied(fetch))
        {
            await WaitAsync(fetch, request.ConnectionClosed).ConfigureAwait(false);
        }

        Write(request, fetch);
    }

    // Versions before 4 are read and refused partition by partition.
    public override bool TryAnswerUnsupported(RequestContext request)
    {
        if (request.Version is < 0 or > 3)
        {
            return false;
        }

        Request fetch = Parse(request);
        ProtocolWriter answer = WriteHead(request, ErrorCode.None);
        answer.WriteArrayLength(fetch.Topics.Count);
        int next = 0;
        foreach (WantedTopic topic in fetch.Topics)
        {
            answer.WriteString(topic.Name);
            answer.WriteArrayLength(topic.PartitionCount);
            for (int i = 0; i < topic.PartitionCount; i++)
            {
                answer.WriteInt32(fetch.Partitions[next++].Partition);
                answer.WriteError(ErrorCode.UnsupportedVersion);
                answer.WriteInt64(-1); // high watermark
                answer.WriteInt32(0); // records
            }
        }

        return true;
    }

    /// <summary>Gives back what the answer held of the memory for answers.</summary>
    public void Release(RequestContext request)
    {
        if (request.HeldAnswerBytes > 0)
        {
            answerMemory.Return(request.HeldAnswerBytes);
            request.HeldAnswerBytes = 0;
        }
    }

    private Request Parse(RequestContext request)
    {
        short version = request.Version;
        ProtocolReader reader = request.ReadBody();
        if (version < 15)
        {
            reader.ReadInt32(); // replica id
        }

        int waitMsMax = reader.ReadInt32();
        int bytesMin = reader.ReadInt32();
        int bytesMax = version >= 3 ? reader.ReadInt32() : int.MaxValue;
        bool readCommitted = version >= 4 && reader.ReadInt8() == 1;
        int sessionId = version >= 7 ? reader.ReadInt32() : NoSession;
        if (version >= 7)
        {
            reader.ReadInt32(); // session epoch
        }

        List<WantedTopic> topics = [];
        List<Wanted> partitions = [];
        int topicCount = reader.ReadArrayLength();
        for (int t = 0; t < topicCount; t++)
        {
            Guid id = version >= FirstTopicIdVersion ? reader.ReadUuid() : Guid.Empty;
            string name = version >= FirstTopicIdVersion ? "" : reader.ReadString();
            Topic? topic = version >= FirstTopicIdVersion ? catalog.Find(id) : catalog.TryGet(name, out Topic? found) ? found : null;
            int count = reader.ReadArrayLength();
            for (int p = 0; p < count; p++)
            {
                int partition = reader.ReadInt32();
                int leaderEpoch = version >= 9 ? reader.ReadInt32() : -1;
                long offset = reader.ReadInt64();
                if (version >= 12)
                {
                    reader.ReadInt32(); // last fetched epoch
                }

                if (version >= 5)
                {
                    reader.ReadInt64(); // a follower's log start
                }

                int partitionBytesMax = reader.ReadInt32();
                reader.SkipTags();
                partitions.Add(new Wanted(partition, leaderEpoch, offset, partitionBytesMax, topic?.Find(partition)));
            }

            reader.SkipTags();
            topics.Add(new WantedTopic(name, id, count));
        }

        // forgotten topics and the rack follow; neither matters without sessions and replicas
        return new Request(waitMsMax, bytesMin, bytesMax, readCommitted, sessionId, topics, partitions);
    }

    private static bool IsSatisfied(in Request fetch)
    {
        long available = 0;
        foreach (Wanted wanted in fetch.Partitions)
        {
            if (wanted.Log is null || wanted.LeaderEpoch > PartitionLog.LeaderEpoch)
            {
                return true;
            }

            using FetchSlice slice = wanted.Log.Locate(wanted.Offset, fetch.ReadCommitted);
            available += Math.Min(slice.Length, Math.Max(wanted.BytesMax, 1));
            if (slice.Error != ErrorCode.None)
            {
                return true;
            }
        }

        return available >= fetch.BytesMin;
    }

    private async ValueTask WaitAsync(Request fetch, CancellationToken connectionClosed)
    {
        using FetchWaiter waiter = new(fetch.ReadCommitted, time, TimeSpan.FromMilliseconds(fetch.WaitMsMax));
        foreach (Wanted wanted in fetch.Partitions)
        {
            wanted.Log?.AddListener(waiter);
        }

        try
        {
            // Listening began before the look: nothing that is appended in between is missed.
            while (!IsSatisfied(fetch) && await waiter.NextAsync(connectionClosed).ConfigureAwait(false))
            {
            }
        }
        finally
        {
            foreach (Wanted wanted in fetch.Partitions)
            {
                wanted.Log?.RemoveListener(waiter);
            }
        }
    }

    private static ProtocolWriter WriteHead(RequestContext request, ErrorCode error)
    {
        ProtocolWriter answer = request.BeginAnswer();
        if (request.Version >= 1)
        {
            answer.WriteInt32(0); // throttle time
        }

        if (request.Version >= 7)
        {
            answer.WriteError(error);
            answer.WriteInt32(NoSession);
        }

        return answer;
    }

    private void Write(RequestContext request, in Request fetch)
    {
        int remaining = Math.Clamp(fetch.BytesMax, 1, Limits.FetchAnswerBytesMax);
        if (answerMemory.TryTake(remaining))
        {
            request.HeldAnswerBytes = remaining;
        }
        else
        {
            remaining = Math.Min(remaining, Limits.FetchAnswerBytesMin);
        }

        ProtocolWriter answer = WriteHead(request, ErrorCode.None);
        answer.WriteArrayLength(fetch.Topics.Count);
        bool empty = true;
        int next = 0;
        foreach (WantedTopic topic in fetch.Topics)
        {
            if (request.Version >= FirstTopicIdVersion)
            {
                answer.WriteUuid(topic.Id);
            }
            else
            {
                answer.WriteString(topic.Name);
            }

            answer.WriteArrayLength(topic.PartitionCount);
            for (int i = 0; i < topic.PartitionCount; i++)
            {
                int written = WritePartition(request, fetch.Partitions[next++], fetch.ReadCommitted, remaining, wholeFirstBatch: empty);
                empty &= written == 0;
                remaining = Math.Max(0, remaining - written);
            }

            answer.WriteTags();
        }

        answer.WriteTags();
        if (request.HeldAnswerBytes > answer.Position)
        {
            answerMemory.Return(request.HeldAnswerBytes - answer.Position);
            request.HeldAnswerBytes = answer.Position;
        }
    }

    private static int WritePartition(RequestContext request, in Wanted wanted, bool readCommitted, int bytesMax, bool wholeFirstBatch)
    {
        ProtocolWriter answer = request.Answer;
        ErrorCode error = wanted.Log is null
            ? request.Version >= FirstTopicIdVersion ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition
            : wanted.LeaderEpoch > PartitionLog.LeaderEpoch ? ErrorCode.UnknownLeaderEpoch
            : ErrorCode.None;
        using FetchSlice slice = error == ErrorCode.None
            ? wanted.Log!.Locate(wanted.Offset, readCommitted)
            : new FetchSlice(error, -1, -1, -1);
        answer.WriteInt32(wanted.Partition);
        answer.WriteError(slice.Error);
        answer.WriteInt64(slice.HighWatermark);
        answer.WriteInt64(slice.LastStableOffset);
        if (request.Version >= 5)
        {
            answer.WriteInt64(slice.LogStartOffset);
        }

        List<AbortedTransaction>? aborted = readCommitted ? [] : null;
        int bytes = Math.Min(wanted.BytesMax, bytesMax);
        if (slice.Segment is null || (bytes <= 0 && !wholeFirstBatch))
        {
            WritePrefix(request, aborted, 0);
            answer.WriteTags();
            return 0;
        }

        // The records' place depends on what comes before them: it is guessed from the size of a slice without aborted transactions,
        // which is nearly always right, and they are moved if it is not.
        int planned = (int)Math.Clamp(Math.Min(slice.Length, bytes), RecordBatch.HeaderBytes, int.MaxValue);
        int guess = answer.Position + PrefixSize(request, aborted, planned);
        int length = ReadWholeBatches(answer, guess, slice, planned, wholeFirstBatch, out long end);
        if (length > 0 && !wanted.Log!.TryFinishRead(slice, wanted.Offset, end, length, aborted))
        {
            length = 0;
        }

        int start = answer.Position + PrefixSize(request, aborted, length);
        if (start != guess && length > 0)
        {
            Span<byte> both = answer.Reserve(Math.Min(start, guess), Math.Abs(start - guess) + length);
            (start < guess ? both[(guess - start)..] : both[..length]).CopyTo(start < guess ? both : both[(start - guess)..]);
        }

        WritePrefix(request, aborted, length);
        answer.Position = start + length;
        answer.WriteTags();
        return length;
    }

    // Reads at most `planned` bytes to `at` and returns the length of the whole batches among them, up to the reader's limit.
    private static int ReadWholeBatches(ProtocolWriter answer, int at, in FetchSlice slice, int planned, bool wholeFirstBatch, out long end)
    {
        end = 0;
        int read = RandomAccess.Read(slice.File, answer.Reserve(at, planned), slice.Position);
        int length = CountWholeBatches(answer.Reserve(at, read), slice.LimitOffset, ref end);
        if (length > 0 || !wholeFirstBatch || read < RecordBatch.HeaderBytes)
        {
            return length;
        }

        RecordBatch first = RecordBatch.Read(answer.Reserve(at, read));
        if (first.BaseOffset >= slice.LimitOffset || first.Size > slice.Length)
        {
            return 0;
        }

        read = RandomAccess.Read(slice.File, answer.Reserve(at, (int)first.Size), slice.Position);
        return CountWholeBatches(answer.Reserve(at, read), slice.LimitOffset, ref end);
    }

    private static int CountWholeBatches(ReadOnlySpan<byte> data, long limitOffset, ref long end)
    {
        int length = 0;
        while (data.Length - length >= RecordBatch.HeaderBytes)
        {
            RecordBatch batch = RecordBatch.Read(data[length..]);
            if (batch.BaseOffset >= limitOffset || batch.Size > data.Length - length)
            {
                break;
            }

            end = batch.LastOffset + 1;
            length += (int)batch.Size;
        }

        return length;
    }

    private static int PrefixSize(RequestContext request, List<AbortedTransaction>? aborted, int recordBytes)
    {
        int count = aborted?.Count ?? 0;
        int size = request.Flexible
            ? ProtocolWriter.UnsignedVarintSize((uint)count + 1) + (count * 17) + ProtocolWriter.UnsignedVarintSize((uint)recordBytes + 1)
            : 4 + (count * 16) + 4;
        return size + (request.Version >= 11 ? 4 : 0);
    }

    private static void WritePrefix(RequestContext request, List<AbortedTransaction>? aborted, int recordBytes)
    {
        ProtocolWriter answer = request.Answer;
        answer.WriteArrayLength(aborted?.Count ?? -1);
        if (aborted is not null)
        {
            foreach (AbortedTransaction transaction in aborted)
            {
                answer.WriteInt64(transaction.ProducerId);
                answer.WriteInt64(transaction.FirstOffset);
                answer.WriteTags();
            }
        }

        if (request.Version >= 11)
        {
            answer.WriteInt32(-1); // preferred read replica
        }

        answer.WriteArrayLength(recordBytes);
    }
}
