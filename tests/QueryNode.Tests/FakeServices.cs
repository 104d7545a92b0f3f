using System.Threading.Channels;
using StreamObserve.Core.Sampling;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;
using StreamObserve.QueryNode.Tail;

namespace StreamObserve.QueryNode.Tests;

/// <summary>Answers every query with what the test set, and remembers the requests.</summary>
internal sealed class FakeQueries : IQueryService
{
    public List<QueryRequest> Requests { get; } = [];

    public Func<QueryRequest, CancellationToken, Task<QueryOutcome>> Answer { get; set; } = (_, _) => Task.FromResult<QueryOutcome>(new QueryOutcome.Answered(Answers.Count(7)));

    public Task<QueryOutcome> ExecuteAsync(QueryRequest request, CancellationToken cancellation)
    {
        lock (Requests)
        {
            Requests.Add(request);
        }

        return Answer(request, cancellation);
    }
}

/// <summary>Answers every comparison with what the test set, and remembers the requests.</summary>
internal sealed class FakeBubbleUp : IBubbleUpService
{
    public List<BubbleUpRequest> Requests { get; } = [];

    public Func<BubbleUpRequest, BubbleUpOutcome> Answer { get; set; } = _ => Answers.Comparison();

    public Task<BubbleUpOutcome> CompareAsync(BubbleUpRequest request, CancellationToken cancellation)
    {
        Requests.Add(request);
        return Task.FromResult(Answer(request));
    }
}

internal sealed class FakeTraces : ITraceService
{
    public Dictionary<string, TraceAnswer> Traces { get; } = [];

    public Task<TraceAnswer> GetAsync(string traceId, CancellationToken cancellation) =>
        Task.FromResult(Traces.GetValueOrDefault(traceId) ?? new TraceAnswer { Complete = true, Missing = [], Rows = [], Receipt = Answers.Receipt() });

    public Task<TraceAnswer> GetByAsync(string field, string value, CancellationToken cancellation) => GetAsync($"{field}={value}", cancellation);
}

internal sealed class FakeCatalog : ICatalogService
{
    public CatalogOutcome<DatasetEntry> Datasets { get; set; } = new CatalogOutcome<DatasetEntry>.Found([], false, Answers.Receipt());

    public Dictionary<string, CatalogOutcome<ColumnEntry>> Columns { get; } = [];

    public Dictionary<(string Dataset, string Column), CatalogOutcome<ValueEntry>> Values { get; } = [];

    public int? ValuesLimit { get; private set; }

    public Task<CatalogOutcome<DatasetEntry>> GetDatasetsAsync(CancellationToken cancellation) => Task.FromResult(Datasets);

    public Task<CatalogOutcome<ColumnEntry>> GetColumnsAsync(string dataset, CancellationToken cancellation) =>
        Task.FromResult(Columns.GetValueOrDefault(dataset) ?? new CatalogOutcome<ColumnEntry>.UnknownDataset());

    public Task<CatalogOutcome<ValueEntry>> GetValuesAsync(string dataset, string column, int limit, CancellationToken cancellation)
    {
        ValuesLimit = limit;
        return Task.FromResult(Values.GetValueOrDefault((dataset, column))
            ?? (Columns.ContainsKey(dataset) ? new CatalogOutcome<ValueEntry>.UnknownColumn() : new CatalogOutcome<ValueEntry>.UnknownDataset()));
    }
}

internal sealed class FakeSampling : ISamplingService
{
    public SamplingPolicySet Set { get; set; } = SamplingPolicySet.Empty;

    public Task<SamplingPolicySet> GetSetAsync(CancellationToken cancellation) => Task.FromResult(Set);

    private readonly Dictionary<string, List<PolicyVersion>> _versions = [];
    private int _version;

    public List<SamplingPolicy> Put { get; } = [];

    public Func<PutPolicyOutcome?> Outcome { get; set; } = () => null;

    public Task<PolicyVersion?> GetAsync(string dataset, CancellationToken cancellation) => Task.FromResult(_versions.GetValueOrDefault(dataset)?[0]);

    public Task<PutPolicyOutcome> PutAsync(string dataset, SamplingPolicy policy, CancellationToken cancellation)
    {
        if (Outcome() is { } outcome)
        {
            return Task.FromResult(outcome);
        }

        Put.Add(policy);
        _version++;
        var version = new PolicyVersion(_version, Answers.StartNs + _version * Answers.SecondNs, policy);
        if (!_versions.TryGetValue(dataset, out var versions))
        {
            _versions.Add(dataset, versions = []);
        }

        versions.Insert(0, version);
        return Task.FromResult<PutPolicyOutcome>(new PutPolicyOutcome.Stored(version));
    }

