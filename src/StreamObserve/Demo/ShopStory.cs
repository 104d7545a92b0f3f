namespace StreamObserve.Demo;

/// <summary>
/// What there is to find in the demo. At <see cref="DeployedAt"/> build 2418 of payment goes out in eu-west. Where the flag
/// <c>feature.new_tax_engine</c> is on, it asks the tax table once for each line of the cart instead of once for all; nobody notices with three lines, the
/// wholesaler with forty waits for seconds and runs into time-outs. Immutable.
/// </summary>
internal sealed record ShopStory(DateTimeOffset DeployedAt)
{
    /// <summary>The build that goes out.</summary>
    public const int NewBuild = 2418;

    /// <summary>Where it goes out.</summary>
    public const string Region = "eu-west";

    /// <summary>Past this many milliseconds the lookup gives up.</summary>
    public const double TaxTimeoutMs = 2_000;

    private const double MillisecondsPerLine = 38;
    private const int RowsPerLine = 12;

    /// <summary>The build of <paramref name="service"/> that serves a request.</summary>
    public int BuildOf(string service, string region, DateTimeOffset at) =>
        service == Shop.Payment && region == Region && at >= DeployedAt ? NewBuild : Shop.Builds[service];

    /// <summary>What the new build adds to a step: milliseconds and database rows; nothing elsewhere.</summary>
    public (double Milliseconds, int Rows) Toll(ShopOperation step, ShopCustomer customer, int cartLines, DateTimeOffset at) =>
        step.Name == Shop.TaxLookup && customer.NewTaxEngine && BuildOf(step.Service, customer.Region, at) == NewBuild
            ? (MillisecondsPerLine * cartLines, RowsPerLine * cartLines)
            : (0, 0);
}
