namespace StreamObserve.Bench.Generator;

/// <summary>What a span does; decides its name, its duration and its message.</summary>
internal enum WorkKind : byte
{
    /// <summary>The edge's span, root of a trace.</summary>
    Entry,

    /// <summary>A service handling a call; may have children.</summary>
    Handle,

    /// <summary>A statement to a database.</summary>
    Statement,

    /// <summary>A cache access.</summary>
    Cache,

    /// <summary>Work inside a service.</summary>
    Local,
}

/// <summary>A named piece of work: who does it, how long it takes by itself and how much it carries.</summary>
internal sealed record Work(string Name, WorkKind Kind, int[] Services, double MedianMs, double Sigma, double MedianBytes);

/// <summary>A route of the shop's API and the service that handles it.</summary>
internal sealed record Route(string Path, string Method, int Service);

/// <summary>A machine of a service in a zone.</summary>
internal sealed record Host(string Name, int Service, int Zone);

/// <summary>
/// The imagined shop that emits the events: 12 services, 40 kinds of work, 60 routes, 12 zones in 4 regions, 200 hosts,
/// 20 releases, 100,000 customers with a million users. Immutable; the same in every run.
/// </summary>
internal sealed class Shop
{
    public const int CustomerCount = 100_000;
    public const int UserCount = 1_000_000;
    public const int ReleaseCount = 20;
    public const int HostCount = 200;
    public const int StatementCount = 500;
    public const int QueuePartitions = 24;

    /// <summary>Share of the whole time over which one release reaches all customers.</summary>
    public const double RolloutShare = 0.1;

    public const int IncidentRoute = 17;
    public const int IncidentRelease = 11;
    public const int IncidentZone = 0;

    private const int Edge = 0, Storefront = 1, Identity = 2, Accounts = 3, Catalogue = 4, Discovery = 5;
    private const int Basket = 6, Orders = 7, Billing = 8, Warehouse = 9, Delivery = 10, Messaging = 11;

    public static readonly string[] Services =
    [
        "edge-proxy", "storefront", "identity", "accounts", "catalogue", "discovery",
        "basket", "orders", "billing", "warehouse", "delivery", "messaging",
    ];

    /// <summary>Which services a service calls.</summary>
    private static readonly int[][] Calls =
    [
        [Storefront, Identity, Catalogue, Basket, Orders], [Catalogue, Discovery, Basket, Identity], [Accounts], [Identity, Messaging],
        [Warehouse, Discovery], [Catalogue, Accounts], [Catalogue, Warehouse], [Basket, Billing, Warehouse, Delivery, Messaging],
        [Identity, Accounts, Messaging], [Catalogue, Delivery], [Warehouse, Messaging], [Accounts],
    ];

    private static readonly int[] Stateful = [Storefront, Identity, Accounts, Catalogue, Discovery, Basket, Orders, Billing, Warehouse, Delivery, Messaging];
    private static readonly int[] Writers = [Identity, Accounts, Basket, Orders, Billing, Warehouse, Delivery];

