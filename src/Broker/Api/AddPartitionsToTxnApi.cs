using StreamObserve.Broker.Coordination;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;
using StreamObserve.Broker.Transactions;

namespace StreamObserve.Broker.Api;

/// <summary>Lets partitions take part in a transaction: all of them, or none when one does not exist.</summary>
internal sealed class AddPartitionsToTxnApi(TopicCatalog catalog, TransactionCoordinator transactions)
    : ApiHandler(ApiKey.AddPartitionsToTxn, 0, 3, 3)
{
    private sealed record Wanted(string TransactionalId, long ProducerId, short Epoch, List<(string Topic, int[] Partitions)> Topics);

    public override async ValueTask HandleAsync(RequestContext request)
    {
        Wanted wanted = Parse(request);
        TopicPartition[] partitions =
            [.. wanted.Topics.SelectMany(topic => topic.Partitions.Select(partition => new TopicPartition(topic.Topic, partition)))];
        bool allExist = Array.TrueForAll(partitions, partition => catalog.Find(partition.Topic, partition.Partition) is not null);
        ErrorCode error = allExist
            ? await transactions.AddPartitionsAsync(wanted.TransactionalId, wanted.ProducerId, wanted.Epoch, partitions).ConfigureAwait(false)
            : ErrorCode.OperationNotAttempted;
        error = TransactionErrors.ForVersion(error, request.Version);
        ProtocolWriter answer = request.BeginAnswer();
        answer.WriteInt32(0); // throttle time
        answer.WriteArrayLength(wanted.Topics.Count);
        foreach ((string topic, int[] numbers) in wanted.Topics)
        {
            answer.WriteString(topic);
            answer.WriteArrayLength(numbers.Length);
            foreach (int partition in numbers)
            {
                answer.WriteInt32(partition);
                answer.WriteError(catalog.Find(topic, partition) is null ? ErrorCode.UnknownTopicOrPartition : error);
                answer.WriteTags();
            }

            answer.WriteTags();
        }

        answer.WriteTags();
    }

    private static Wanted Parse(RequestContext request)
    {
        ProtocolReader reader = request.ReadBody();
        string transactionalId = reader.ReadString();
        long producerId = reader.ReadInt64();
        short epoch = reader.ReadInt16();
        List<(string, int[])> topics = [];
        int count = reader.ReadArrayLength();
        for (int t = 0; t < count; t++)
        {
            string topic = reader.ReadString();
            int[] partitions = new int[Math.Max(0, reader.ReadArrayLength())];
            for (int p = 0; p < partitions.Length; p++)
            {
                partitions[p] = reader.ReadInt32();
            }

            reader.SkipTags();
            topics.Add((topic, partitions));
        }

        return new Wanted(transactionalId, producerId, epoch, topics);
    }
}
