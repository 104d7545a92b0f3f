using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>The parameters of <c>GET /api/v1/tail</c>.</summary>
internal static class TailRequestParameters
{
    private const string LastEventIdHeader = "Last-Event-ID";

    /// <summary>The tail to start, or the 400 that names what is wrong.</summary>
    public static Reading<TailRequest> Read(HttpRequest http)
    {
        var parameters = new QueryParameters(http.Query);
        var dataset = parameters.Text("dataset", QueryHttpLimits.DatasetCharsMax) ?? DatasetNames.All;
        var filter = parameters.Text("filter", LanguageLimits.TextCharsMax);
        var rate = parameters.Integer("rate", TailLimits.RateDefault, 0, TailLimits.RateMax);
        var resume = parameters.Text("resume", TailLimits.ResumeTokenCharsMax);
        var calculations = parameters.Text("calc", LanguageLimits.TextCharsMax);
        if (PathNames.CheckDataset(dataset) is { } badName)
        {
            parameters.Refuse(badName);
        }

        if (parameters.Finish() is { } problem)
        {
            return problem;
        }

        var request = new TailRequest { Dataset = DatasetNames.Normalise(dataset), RatePerSecond = rate };
        if (filter is not null)
        {
            if (!ConditionText.Parse(filter).TryGet(out var condition, out var errors))
            {
                return Problems.BadText("filter", errors);
            }

            request = request with { Filter = condition };
        }

        if (calculations is not null)
        {
            if (!QueryText.Parse(calculations).TryGet(out var spec, out var errors))
            {
                return Problems.BadText("calc", errors);
            }

            if (!IsOnlyCalculations(spec))
            {
                return Problems.BadRequest(new ProblemError("calc", JsonText.Excerpt(calculations), "takes calculations only, such as COUNT, P99(duration_ms); a condition goes into \"filter\""));
            }

            request = request with { Calculations = spec.Calculations };
        }

        // A browser that reconnects asks the same address again, and says in this header how far it got: the header is the newer of the two.
        var lastEventId = http.Headers[LastEventIdHeader].ToString();
        if (lastEventId.Length > TailLimits.ResumeTokenCharsMax)
        {
            return Problems.BadRequest(new ProblemError(LastEventIdHeader, JsonText.Excerpt(lastEventId), $"may have {TailLimits.ResumeTokenCharsMax} characters"));
        }

        return request with { ResumeToken = lastEventId.Length > 0 ? lastEventId : resume };
    }

    private static bool IsOnlyCalculations(QuerySpec spec) => spec is
    {
        Where: null,
        Breakdowns.Count: 0,
        CalculatedFields.Count: 0,
        Formulas.Count: 0,
        Orders.Count: 0,
        Havings.Count: 0,
        Limit: QueryLimits.LimitDefault,
        GranularitySeconds: null,
        TimeRangeSeconds: null,
        StartTimeNs: null,
        EndTimeNs: null,
        CompareOffsetSeconds: null,
    };
}