    public static readonly Work[] Works =
    [
        new("edge fetch", WorkKind.Entry, [Edge], 2.8, 0.55, 1100),
        new("edge submit", WorkKind.Entry, [Edge], 4.1, 0.60, 1500),
        new("edge replace", WorkKind.Entry, [Edge], 3.7, 0.60, 1200),
        new("edge remove", WorkKind.Entry, [Edge], 2.9, 0.55, 280),
        new("compose page", WorkKind.Handle, [Storefront], 15, 0.70, 22_000),
        new("compose widget", WorkKind.Handle, [Storefront], 5.5, 0.65, 5_200),
        new("check session", WorkKind.Handle, [Identity], 1.5, 0.50, 380),
        new("open session", WorkKind.Handle, [Identity], 7.5, 0.60, 720),
        new("renew session", WorkKind.Handle, [Identity], 2.6, 0.50, 520),
        new("read account", WorkKind.Handle, [Accounts], 3.8, 0.60, 1_700),
        new("change account", WorkKind.Handle, [Accounts], 9.5, 0.70, 1_450),
        new("page through items", WorkKind.Handle, [Catalogue], 8.5, 0.70, 9_400),
        new("read item", WorkKind.Handle, [Catalogue], 3.9, 0.60, 3_300),
        new("quote price", WorkKind.Handle, [Catalogue], 5.2, 0.80, 840),
        new("find items", WorkKind.Handle, [Discovery], 24, 0.90, 11_500),
        new("complete term", WorkKind.Handle, [Discovery], 5.8, 0.70, 1_150),
        new("read basket", WorkKind.Handle, [Basket], 3.9, 0.60, 2_300),
        new("change basket", WorkKind.Handle, [Basket], 7.2, 0.70, 1_550),
        new("accept order", WorkKind.Handle, [Orders], 34, 0.80, 3_900),
        new("verify order", WorkKind.Handle, [Orders], 9.2, 0.70, 1_850),
        new("capture payment", WorkKind.Handle, [Billing], 88, 0.80, 1_050),
        new("return payment", WorkKind.Handle, [Billing], 62, 0.80, 880),
        new("score risk", WorkKind.Handle, [Billing], 27, 0.90, 1_480),
        new("hold stock", WorkKind.Handle, [Warehouse], 8.2, 0.70, 680),
        new("look up stock", WorkKind.Handle, [Warehouse], 3.4, 0.60, 590),
        new("estimate delivery", WorkKind.Handle, [Delivery], 12.5, 0.80, 930),
        new("book courier", WorkKind.Handle, [Delivery], 42, 0.80, 4_800),
        new("mail customer", WorkKind.Handle, [Messaging], 19, 0.80, 6_700),
        new("notify device", WorkKind.Handle, [Messaging], 8.6, 0.70, 640),
        new("select", WorkKind.Statement, Stateful, 2.3, 0.90, 1_550),
        new("insert", WorkKind.Statement, Writers, 3.4, 0.80, 520),
        new("update", WorkKind.Statement, Writers, 4.0, 0.90, 410),
        new("delete", WorkKind.Statement, [Identity, Basket], 3.0, 0.80, 190),
        new("commit", WorkKind.Statement, [Accounts, Basket, Orders, Billing, Warehouse], 5.0, 0.90, 110),
        new("cache read", WorkKind.Cache, Stateful, 0.5, 0.60, 880),
        new("cache write", WorkKind.Cache, Stateful, 0.6, 0.60, 790),
        new("cache read many", WorkKind.Cache, [Catalogue, Discovery, Warehouse], 0.95, 0.60, 4_100),
        new("render answer", WorkKind.Local, [Storefront, Accounts, Catalogue, Discovery, Basket, Orders], 0.85, 0.70, 5_100),
        new("evaluate rules", WorkKind.Local, [Identity, Catalogue, Orders, Billing, Delivery], 1.6, 0.90, 310),
        new("publish event", WorkKind.Local, Stateful, 1.7, 0.80, 1_050),
    ];

    private static readonly (string Stem, int Service)[] Resources =
    [
        ("items", Catalogue), ("items/{item}", Catalogue), ("basket", Basket), ("basket/lines/{line}", Basket), ("orders", Orders),
        ("orders/{order}", Orders), ("account", Accounts), ("pages/{page}", Storefront), ("session", Identity), ("payments/{payment}", Billing),
        ("payments/{payment}/refunds", Billing), ("stock/{item}", Warehouse), ("deliveries/{delivery}", Delivery), ("notices/{notice}", Messaging), ("finder", Discovery),
    ];

    private static readonly string[] Methods = ["GET", "POST", "PUT", "DELETE"];

    public static readonly string[] Regions = ["us-east-1", "us-west-2", "eu-central-1", "ap-northeast-1"];
    public static readonly string[] ClientSystems = ["Android", "iOS", "Windows", "macOS", "Linux", "ChromeOS"];

    private readonly WeightedChoice _routeChoice;
    private readonly WeightedChoice _zoneChoice;
    private readonly WeightedChoice _systemChoice = new([0.33, 0.32, 0.17, 0.11, 0.05, 0.02]);
    private readonly WeightedChoice _customerChoice;
    private readonly WeightedChoice _statementChoice = new(WeightedChoice.PowerLaw(StatementCount, 0.9));
    private readonly int[] _firstUser = new int[CustomerCount + 1];
    private readonly int[][] _hosts;
    private readonly int[][] _works;

