namespace StreamObserve.Demo;

/// <summary>
/// One step of serving a request: a span of <paramref name="Service"/> with its own work (log-normal: median in milliseconds, sigma of the logarithm)
/// and the steps it calls, one after the other. A step with <paramref name="Database"/> is a call to that store.
/// </summary>
internal sealed record ShopOperation(string Service, string Name, double MedianMs, double Sigma, params ShopOperation[] Calls)
{
    /// <summary>The store's kind, e.g. <c>postgresql</c>; null = not a call to a store.</summary>
    public string? Database { get; init; }

    /// <summary>Rows the statement touches, in the middle of their range.</summary>
    public int DatabaseRows { get; init; }
}

/// <summary>A page or action of the shop, how often it is asked for (relative) and what serving it takes.</summary>
internal sealed record ShopRoute(string Method, string Route, int Weight, ShopOperation Root);

/// <summary>The imaginary shop: eight services and what each request does to them.</summary>
internal static class Shop
{
    /// <summary>Name of the service that the story is about.</summary>
    public const string Payment = "payment";

    /// <summary>The step that the story slows down.</summary>
    public const string TaxLookup = "SELECT tax_rates";

    /// <summary>Services with the build that each runs when nothing new goes out.</summary>
    public static IReadOnlyDictionary<string, int> Builds { get; } = new Dictionary<string, int>
    {
        ["web"] = 8812,
        ["catalog"] = 3307,
        ["recommendation"] = 1954,
        ["cart"] = 2210,
        ["checkout"] = 4120,
        [Payment] = 2417,
        ["inventory"] = 1768,
        ["shipping"] = 991,
    };

    /// <summary>The regions; each customer lives in one.</summary>
    public static IReadOnlyList<string> Regions { get; } = ["eu-west", "us-east", "ap-south"];

    /// <summary>All routes.</summary>
    public static IReadOnlyList<ShopRoute> Routes { get; } =
    [
        new("GET", "/", 30, new("web", "GET /", 6, 0.4, List(), Recommend())),
        new("GET", "/product/{id}", 34, new("web", "GET /product/{id}", 5, 0.4, Product(), Stock(), Recommend())),
        new("GET", "/search", 16, new("web", "GET /search", 7, 0.5, Search())),
        new("POST", "/cart", 12, new("web", "POST /cart", 4, 0.4, AddToCart(), Reserve())),
        new("POST", "/checkout", 8, new("web", "POST /checkout", 9, 0.4, Checkout())),
    ];

    private static ShopOperation Sql(string service, string statement, double medianMs, int rows) =>
        new(service, statement, medianMs, 0.6) { Database = "postgresql", DatabaseRows = rows };

    private static ShopOperation Cache(string service, string command) => new(service, command, 0.6, 0.3) { Database = "redis", DatabaseRows = 1 };

    private static ShopOperation List() => new("catalog", "ListProducts", 4, 0.4, Sql("catalog", "SELECT products", 9, 48));

    private static ShopOperation Product() => new("catalog", "GetProduct", 2, 0.4, Cache("catalog", "GET product"), Sql("catalog", "SELECT product", 4, 1));

    private static ShopOperation Search() => new("catalog", "SearchProducts", 6, 0.5, Sql("catalog", "SELECT search_index", 28, 120));

    private static ShopOperation Recommend() => new("recommendation", "Recommend", 11, 0.5, Cache("recommendation", "MGET vectors"));

    private static ShopOperation Stock() => new("inventory", "GetStock", 2, 0.3, Cache("inventory", "GET stock"));

    private static ShopOperation Reserve() => new("inventory", "Reserve", 3, 0.4, Sql("inventory", "UPDATE stock", 5, 1));

    private static ShopOperation AddToCart() => new("cart", "AddItem", 2, 0.3, Cache("cart", "HSET cart"));

    private static ShopOperation Checkout() => new(
        "checkout",
        "PlaceOrder",
        8,
        0.4,
        new ShopOperation("cart", "GetCart", 2, 0.3, Cache("cart", "HGETALL cart")),
        new ShopOperation(Payment, "Authorize", 22, 0.5, Sql(Payment, TaxLookup, 3, 2), Sql(Payment, "INSERT payments", 6, 1)),
        new ShopOperation("shipping", "Quote", 12, 0.5),
        Reserve());
}
