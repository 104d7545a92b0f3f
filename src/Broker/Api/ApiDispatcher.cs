using StreamObserve.Broker.Groups;
using StreamObserve.Broker.Network;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Topics;
using StreamObserve.Broker.Transactions;

namespace StreamObserve.Broker.Api;

/// <summary>Brings each request to its handler. Thread-safe.</summary>
internal sealed class ApiDispatcher
{
    private readonly ApiHandler?[] _handlers = new ApiHandler?[128];
    private readonly FetchApi _fetch;

    public ApiDispatcher(
        BrokerOptions options,
        TopicCatalog catalog,
        GroupCoordinator groups,
        TransactionCoordinator transactions,
        TimeProvider time,
        BrokerCounters counters)
    {
        _fetch = new FetchApi(catalog, time, new MemoryBudget(options.AnswerMemoryBytes));
        ApiHandler[] handlers =
        [
            new ProduceApi(catalog, options, counters),
            _fetch,
            new ListOffsetsApi(catalog),
            new MetadataApi(catalog),
            new OffsetCommitApi(catalog, groups, time),
            new OffsetFetchApi(groups),
            new FindCoordinatorApi(),
            new JoinGroupApi(groups),
            new HeartbeatApi(groups),
            new LeaveGroupApi(groups),
            new SyncGroupApi(groups),
            new DescribeGroupsApi(groups),
            new ListGroupsApi(groups),
            new CreateTopicsApi(catalog),
            new DeleteTopicsApi(catalog, groups),
            new DeleteRecordsApi(catalog),
            new InitProducerIdApi(transactions),
            new OffsetForLeaderEpochApi(catalog),
            new AddPartitionsToTxnApi(catalog, transactions),
            new AddOffsetsToTxnApi(transactions),
            new EndTxnApi(transactions),
            new TxnOffsetCommitApi(catalog, groups, transactions, time),
            new DescribeConfigsApi(catalog, options),
            new AlterConfigsApi(catalog),
            new IncrementalAlterConfigsApi(catalog),
            new CreatePartitionsApi(catalog),
            new DeleteGroupsApi(groups),
            new OffsetDeleteApi(groups),
            new DescribeClusterApi(catalog),
        ];
        foreach (ApiHandler handler in handlers)
        {
            _handlers[(int)handler.Key] = handler;
        }

        _handlers[(int)ApiKey.ApiVersions] = new ApiVersionsApi([.. handlers]);
    }

    /// <summary>Handles one request. What can't be read or isn't known ends the connection, by an exception.</summary>
    public ValueTask HandleAsync(RequestContext request)
    {
        ApiHandler? handler = (uint)request.ApiKey < (uint)_handlers.Length ? _handlers[request.ApiKey] : null;
        if (handler is null)
        {
            if (UnsupportedApi.TryAnswer(request))
            {
                return ValueTask.CompletedTask;
            }

            throw new MalformedRequestException($"request kind {request.ApiKey} in version {request.Version} is not known");
        }

        if (request.Version < handler.MinVersion || request.Version > handler.MaxVersion)
        {
            if (handler.TryAnswerUnsupported(request))
            {
                return ValueTask.CompletedTask;
            }

            throw new MalformedRequestException(
                $"{handler.Key} in version {request.Version}; supported are {handler.MinVersion} to {handler.MaxVersion}");
        }

        request.Flexible = request.Version >= handler.FirstFlexibleVersion;
        return handler.HandleAsync(request);
    }

    /// <summary>Ends what a request held until its answer was sent.</summary>
    public void Release(RequestContext request) => _fetch.Release(request);
}