    public Shop()
    {
        // 15 resources under 4 methods are 60 routes; the method is part of the name, so that names are distinct.
        Routes = [.. from resource in Resources
                     from method in Methods
                     select new Route($"{method} /shop/v3/{resource.Stem}", method, resource.Service)];
        double[] methodWeights = [1, 0.5, 0.14, 0.08];
        double[] routeWeights = [.. from resource in WeightedChoice.PowerLaw(Resources.Length, 0.95, 2) from method in methodWeights select resource * method];
        routeWeights[IncidentRoute] = routeWeights[0] * 0.55; // a busy one, so that the incident shows in 100,000 events
        _routeChoice = new WeightedChoice(routeWeights);

        double[] regionWeights = [0.44, 0.26, 0.20, 0.10], zoneWeights = [0.45, 0.33, 0.22];
        Zones = [.. from region in Regions from letter in "abc" select region + letter];
        _zoneChoice = new WeightedChoice([.. from region in regionWeights from zone in zoneWeights select region * zone]);

        Releases = [.. Enumerable.Range(0, ReleaseCount).Select(i => $"r{2026_0512 + (i / 8)}.{811 + i}+{SeededRandom.Scatter(0xB111D + (ulong)i) >> 36:x7}")];
        StatementHashes = [.. Enumerable.Range(0, StatementCount).Select(i => $"{SeededRandom.Scatter(0x57A7E + (ulong)i):x16}")];
        Hosts = MakeHosts();
        _hosts = [.. from service in Enumerable.Range(0, Services.Length)
                     from zone in Enumerable.Range(0, Zones.Length)
                     select Enumerable.Range(0, Hosts.Length).Where(h => Hosts[h].Service == service && Hosts[h].Zone == zone).ToArray()];
        _works = [.. from service in Enumerable.Range(0, Services.Length)
                     from kind in Enum.GetValues<WorkKind>()
                     select Enumerable.Range(0, Works.Length).Where(w => Works[w].Kind == kind && Works[w].Services.Contains(service)).ToArray()];

        double[] customerWeights = WeightedChoice.PowerLaw(CustomerCount, 1.05);
        _customerChoice = new WeightedChoice(customerWeights);
        double total = customerWeights.Sum(), sum = 0;
        for (int customer = 0; customer < CustomerCount; customer++)
        {
            _firstUser[customer] = (int)(sum / total * UserCount);
            sum += customerWeights[customer];
        }

        _firstUser[CustomerCount] = UserCount;
    }

    public Route[] Routes { get; }
    public string[] Zones { get; }
    public string[] Releases { get; }
    public Host[] Hosts { get; }
    public string[] StatementHashes { get; }

    /// <summary>Builds that are slower on one route for good: (release, route, factor).</summary>
    public static readonly (int Release, int Route, double Slowdown)[] SlowReleases = [(4, 0, 2.0), (9, 16, 3.0), (17, 56, 2.5)];

    public int DrawRoute(ref SeededRandom random) => _routeChoice.Draw(ref random);
    public int DrawZone(ref SeededRandom random) => _zoneChoice.Draw(ref random);
    public int DrawClientSystem(ref SeededRandom random) => _systemChoice.Draw(ref random);
    public int DrawCustomer(ref SeededRandom random) => _customerChoice.Draw(ref random);
    public int DrawStatement(int work, ref SeededRandom random) => (_statementChoice.Draw(ref random) + (work * 41)) % StatementCount;
    public int DrawCallee(int service, ref SeededRandom random) => Calls[service][random.Below(Calls[service].Length)];

    /// <summary>A user of the customer; the first ones are the busiest.</summary>
    public int DrawUser(int customer, ref SeededRandom random)
    {
        int first = _firstUser[customer], count = _firstUser[customer + 1] - first;
        double unit = random.NextUnit();
        return count <= 1 ? Math.Min(first, UserCount - 1) : first + (int)(unit * unit * count);
    }

    /// <summary>A host of the service in the zone.</summary>
    public int DrawHost(int service, int zone, ref SeededRandom random)
    {
        int[] hosts = _hosts[(service * Zones.Length) + zone];
        return hosts[random.Below(hosts.Length)];
    }

    /// <summary>A piece of work of this kind that the service does, or a cache read where it has none.</summary>
    public int DrawWork(int service, WorkKind kind, ref SeededRandom random)
    {
        int[] works = _works[(service * 5) + (int)kind];
        if (works.Length == 0)
        {
            works = _works[(service * 5) + (int)WorkKind.Cache];
        }

        return works[random.Below(works.Length)];
    }

    /// <summary>The root's work for a method.</summary>
    public static int EntryWork(string method) => Array.IndexOf(Methods, method);

    /// <summary>Zones differ a little in speed.</summary>
    public static double ZoneFactor(int zone) => 1 + (0.05 * (zone / 3)) + (0.02 * (zone % 3));

    private Host[] MakeHosts()
    {
        var hosts = new Host[HostCount];
        int everywhere = Services.Length * Zones.Length;
        int[] crowdedZones = [0, 3, 6, 1, 0, 9, 4];
        for (int i = 0; i < HostCount; i++)
        {
            int service = i < everywhere ? i / Zones.Length : i * 7 % Services.Length;
            int zone = i < everywhere ? i % Zones.Length : crowdedZones[i % crowdedZones.Length];
            hosts[i] = new Host($"{Services[service]}-{SeededRandom.Scatter(0x4057 + (ulong)i) >> 44:x5}.{Zones[zone]}", service, zone);
        }

        return hosts;
    }
}
