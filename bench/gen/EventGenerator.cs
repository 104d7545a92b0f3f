namespace StreamObserve.Bench.Generator;

/// <summary>
/// Makes wide events of an imagined shop: traces of 4 to 12 spans with a planted incident. Lines come in the order in
/// which a collector sees them (the end of the span plus a delay), so event times are not sorted and a trace's spans
/// are interleaved with others'. The same options give the same bytes.
/// </summary>
public sealed class EventGenerator
{
    private const int SpansPerTraceMin = 4;
    private const int SpansPerTraceMax = 12;
    private const double IncidentSlowdown = 18;
    private const double IncidentFailureShare = 0.35;
    private const int IncidentFailureStatus = 503;
    private const double LateShare = 0.005;

    private static readonly int[] FailureStatuses = [500, 500, 500, 502, 503, 504];

    private readonly Shop _shop = new();
    private readonly GeneratorOptions _options;
    private readonly double _lengthMs;
    private readonly double _incidentFromMs;
    private readonly double _incidentToMs;
    private readonly PriorityQueue<Span, (long ArrivalMs, long Sequence)> _underway = new();

    // Scratch of the trace being made; a span's parent always has a lower index.
    private readonly Span[] _spans = new Span[SpansPerTraceMax];
    private readonly int[] _parent = new int[SpansPerTraceMax];
    private readonly double[] _ownMs = new double[SpansPerTraceMax];
    private readonly double[] _startMs = new double[SpansPerTraceMax];
    private readonly double[] _childrenMs = new double[SpansPerTraceMax];
    private SeededRandom _random;
    private long _sequence;

