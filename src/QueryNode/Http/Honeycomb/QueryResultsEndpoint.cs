using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>
/// <c>POST /1/query_results/{dataset}</c> runs a saved query behind the request's back; <c>GET …/{id}</c> is asked until it is complete. Answers are stored as those of
/// <c>POST /api/v1/query</c> are, under the same ids.
/// </summary>
internal sealed class QueryResultsEndpoint(
    HoneycombGate gate,
    QueryAdmission admission,
    QueryRunner runner,
    QueryJobs jobs,
    KeptObjects objects,
    DatasetDirectory datasets,
    IResultStore results,
    IResultIds ids,
    QueryHttpOptions options,
    TimeProvider time)
{
    /// <summary>The route of a dataset's results.</summary>
    public const string ListRoute = "/1/query_results/{dataset}";

    /// <summary>The route of a result.</summary>
    public const string ItemRoute = "/1/query_results/{dataset}/{id}";

    /// <summary>Runs a saved query.</summary>
    public Task CreateAsync(HttpContext context) => gate.AtOnceAsync(context, cancellation => ObjectEndpoint.WithBodyAsync(context, async body =>
    {
        var name = PathNames.Dataset(context);
        if (name.Problem is not null)
        {
            return name.Problem;
        }

        var read = ResultRequest.Read(body);
        if (read.Problem is not null)
        {
            return read.Problem;
        }

        if (await datasets.FindAsync(name.Value, cancellation).ConfigureAwait(false) is not { } dataset)
        {
            return HoneycombProblems.NoDataset();
        }

        if (await objects.GetAsync(QueriesEndpoint.Kind, dataset.Name, read.Value.QueryId, cancellation).ConfigureAwait(false) is not { } saved)
        {
            return HoneycombProblems.NoSuch("Query");
        }

        var parsed = QuerySpecJson.Parse(saved, read.Value.WithoutSeries);
        if (!parsed.TryGet(out var spec, out var errors))
        {
            return HoneycombProblems.Refused([.. errors.Select(error => new ProblemError(error.Field, error.Value, error.Message))]);
        }

        spec = DerivedColumns.Apply(spec, await objects.ListAsync(ObjectKinds.DerivedColumns.Path, dataset.Name, cancellation).ConfigureAwait(false));
        return await StartAsync(context, dataset, read.Value, saved, read.Value.Limit is { } limit ? spec with { Limit = limit } : spec).ConfigureAwait(false);
    }));

    /// <summary>Says how a result stands.</summary>
    public Task GetAsync(HttpContext context) => gate.AtOnceAsync(context, async cancellation =>
    {
        var name = PathNames.Dataset(context);
        if (name.Problem is not null)
        {
            return name.Problem;
        }

        var id = PathNames.Segment(context, "id");
        if (jobs.Find(id) is { } job)
        {
            if (job.Failure is not null)
            {
                return job.Failure;
            }

            await SendRunningAsync(context, StatusCodes.Status200OK, id, job).ConfigureAwait(false);
            return null;
        }

        if (id.Length <= QueryHttpLimits.ResultIdCharsMax && await results.GetAsync(id, cancellation).ConfigureAwait(false) is { } stored)
        {
            return await SendAsync(context, name.Value, stored).ConfigureAwait(false);
        }

        if (!MayRunElsewhere(id))
        {
            return HoneycombProblems.NoSuch("Query result");
        }

        await SendRunningAsync(context, StatusCodes.Status200OK, id, null).ConfigureAwait(false);
        return null;
    });

    private async Task<ProblemDocument?> StartAsync(HttpContext context, DatasetView dataset, ResultRequest request, ReadOnlyMemory<byte> saved, QuerySpec spec)
    {
        var id = ids.Next();
        var job = new QueryJob(dataset.Name, request.QueryId, saved, null);
        var query = new QueryRequest { Dataset = dataset.Name, Spec = spec, PartialAllowed = request.PartialAllowed };
        var echo = new QueryEcho(dataset.Name, spec, null) { Members = request.Write };
        jobs.Begin(id, job);
        var taken = admission.TryRunBehind(
            "query",
            async cancellation => (await runner.RunAsync(id, query, echo, cancellation).ConfigureAwait(false)).Problem,
            (problem, fault) => jobs.End(id, problem, fault),
            jobs.Stopping);
        if (!taken)
        {
            jobs.Remove(id);
            return admission.Overloaded();
        }

        context.Response.Headers.Location = $"/1/query_results/{Uri.EscapeDataString(dataset.Slug)}/{id}";
        await SendRunningAsync(context, StatusCodes.Status201Created, id, job).ConfigureAwait(false);
        return null;
    }

    /// <summary>
    /// An id that a query node gave less than a query's time ago, and of which nothing is known here: another node may be at it. Once the time is over it is not.
    /// </summary>
    private bool MayRunElsewhere(string id) =>
        TimedResultIds.TryReadTime(id, out var madeMs)
        && Math.Abs(time.GetUtcNow().ToUnixTimeMilliseconds() - madeMs) < (options.QueryTimeout + HoneycombLimits.ForeignSlack).TotalMilliseconds;

    private static Task SendRunningAsync(HttpContext context, int status, string id, QueryJob? job)
    {
        context.Response.Headers.CacheControl = "no-store";
        return JsonOutput.SendAsync(context, status, json =>
        {
            json.WriteStartObject();
            if (job is not null)
            {
                json.WritePropertyName("query"u8);
                QueriesEndpoint.Write(json, job.QueryId, job.Spec);
            }

            json.WriteString("id"u8, id);
            json.WriteBoolean("complete"u8, false);
            ResultJson.WriteLinks(json, context, id);
            json.WriteEndObject();
        });
    }

    private static async Task<ProblemDocument?> SendAsync(HttpContext context, string dataset, ReadOnlyMemory<byte> stored)
    {
        using var document = JsonDocument.Parse(stored);
        if (DatasetDirectory.Slug(document.RootElement.GetProperty("dataset"u8).GetString()!) != DatasetDirectory.Slug(dataset))
        {
            return HoneycombProblems.NoSuch("Query result");
        }

        context.Response.Headers.CacheControl = $"private, max-age={HoneycombLimits.ResultMaxAgeSeconds}";
        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json => ResultJson.Write(json, document.RootElement, context)).ConfigureAwait(false);
        return null;
    }
}

