using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace StreamObserve.Demo;

/// <summary>One event of the demo: its trace id (the record's key), its JSON, and when the span ended (when a real service would have sent it).</summary>
internal readonly record struct DemoEvent(byte[] Key, byte[] Value, DateTimeOffset EndedAt);

/// <summary>
/// Makes the shop's traffic: whole traces of wide spans, one flat JSON object a span. A second of traffic depends on the seed, the story, the rate and
/// that second alone, so that history can be made in any order. Not for several threads.
/// </summary>
internal sealed class ShopTraffic
{
    private const double BackgroundErrorRate = 0.003;

    private static readonly string[] UserAgents =
    [
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Safari/605.1.15", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5) Mobile/15E148", "ShopApp/7.2.1 (Android 14)", "ShopApp/7.1.0 (iOS 17.4)",
    ];

    private readonly int _seed;
    private readonly int _tracesPerSecond;
    private readonly ShopStory _story;
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);
    private readonly Utf8JsonWriter _json;
    private readonly byte[] _idBytes = new byte[16];

    public ShopTraffic(int seed, int tracesPerSecond, ShopStory story)
    {
        _seed = seed;
        _tracesPerSecond = tracesPerSecond;
        _story = story;
        _json = new Utf8JsonWriter(_buffer);
    }

    /// <summary>Adds the spans of all traces that begin within a second (unix seconds).</summary>
    public void AddSecond(long unixSecond, List<DemoEvent> events)
    {
        var random = new Random(unchecked((_seed * 486187739) ^ (int)unixSecond));
        for (int i = 0; i < _tracesPerSecond; i++)
        {
            DateTimeOffset start = DateTimeOffset.FromUnixTimeSeconds(unixSecond).AddTicks((long)((i + random.NextDouble()) / _tracesPerSecond * TimeSpan.TicksPerSecond));
            AddTrace(random, start, events);
        }
    }

    private void AddTrace(Random random, DateTimeOffset start, List<DemoEvent> events)
    {
        // Squaring makes the first customers busy and the last ones rare, as customers are.
        double rank = random.NextDouble() * random.NextDouble();
        ShopCustomer customer = ShopCustomer.All[(int)(rank * ShopCustomer.All.Count)];
        var request = new Request
        {
            TraceId = Id(random, 16),
            Customer = customer,
            Route = PickRoute(random),
            CartLines = Math.Max(1, (int)(customer.ItemsTypical * (0.6 + (0.8 * random.NextDouble())))),
            UserId = $"u-{random.Next(40_000):D5}",
            SessionId = Id(random, 6),
            RequestId = Id(random, 8),
            ProductId = random.Next(1, 5_000),
            UserAgent = UserAgents[random.Next(UserAgents.Length)],
        };
        AddSpan(random, request, request.Route.Root, parentId: null, start, events);
    }

    /// <summary>Adds a step and all that it calls; its duration and whether it failed.</summary>
    private Outcome AddSpan(Random random, Request request, ShopOperation step, string? parentId, DateTimeOffset start, List<DemoEvent> events)
    {
        string spanId = Id(random, 8);
        double queueMs = -Math.Log(1 - random.NextDouble()) * 0.4;
        double ownMs = step.MedianMs * Math.Exp(step.Sigma * Normal(random));
        (double tollMs, int tollRows) = _story.Toll(step, request.Customer, request.CartLines, start);
        double elapsedMs = queueMs + (ownMs / 2);
        Outcome failed = default;
        foreach (ShopOperation call in step.Calls)
        {
            Outcome outcome = AddSpan(random, request, call, spanId, start.AddTicks((long)(elapsedMs * TimeSpan.TicksPerMillisecond)), events);
            elapsedMs += outcome.DurationMs;
            if (outcome.Exception is not null)
            {
                failed = outcome;
                break;
            }
        }

        string? exception = failed.Exception;
        int retries = 0;
        if (tollMs > 0)
        {
            tollMs *= 0.85 + (0.3 * random.NextDouble());
            exception = tollMs > ShopStory.TaxTimeoutMs ? "TaxLookupTimeout" : exception;
            tollMs = Math.Min(tollMs, ShopStory.TaxTimeoutMs);
            retries = exception is null ? 0 : 2;
        }
        else if (step.Calls.Length == 0 && random.NextDouble() < BackgroundErrorRate)
        {
            exception = step.Database is null ? "UpstreamUnavailable" : "ConnectionReset";
            retries = 1;
        }

        elapsedMs += (ownMs / 2) + tollMs;
        var span = new Span
        {
            Step = step,
            Id = spanId,
            ParentId = parentId,
            Start = start,
            DurationMs = elapsedMs,
            OwnMs = ownMs,
            QueueMs = queueMs,
            Exception = exception,
            Retries = retries,
            DatabaseRows = step.Database is null ? 0 : Math.Max(1, (int)(step.DatabaseRows * (0.5 + random.NextDouble()))) + tollRows,
            Host = random.Next(1, 5),
            ResponseBytes = 200 + (int)(4_000 * random.NextDouble() * random.NextDouble()),
            MemoryMb = 180 + random.Next(240),
            Thread = random.Next(1, 33),
        };
        events.Add(new DemoEvent(Encoding.ASCII.GetBytes(request.TraceId), Json(request, span), start.AddTicks((long)(elapsedMs * TimeSpan.TicksPerMillisecond))));
        return new Outcome(elapsedMs, exception);
    }

    private byte[] Json(Request request, Span span)
    {
        ShopOperation step = span.Step;
        ShopCustomer customer = request.Customer;
        bool failed = span.Exception is not null;
        bool isRoot = span.ParentId is null;
        int status = !failed ? 200 : span.Exception!.EndsWith("Timeout", StringComparison.Ordinal) ? 504 : 502;

        _buffer.ResetWrittenCount();
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteString("timestamp", span.Start.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));
        _json.WriteString("trace.trace_id", request.TraceId);
        _json.WriteString("trace.span_id", span.Id);
        if (span.ParentId is not null)
        {
            _json.WriteString("trace.parent_id", span.ParentId);
        }

        _json.WriteString("service.name", step.Service);
        _json.WriteString("name", step.Name);
        _json.WriteString("span.kind", step.Database is not null ? "client" : "server");
        _json.WriteNumber("duration_ms", Math.Round(span.DurationMs, 3));
        _json.WriteBoolean("error", failed);
        _json.WriteNumber("status_code", failed ? 2 : 0);
        _json.WriteString("region", customer.Region);
        _json.WriteString("host", $"{step.Service}-{customer.Region}-{span.Host}");
        _json.WriteString("build_id", $"b{_story.BuildOf(step.Service, customer.Region, span.Start)}");
        _json.WriteString("customer.id", customer.Id);
        _json.WriteString("customer.plan", customer.Plan);
        _json.WriteString("customer.country", customer.Country);
        _json.WriteString("user.id", request.UserId);
        _json.WriteString("session.id", request.SessionId);
        _json.WriteString("request.id", request.RequestId);
        _json.WriteBoolean("feature.new_tax_engine", customer.NewTaxEngine);
        _json.WriteBoolean("feature.fast_search", customer.FastSearch);
        _json.WriteNumber("queue_ms", Math.Round(span.QueueMs, 3));
        _json.WriteNumber("cpu_ms", Math.Round(span.OwnMs * 0.6, 3));
        _json.WriteNumber("memory_mb", span.MemoryMb);
        _json.WriteNumber("thread.id", span.Thread);
        _json.WriteNumber("retry_count", span.Retries);
        _json.WriteString("library.name", step.Database is not null ? "shop.storage" : "shop.server");
        _json.WriteString("http.method", request.Route.Method);
        _json.WriteString("http.route", request.Route.Route);
        if (step.Database is null)
        {
            _json.WriteNumber("http.status_code", status);
            _json.WriteNumber("http.response_bytes", span.ResponseBytes);
        }
        else
        {
            _json.WriteString("db.system", step.Database);
            _json.WriteString("db.statement", step.Name);
            _json.WriteNumber("db.rows", span.DatabaseRows);
        }

        if (isRoot)
        {
            _json.WriteString("http.target", request.Route.Route.Replace("{id}", request.ProductId.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
            _json.WriteString("http.user_agent", request.UserAgent);
        }

        if (request.Route.Method == "POST")
        {
            _json.WriteNumber("cart.items", request.CartLines);
            _json.WriteNumber("cart.total", Math.Round(request.CartLines * 17.35, 2));
        }

        if (failed)
        {
            _json.WriteString("exception.type", span.Exception);
            _json.WriteString("exception.message", $"{span.Exception} in {step.Service}: {step.Name} after {span.Retries} retries");
        }

        _json.WriteEndObject();
        _json.Flush();
        return _buffer.WrittenSpan.ToArray();
    }

    private static ShopRoute PickRoute(Random random)
    {
        int pick = random.Next(Shop.Routes.Sum(r => r.Weight));
        foreach (ShopRoute route in Shop.Routes)
        {
            pick -= route.Weight;
            if (pick < 0)
            {
                return route;
            }
        }

        throw new InvalidOperationException("the weights don't add up");
    }

    private string Id(Random random, int bytes)
    {
        Span<byte> id = _idBytes.AsSpan(0, bytes);
        random.NextBytes(id);
        return Convert.ToHexStringLower(id);
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private readonly record struct Outcome(double DurationMs, string? Exception);

    private sealed record Request
    {
        public required string TraceId { get; init; }

        public required ShopCustomer Customer { get; init; }

        public required ShopRoute Route { get; init; }

        public required int CartLines { get; init; }

        public required string UserId { get; init; }

        public required string SessionId { get; init; }

        public required string RequestId { get; init; }

        public required int ProductId { get; init; }

        public required string UserAgent { get; init; }
    }

    private readonly record struct Span
    {
        public required ShopOperation Step { get; init; }

        public required string Id { get; init; }

        public required string? ParentId { get; init; }

        public required DateTimeOffset Start { get; init; }

        public required double DurationMs { get; init; }

        public required double OwnMs { get; init; }

        public required double QueueMs { get; init; }

        public required string? Exception { get; init; }

        public required int Retries { get; init; }

        public required int DatabaseRows { get; init; }

        public required int Host { get; init; }

        public required int ResponseBytes { get; init; }

        public required int MemoryMb { get; init; }

        public required int Thread { get; init; }
    }
}