    /// <summary>Prepares a run; nothing is made before <see cref="WriteTo"/>.</summary>
    public EventGenerator(GeneratorOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Events, SpansPerTraceMin, nameof(options));
        _options = options;
        _lengthMs = options.Length.TotalMilliseconds;
        _incidentFromMs = _lengthMs * 0.55;
        _incidentToMs = _incidentFromMs + (_lengthMs / 12);
        _random = new SeededRandom(options.Seed);
        Truth = new GroundTruth
        {
            Options = options,
            Incident = new Incident
            {
                From = options.Start.AddMilliseconds(_incidentFromMs),
                To = options.Start.AddMilliseconds(_incidentToMs),
                BuildId = _shop.Releases[Shop.IncidentRelease],
                Route = _shop.Routes[Shop.IncidentRoute].Path,
                Zone = _shop.Zones[Shop.IncidentZone],
                Slowdown = IncidentSlowdown,
                FailureShare = IncidentFailureShare,
                FailureStatus = IncidentFailureStatus,
            },
            SlowReleases = [.. Shop.SlowReleases.Select(r => new SlowRelease(_shop.Releases[r.Release], _shop.Routes[r.Route].Path, r.Slowdown))],
        };
    }

    /// <summary>Complete once <see cref="WriteTo"/> has returned.</summary>
    public GroundTruth Truth { get; }

    /// <summary>Writes every event as a line of JSON. Call once; the stream stays open.</summary>
    public void WriteTo(Stream output)
    {
        var writer = new EventWriter(output, _shop, _options.Start);
        long remaining = _options.Events;
        double meanGapMs = _lengthMs / (_options.Events / ((SpansPerTraceMin + SpansPerTraceMax) / 2.0));
        double clockMs = 0;
        while (remaining > 0)
        {
            int count = NextTraceLength(remaining);
            remaining -= count;

            // Arrivals follow the load of the moment: busier by a fifth in the middle, with a faster ripple on top.
            double phase = clockMs / _lengthMs * 2 * Math.PI;
            double load = 1 - (0.2 * Math.Cos(phase)) + (0.06 * Math.Sin(9 * phase));
            clockMs = Math.Min(clockMs + (-Math.Log(1 - _random.NextUnit()) * meanGapMs / load), _lengthMs - 1);
            WriteArrivedUntil((long)clockMs, writer);
            MakeTrace(clockMs, count);
        }

        WriteArrivedUntil(long.MaxValue, writer);
        writer.Flush();
        Truth.Bytes = writer.BytesWritten;
    }

    /// <summary>4 to 12, and never so that fewer than 4 events stay for the last trace.</summary>
    private int NextTraceLength(long remaining)
    {
        if (remaining <= SpansPerTraceMax)
        {
            return (int)remaining;
        }

        int longest = (int)Math.Min(SpansPerTraceMax, remaining - SpansPerTraceMin);
        return SpansPerTraceMin + _random.Below(longest - SpansPerTraceMin + 1);
    }

    private void WriteArrivedUntil(long nowMs, EventWriter writer)
    {
        while (_underway.TryPeek(out _, out (long ArrivalMs, long Sequence) first) && first.ArrivalMs <= nowMs)
        {
            Span span = _underway.Dequeue();
            writer.Write(span);
            Truth.Events++;
        }
    }

    private void MakeTrace(double startMs, int count)
    {
        int customer = _shop.DrawCustomer(ref _random);
        int user = _shop.DrawUser(customer, ref _random);
        int route = _shop.DrawRoute(ref _random);
        int zone = _shop.DrawZone(ref _random);
        int release = ReleaseAt(startMs, customer);
        var common = new Span
        {
            TraceHigh = _random.NextBits(),
            TraceLow = _random.NextBits(),
            Customer = customer,
            User = user,
            Route = route,
            Release = release,
            Zone = zone,
            ClientSystem = _shop.DrawClientSystem(ref _random),
            NewCheckout = SeededRandom.Scatter(0xF1A6 + (ulong)customer) % 5 == 0,
            Statement = -1,
            Status = 200,
        };
        common.QueuePartition = (int)(common.TraceLow % Shop.QueuePartitions);
        bool inIncident = startMs >= _incidentFromMs && startMs < _incidentToMs
            && release == Shop.IncidentRelease && route == Shop.IncidentRoute && zone == Shop.IncidentZone;
        double slowdown = Shop.ZoneFactor(zone) * (inIncident ? IncidentSlowdown : 1);
        foreach ((int slowRelease, int slowRoute, double factor) in Shop.SlowReleases)
        {
            slowdown *= release == slowRelease && route == slowRoute ? factor : 1;
        }

        GrowTree(count, common, slowdown);
        LayOutInTime(count, startMs);
        Fail(count, inIncident);
        Truth.Traces++;
        for (int i = 0; i < count; i++)
        {
            Dispatch(ref _spans[i], _startMs[i]);
        }
    }

    /// <summary>Each customer moves to a release at a moment of its own within the rollout, and stays on it.</summary>
    private int ReleaseAt(double startMs, int customer)
    {
        double unit = (SeededRandom.Scatter(0xC0571 + (ulong)customer) >> 11) * (1.0 / (1UL << 53));
        double ahead = unit * Shop.RolloutShare * _lengthMs;
        double period = _lengthMs * (1 + Shop.RolloutShare) / Shop.ReleaseCount;
        return Math.Min(Shop.ReleaseCount - 1, (int)((startMs + ahead) / period));
    }

    /// <summary>Root, its handler, then spans hung below one of the handlers so far, mostly a recent one.</summary>
    private void GrowTree(int count, in Span common, double slowdown)
    {
        Route route = _shop.Routes[common.Route];
        Span<int> handlers = stackalloc int[SpansPerTraceMax];
        int handlerCount = 0;
        for (int i = 0; i < count; i++)
        {
            ref Span span = ref _spans[i];
            span = common;
            span.SpanId = _random.NextBits() | 1;
            if (i == 0)
            {
                _parent[i] = -1;
                span.Work = Shop.EntryWork(route.Method);
            }
            else if (i == 1)
            {
                _parent[i] = 0;
                span.Service = route.Service;
                span.Work = _shop.DrawWork(span.Service, WorkKind.Handle, ref _random);
            }
            else
            {
                int back = 0;
                while (back < handlerCount - 1 && _random.Chance(0.4))
                {
                    back++;
                }

                _parent[i] = handlers[handlerCount - 1 - back];
                int caller = _spans[_parent[i]].Service;
                double kind = _random.NextUnit();
                bool isCall = kind >= 0.67;
                span.Service = isCall ? _shop.DrawCallee(caller, ref _random) : caller;
                span.Work = _shop.DrawWork(span.Service, isCall ? WorkKind.Handle : kind < 0.43 ? WorkKind.Statement : kind < 0.57 ? WorkKind.Cache : WorkKind.Local, ref _random);
            }

            Work work = Shop.Works[span.Work];
            if (work.Kind == WorkKind.Handle)
            {
                handlers[handlerCount++] = i;
            }
            else if (work.Kind == WorkKind.Statement)
            {
                span.Statement = _shop.DrawStatement(span.Work, ref _random);
            }

            span.ParentId = i == 0 ? 0 : _spans[_parent[i]].SpanId;
            span.Host = _shop.DrawHost(span.Service, span.Zone, ref _random);
            span.PayloadBytes = (int)Math.Min(5_000_000, _random.NextLogNormal(work.MedianBytes, 1.1));
            span.MessageSeed = (uint)_random.NextBits();
            _ownMs[i] = _random.NextLogNormal(work.MedianMs, work.Sigma) * slowdown;
            _childrenMs[i] = 0;
        }
    }

    /// <summary>A span lasts its own time plus its children's, which run one after another in its middle.</summary>
    private void LayOutInTime(int count, double traceStartMs)
    {
        for (int i = count - 1; i >= 0; i--)
        {
            _spans[i].DurationMs = Math.Round(_ownMs[i] + _childrenMs[i], 3);
            if (i > 0)
            {
                _childrenMs[_parent[i]] += _spans[i].DurationMs;
            }
        }

        Span<double> nextChildMs = stackalloc double[SpansPerTraceMax];
        for (int i = 0; i < count; i++)
        {
            _startMs[i] = i == 0 ? traceStartMs : nextChildMs[_parent[i]];
            nextChildMs[i] = _startMs[i] + (_ownMs[i] / 2);
            if (i > 0)
            {
                nextChildMs[_parent[i]] += _spans[i].DurationMs;
            }
        }
    }

    /// <summary>Failures start anywhere and mostly reach the caller; some calls are refused at the edge.</summary>
    private void Fail(int count, bool inIncident)
    {
        for (int i = count - 1; i >= 0; i--)
        {
            ref Span span = ref _spans[i];
            double probability = Shop.Works[span.Work].Kind == WorkKind.Statement ? 0.004 : 0.002;
            probability += span.DurationMs > 8_000 ? 0.15 : 0;
            if (!span.IsError && _random.Chance(probability))
            {
                span.Status = FailureStatuses[_random.Below(FailureStatuses.Length)];
            }

            if (span.IsError && i > 0 && _random.Chance(0.75))
            {
                _spans[_parent[i]].Status = span.Status;
            }
        }

        if (inIncident)
        {
            Truth.Incident.Traces++;
            Truth.Incident.Events += count;
            if (_random.Chance(IncidentFailureShare))
            {
                Truth.Incident.FailedTraces++;
                int handlingService = _shop.Routes[_spans[0].Route].Service;
                for (int i = 0; i < count; i++)
                {
                    if (i == 0 || _spans[i].Service == handlingService)
                    {
                        _spans[i].Status = IncidentFailureStatus;
                    }
                }
            }
        }

        if (!_spans[0].IsError)
        {
            _spans[0].Status = EdgeStatus(_shop.Routes[_spans[0].Route].Method);
        }
    }

    private int EdgeStatus(string method)
    {
        double unit = _random.NextUnit();
        return unit switch
        {
            < 0.93 => method switch { "DELETE" => 204, "POST" when unit < 0.3 => 201, _ => 200 },
            < 0.954 => 304,
            < 0.971 => 404,
            < 0.982 => 401,
            < 0.991 => 422,
            < 0.996 => 429,
            _ => 302,
        };
    }

    private void Dispatch(ref Span span, double startMs)
    {
        bool late = _random.Chance(LateShare);
        double delayMs = late ? 1_000 + (29_000 * _random.NextUnit()) : 400 * _random.NextUnit();
        Truth.LateEvents += late ? 1 : 0;
        Truth.ErrorEvents += span.IsError ? 1 : 0;
        span.StartMs = (long)startMs;
        _underway.Enqueue(span, ((long)(startMs + span.DurationMs + delayMs), _sequence++));
    }
}
