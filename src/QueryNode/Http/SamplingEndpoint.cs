using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Sampling;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>GET</c> and <c>PUT /api/v1/sampling/{dataset}</c> and the versions below it.</summary>
internal sealed class SamplingEndpoint(ISamplingService sampling, QueryAdmission admission)
{
    /// <summary>Route of a policy.</summary>
    public const string PolicyRoute = "/api/v1/sampling/{dataset}";

    /// <summary>Route of its versions.</summary>
    public const string VersionsRoute = "/api/v1/sampling/{dataset}/versions";

    private static readonly JsonEncodedText TimeName = JsonOutput.Name("time");

    /// <summary>The policy; its version is the entity tag.</summary>
    public Task GetAsync(HttpContext context) => admission.RunAsync(context, "sampling", async cancellation =>
    {
        var dataset = PathNames.Dataset(context);
        if (dataset.Problem is not null)
        {
            return dataset.Problem;
        }

        if (await sampling.GetAsync(dataset.Value, cancellation).ConfigureAwait(false) is not { } policy)
        {
            return Problems.NotFound("dataset", dataset.Value, $"dataset \"{dataset.Value}\" has no policy of its own; that of {DatasetNames.Default} holds");
        }

        await SendAsync(context, policy).ConfigureAwait(false);
        return null;
    });

    /// <summary>Puts a policy in force.</summary>
    public Task PutAsync(HttpContext context) => JsonBody.UseAsync(context, async json =>
    {
        await admission.RunAsync(context, "sampling", async cancellation =>
        {
            var dataset = PathNames.Dataset(context);
            if (dataset.Problem is not null)
            {
                return dataset.Problem;
            }

            if (dataset.Value == DatasetNames.All)
            {
                return Problems.BadRequest(new ProblemError("dataset", dataset.Value, $"has no policy; that of datasets without one of their own is {DatasetNames.Default}"));
            }

            if (!SamplingPolicy.TryParse(json.Utf8, dataset.Value, out var policy, out var errors))
            {
                return Invalid(errors);
            }

            switch (await sampling.PutAsync(dataset.Value, policy, cancellation).ConfigureAwait(false))
            {
                case PutPolicyOutcome.Refused refused:
                    return Invalid([refused.Error]);
                case PutPolicyOutcome.Stored stored:
                    await SendAsync(context, stored.Version).ConfigureAwait(false);
                    return null;
                case var other:
                    throw new InvalidOperationException($"a sampling service returned {other}");
            }
        }).ConfigureAwait(false);
    });

    /// <summary>Every version, newest first.</summary>
    public Task VersionsAsync(HttpContext context) => admission.RunAsync(context, "sampling", async cancellation =>
    {
        var dataset = PathNames.Dataset(context);
        if (dataset.Problem is not null)
        {
            return dataset.Problem;
        }

        var versions = await sampling.GetVersionsAsync(dataset.Value, cancellation).ConfigureAwait(false);
        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("versions"u8);
            foreach (var version in versions)
            {
                json.WriteStartObject();
                json.WriteNumber("version"u8, version.Version);
                json.WriteTime(TimeName, version.TimeNs);
                json.WritePropertyName("policy"u8);
                version.Policy.WriteTo(json);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }).ConfigureAwait(false);
        return null;
    });

    /// <summary>What is wrong with a policy.</summary>
    internal static ProblemDocument Invalid(IReadOnlyList<SamplingPolicyError> errors) => Problems.Unprocessable("policy not valid", [.. errors.Select(error => new ProblemError(
        error.Field.Length == 0 ? "policy" : error.Field, error.Value.Length == 0 ? null : error.Value, error.Rule is null ? error.Reason : $"rule \"{error.Rule}\": {error.Reason}"))]);

    private static Task SendAsync(HttpContext context, PolicyVersion policy)
    {
        context.Response.Headers.ETag = string.Create(CultureInfo.InvariantCulture, $"\"{policy.Version}\"");
        context.Response.Headers.CacheControl = "no-cache";
        return JsonOutput.SendAsync(context, StatusCodes.Status200OK, JsonOutput.MediaType, policy.Policy.ToJson());
    }
}
