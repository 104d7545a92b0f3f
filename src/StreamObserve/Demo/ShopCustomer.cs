namespace StreamObserve.Demo;

/// <summary>A customer of the imaginary shop; the same for every seed. <paramref name="ItemsTypical"/>: lines in a typical cart.</summary>
internal sealed record ShopCustomer(string Id, string Plan, string Country, string Region, bool NewTaxEngine, bool FastSearch, int ItemsTypical)
{
    private static readonly string[] First =
    [
        "amber", "birch", "cobalt", "delta", "ember", "fjord", "granite", "harbor", "indigo", "juniper",
        "kestrel", "lumen", "maple", "nimbus", "onyx", "pine", "quartz", "river", "slate", "tidal",
    ];

    private static readonly string[] Second = ["books", "garden", "tools", "toys", "audio", "bikes", "foods", "wear", "parts", "paper", "lights", "pets"];
    private static readonly string[][] Countries = [["DE", "FR", "NL", "SE"], ["US", "CA", "MX"], ["IN", "SG", "JP"]];

    /// <summary>The wholesaler that the story makes suffer: long carts, in the region where the new build goes out first.</summary>
    public static ShopCustomer Nordwind { get; } = new("nordwind-wholesale", "enterprise", "DE", "eu-west", NewTaxEngine: true, FastSearch: true, ItemsTypical: 45);

    /// <summary>All of them, those with the most traffic first.</summary>
    public static IReadOnlyList<ShopCustomer> All { get; } = Make();

    private static ShopCustomer[] Make()
    {
        var customers = new List<ShopCustomer>();
        for (int i = 0; i < First.Length * Second.Length; i++)
        {
            // Strides that share no factor with the lengths spread names, regions and flags evenly over the ranks.
            string id = $"{First[(i * 7) % First.Length]}-{Second[(i / First.Length + (i * 5)) % Second.Length]}";
            int region = (i * 11) % 3;
            string[] countries = Countries[region];
            string plan = i % 9 == 0 ? "enterprise" : i % 3 == 0 ? "pro" : "free";
            customers.Add(new ShopCustomer(id, plan, countries[(i / 3) % countries.Length], Shop.Regions[region], (i * 13) % 10 < 3, i % 2 == 0, 1 + (i % 5)));
        }

        customers.Insert(6, Nordwind);
        return [.. customers.DistinctBy(c => c.Id)];
    }
}