/// <summary>The body of <c>POST /1/query_results/{dataset}</c>.</summary>
internal sealed record ResultRequest(string QueryId, bool WithoutSeries, bool WithoutTotal, bool WithoutOther, int? Limit, bool PartialAllowed)
{
    /// <summary>The member of a stored answer that holds what was asked for here.</summary>
    public const string Member = "honeycomb";

    /// <summary>
    /// Reads the body. Totals and others are left out unless asked for; a limit counts only without series. An answer that lacks partitions is a failure unless
    /// <c>"partial":"allow"</c>, a member of ours, says otherwise: nothing in Honeycomb's form could tell that it does.
    /// </summary>
    public static Reading<ResultRequest> Read(JsonElement body)
    {
        var errors = new List<ProblemError>();
        var id = KeptJson.RequiredText(body, "query_id", QueryHttpLimits.ResultIdCharsMax, errors);
        var withoutSeries = KeptJson.Truth(body, "disable_series", errors) ?? false;
        var withoutTotal = KeptJson.Truth(body, "disable_total_by_aggregate", errors) ?? true;
        var withoutOther = KeptJson.Truth(body, "disable_other_by_aggregate", errors) ?? true;
        var limit = KeptJson.Whole(body, "limit", 0, QueryLimits.LimitWithoutSeriesMax, errors);
        var partial = KeptJson.Text(body, "partial", HoneycombLimits.NameCharsMax, errors);
        if (partial is not (null or "allow" or "fail"))
        {
            errors.Add(new("partial", JsonText.Excerpt(partial), "must be \"allow\" or \"fail\""));
        }

        return errors.Count > 0
            ? HoneycombProblems.Refused(errors)
            : new ResultRequest(id, withoutSeries, withoutTotal, withoutOther, withoutSeries && limit > 0 ? limit : null, partial == "allow");
    }

    /// <summary>Writes <see cref="Member"/> into the stored answer.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject(Member);
        json.WriteString("query_id"u8, QueryId);
        json.WriteBoolean("disable_series"u8, WithoutSeries);
        json.WriteBoolean("disable_total_by_aggregate"u8, WithoutTotal);
        json.WriteBoolean("disable_other_by_aggregate"u8, WithoutOther);
        json.WriteEndObject();
    }
}