    public Task<IReadOnlyList<PolicyVersion>> GetVersionsAsync(string dataset, CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyList<PolicyVersion>>(_versions.GetValueOrDefault(dataset) ?? []);
}

/// <summary>Starts every tail and hands its subscription to the test, which plays the producing side.</summary>
internal sealed class FakeTails(TimeProvider time) : ITailService
{
    private readonly Channel<TailSubscription> _started = Channel.CreateUnbounded<TailSubscription>();
    private readonly Channel<TailSubscription> _closed = Channel.CreateUnbounded<TailSubscription>();

    public Func<TailRequest, TailOutcome?> Outcome { get; set; } = _ => null;

    public ValueTask<TailSubscription> StartedAsync() => _started.Reader.ReadAsync(TestContext.Current.CancellationToken);

    public ValueTask<TailSubscription> ClosedAsync() => _closed.Reader.ReadAsync(TestContext.Current.CancellationToken);

    public Task<TailOutcome> SubscribeAsync(TailRequest request, CancellationToken cancellation)
    {
        if (Outcome(request) is { } outcome)
        {
            return Task.FromResult(outcome);
        }

        TailSubscription? subscription = null;
        subscription = new TailSubscription(request, time, () =>
        {
            _closed.Writer.TryWrite(subscription!);
            return ValueTask.CompletedTask;
        });
        _started.Writer.TryWrite(subscription);
        return Task.FromResult<TailOutcome>(new TailOutcome.Started(subscription));
    }
}

/// <summary>A meta store in memory; <see cref="Failure"/>, if set, is what every change throws.</summary>
internal sealed class FakeMeta : IMetaStore
{
    private readonly Dictionary<string, MetaRecord> _records = new(StringComparer.Ordinal);
    private long _version;

    public ServiceUnavailableException? Failure { get; set; }

    public int Count => _records.Count;

    public ValueTask<MetaRecord?> GetAsync(string key, CancellationToken cancellation) => new(_records.TryGetValue(key, out var record) ? record : null);

    public ValueTask<IReadOnlyList<MetaRecord>> ListAsync(string prefix, CancellationToken cancellation) =>
        new([.. _records.Values.Where(record => record.Key.StartsWith(prefix, StringComparison.Ordinal)).OrderBy(record => record.Version)]);

    public Task PutAsync(string key, ReadOnlyMemory<byte> value, CancellationToken cancellation)
    {
        if (Failure is not null)
        {
            throw Failure;
        }

        _records[key] = new(key, value.ToArray(), ++_version);
        return Task.CompletedTask;
    }

    public Task DeleteAsync(string key, CancellationToken cancellation)
    {
        if (Failure is not null)
        {
            throw Failure;
        }

        _records.Remove(key);
        return Task.CompletedTask;
    }
}

/// <summary>Knows the keys that the test says.</summary>
internal sealed class FakeKeys : IApiKeys
{
    public Func<string?, ApiKeyAccess?> Find { get; set; } = _ => new("acme", "Prod EU", MayChange: true);

    public ValueTask<ApiKeyAccess?> FindAsync(string? key, CancellationToken cancellation) => new(Find(key));
}

internal sealed class SequentialIds : IResultIds
{
    private int _last;

    public string Next() => $"r{Interlocked.Increment(ref _last)}";
}

/// <summary>Remembers what it was asked.</summary>
internal sealed class FakeLogPasses : IPromotionService, IDryRunService
{
    public List<PromotionRequest> Promotions { get; } = [];

    public List<DryRunRequest> DryRuns { get; } = [];

    public PromotionAnswer Promotion { get; set; } = new() { Promoted = 3, Already = 2, Kept = 1, Traces = 1, TraceIds = ["0a"], Missing = [], Receipt = Answers.Receipt() };

    public DryRunOutcome DryRun { get; set; } = new DryRunOutcome.Tried(new()
    {
        All = default,
        Bytes = default,
        Estimate = 0,
        Seconds = 0,
        UntilMs = 0,
        Groups = [],
        Fields = [],
        Missing = [],
        Receipt = Answers.Receipt(),
    });

    public Task<PromotionAnswer> PromoteAsync(PromotionRequest request, CancellationToken cancellation)
    {
        Promotions.Add(request);
        return Task.FromResult(Promotion);
    }

    public Task<DryRunOutcome> TryAsync(DryRunRequest request, CancellationToken cancellation)
    {
        DryRuns.Add(request);
        return Task.FromResult(DryRun);
    }
}
