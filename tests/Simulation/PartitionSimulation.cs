using System.Globalization;
using StreamObserve.Contracts.Log;
using StreamObserve.Core.Events;
using StreamObserve.Core.Sampling;
using StreamObserve.Processors.State;
using StreamObserve.Storage;

namespace StreamObserve.Simulation;

/// <summary>A run of random steps over one or two partitions. Everything follows from the seed, except when a pending cut ends.</summary>
internal sealed class PartitionSimulation : IDisposable
{
    private static readonly string[] Datasets = ["shop", "billing", "search"];
    private static readonly string[] Routes = ["/", "/cart", "/pay", "/health"];
    private static readonly string[][] Keys = [[], ["route"], ["root.route"], ["root.route", "route"], ["route", "duration_ms"]];
    private static readonly long[] Windows = [500, 1000, 2000, 5000, 12_000, 25_000];

    private readonly Random _random;
    private readonly CutScheduler _scheduler;
    private readonly EventRouter _router;
    private readonly List<SimulatedPartition> _partitions = [];
    private readonly List<(string Id, long StartedMs)> _traces = [];
    private readonly long _lateMs;
    private readonly bool _hasPolicies;
    private readonly bool _hasLosses;
    private long _nowMs = 1_790_000_000_000;
    private long _number;
    private int _policyVersion;

    public PartitionSimulation(int seed, CutScheduler scheduler)
    {
        _random = new(seed);
        _scheduler = scheduler;
        _hasPolicies = _random.Next(5) != 0;
        _hasLosses = _random.Next(6) == 0;
        var retentionMs = Pick<long>([20_000, 90_000, 3_600_000]);
        _lateMs = retentionMs;
        var settings = new PartitionSettings
        {
            WindowMs = Pick(Windows),
            LateSpanRetentionMs = retentionMs,
            Partitions = 1,
            DecidedGroupsMax = Pick([0, 5, 16_384]),
            SketchDimensions = [],
            RecentBytes = Pick<long>([1, 6_000, 64 << 20]),
            BlockRows = _random.Next(20, 400),
            FoldRows = _random.Next(20, 400),
            MergeFolds = _random.Next(2, 6),
            PendingTracesHeld = Pick([1, 20, 65_536]),
        };
        _router = new(Pick([1, 1, 2]));
        for (var partition = 0; partition < _router.Partitions; partition++)
        {
            _partitions.Add(new(partition, _random, settings, scheduler));
        }
    }

    /// <summary>Sealed blocks and folds of all partitions.</summary>
    public (int Blocks, int Folds) Reached => (_partitions.Sum(p => p.Reached.Blocks), _partitions.Sum(p => p.Reached.Folds));

    public void Run(int steps)
    {
        for (var step = 0; step < steps; step++)
        {
            Step();
        }

        Tick(120_000);
        foreach (var partition in _partitions)
        {
            partition.Pump(all: true);
            partition.Check();
        }
    }

    public void Dispose()
    {
        foreach (var partition in _partitions)
        {
            partition.Dispose();
        }
    }

    private void Step()
    {
        var partition = Pick(_partitions);
        switch (_random.Next(100))
        {
            case < 45:
                Produce(_random.Next(1, 60));
                if (_random.Next(3) != 0)
                {
                    partition.Pump(all: _random.Next(2) == 0);
                }

                break;
            case < 60:
                Tick(_random.Next(1, 3_000));
                partition.Pump(all: false);
                break;
            case < 63:
                Tick(_random.Next(10_000, 80_000));     // silence
                break;
            case < 70:
                ChangePolicy();
                break;
            case < 84:
                partition.Cut(wait: _random.Next(2) == 0);
                break;
            case < 92:
                if (_random.Next(2) == 0)
                {
                    partition.Cut(wait: false);
                }

                partition.Crash();
                if (_hasLosses && _random.Next(3) == 0)
                {
                    partition.RestartWithLoss();
                }
                else
                {
                    partition.Restart();
                    partition.Pump(all: _random.Next(3) != 0);
                }

                partition.Check();
                break;
            case < 96:
                partition.Move();
                partition.Pump(all: true);
                partition.Check();
                break;
            default:
                partition.Pump(all: true);
                partition.Check();
                break;
        }
    }

    private void Produce(int count)
    {
        _nowMs += _random.Next(0, 900);
        var events = new List<SimulatedEvent>(count);
        for (var i = 0; i < count; i++)
        {
            events.Add(NewEvent());
        }

        foreach (var (partition, value, rows) in SimulatedLog.Encode(_router, events))
        {
            _partitions[partition].Log.Append(_nowMs - (_random.Next(5) == 0 ? _random.Next(0, 300) : 0), value, rows);
        }
    }

    private SimulatedEvent NewEvent()
    {
        string? trace = null;
        var isRoot = true;
        if (_random.Next(6) != 0)
        {
            (trace, isRoot) = Trace();
        }
        else
        {
            isRoot = _random.Next(4) != 0;      // a parent without a trace: still a root of its own
        }

        var time = _nowMs - (_random.Next(10) == 0 ? _random.Next(0, 7_200_000) : _random.Next(0, 20_000));
        return new(
            ++_number, Pick(Datasets), trace, isRoot, Pick(Routes), _random.Next(12) == 0, _random.Next(3) == 0 ? _random.Next(0, 2_000) : _random.Next(0, 50),
            _random.Next(8) == 0 ? _random.Next(2, 6) : 1, time);
    }

    private (string Id, bool IsRoot) Trace()
    {
        if (_traces.Count > 0 && _random.Next(3) != 0)
        {
            // Mostly one of the newest, sometimes any other that a late span may still follow.
            var known = _random.Next(4) == 0 ? Pick(_traces) : _traces[^_random.Next(1, Math.Min(12, _traces.Count) + 1)];
            if (_nowMs - known.StartedMs < _lateMs)
            {
                return (known.Id, _random.Next(5) == 0);
            }
        }

        var id = _random.Next(8) == 0
            ? string.Create(CultureInfo.InvariantCulture, $"trace-{_random.NextInt64():x}")
            : string.Create(CultureInfo.InvariantCulture, $"{_random.NextInt64():x16}{_random.NextInt64():x16}");
        _traces.Add((id, _nowMs));
        return (id, _random.Next(3) != 0);
    }

    private void Tick(long milliseconds)
    {
        _nowMs += milliseconds;
        foreach (var partition in _partitions)
        {
            partition.Log.Append(_nowMs, new TickRecord(_policyVersion, _nowMs).Encode(), []);
        }
    }

    private void ChangePolicy()
    {
        if (!_hasPolicies)
        {
            return;
        }

        var rules = new Dictionary<string, IReadOnlyList<SimulatedRule>>();
        var collectors = new Dictionary<string, SimulatedCollector>();
        foreach (var dataset in (string[])["__default__", "shop"])
        {
            if (_random.Next(4) == 0)
            {
                collectors[dataset] = new(Pick(Routes), _random.Next(500, 5_000), Pick([5d, 40, 90]), Pick<double?>([null, 1, 3, 10]));
            }
            else if (_random.Next(2) == 0)
            {
                rules[dataset] = [.. Enumerable.Range(0, _random.Next(0, 4)).Select(_ => NewRule())];
            }
        }

        var policy = new SimulatedPolicy(++_policyVersion, _random.Next(2) == 0 ? Pick(Windows) : null, rules) { Collectors = collectors };
        foreach (var partition in _partitions)
        {
            // Control records may repeat.
            for (var times = _random.Next(1, 3); times > 0; times--)
            {
                partition.Log.Append(_nowMs, new PoliciesRecord(policy.Version, policy.ToJson()).Encode(), [], policy);
            }
        }
    }

    private SimulatedRule NewRule() =>
        new(Pick(Enum.GetValues<RuleSubject>()), _random.Next(0, 1_500), Pick(Routes), Pick([0, 1, 1, 2, 3, 10]), _random.Next(2) == 0 ? NewSampler() : null);

    private SimulatedSampler NewSampler()
    {
        var action = Pick([SamplingActionKind.Probabilistic, SamplingActionKind.Dynamic, SamplingActionKind.Throughput]);
        return new(action, action == SamplingActionKind.Probabilistic ? Pick([5d, 40, 90, 100]) : Pick([0.5, 1, 1.5, 3, 10]) + (action == SamplingActionKind.Dynamic ? 1 : 0), Pick(Keys), _random.Next(3) == 0);
    }

    private T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];
}
