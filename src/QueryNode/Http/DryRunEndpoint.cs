using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Contracts.Messages;
using StreamObserve.Core.Sampling;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>POST /api/v1/sampling/dryrun</c>: what a policy would have kept.</summary>
internal sealed class DryRunEndpoint(IDryRunService dryRuns, ICatalogService catalog, QueryAdmission admission, TimeProvider time)
{
    /// <summary>The route.</summary>
    public const string Route = "/api/v1/sampling/dryrun";

    private static readonly JsonEncodedText StartName = JsonOutput.Name("start_time");
    private static readonly JsonEncodedText EndName = JsonOutput.Name("end_time");
    private static readonly JsonEncodedText UntilName = JsonOutput.Name("counted_until");

    private const string Known = "dataset, policy, by, limit, " + TimeSpanJson.Known;

    /// <summary>Tries it.</summary>
    public Task PostAsync(HttpContext context) => JsonBody.UseAsync(context, async json =>
    {
        await admission.RunLongAsync(context, "dryrun", async cancellation =>
        {
            var reading = Read(json.Root);
            if (reading.Problem is not null)
            {
                return reading.Problem;
            }

            var (asked, shown) = reading.Value;
            if (asked.Fields.Count == 0)
            {
                var of = asked.Dataset == DatasetNames.Default ? DatasetNames.All : asked.Dataset;
                asked = asked with { Fields = await SampledFields.OfAsync(catalog, of, QueryHttpLimits.BiasFieldsDefault, cancellation).ConfigureAwait(false) };
            }

            switch (await dryRuns.TryAsync(asked, cancellation).ConfigureAwait(false))
            {
                case DryRunOutcome.Refused refused:
                    return SamplingEndpoint.Invalid([refused.Error]);
                case DryRunOutcome.Tried { Answer.Receipt: { Answered: 0 } receipt }:
                    return Problems.NoneAnswered(receipt);
                case DryRunOutcome.Tried tried:
                    await JsonOutput.SendAsync(context, StatusCodes.Status200OK, output => Write(output, asked, tried.Answer, shown)).ConfigureAwait(false);
                    return null;
                case var other:
                    throw new InvalidOperationException($"a dry run service returned {other}");
            }
        }).ConfigureAwait(false);
    });

    private Reading<(DryRunRequest Request, int Shown)> Read(JsonElement body)
    {
        var errors = new List<ProblemError>();
        string? dataset = null;
        JsonElement? policy = null;
        var fields = new List<string>();
        var shown = QueryHttpLimits.BiasValuesDefault;
        var span = new TimeSpanJson(QueryHttpLimits.DryRunRangeSecondsDefault);
        foreach (var member in body.EnumerateObject())
        {
            switch (member.Name)
            {
                case "dataset":
                    dataset = QueryRequestJson.Text(member, errors);
                    break;
                case "policy" when member.Value.ValueKind == JsonValueKind.Object:
                    policy = member.Value;
                    break;
                case "policy":
                    errors.Add(new("policy", JsonText.Excerpt(member.Value), "must be a JSON object, as in PUT /api/v1/sampling/{dataset}"));
                    break;
                case "by":
                    ReadFields(member, fields, errors);
                    break;
                case "limit" when member.Value.ValueKind == JsonValueKind.Number && member.Value.TryGetInt32(out var limit) && limit is > 0 and <= QueryHttpLimits.BiasValuesMax:
                    shown = limit;
                    break;
                case "limit":
                    errors.Add(new("limit", JsonText.Excerpt(member.Value), $"must be a whole number from 1 to {QueryHttpLimits.BiasValuesMax}"));
                    break;
                default:
                    if (!span.TryTake(member, errors))
                    {
                        errors.Add(new(member.Name, JsonText.Excerpt(member.Value), $"is not a member here; known: {Known}"));
                    }

                    break;
            }
        }

        var (start, end) = span.Of(time.GetUtcNow().ToUnixTimeSeconds(), errors);
        if (dataset is null)
        {
            errors.Add(new("dataset", null, $"is missing; name a dataset, or {DatasetNames.Default}"));
        }
        else if ((dataset == DatasetNames.All ? new ProblemError("dataset", dataset, $"has no policy; that of datasets without one of their own is {DatasetNames.Default}") : PathNames.CheckDataset(dataset)) is { } badName)
        {
            errors.Add(badName);
        }

        if (policy is null && !errors.Exists(error => error.Field == "policy"))
        {
            errors.Add(new("policy", null, "is missing; give the policy to try, as in PUT /api/v1/sampling/{dataset}"));
        }

        if (errors.Count > 0)
        {
            return Problems.BadRequest(errors);
        }

        var name = DatasetNames.Normalise(dataset!);
        return SamplingPolicy.TryParse(Encoding.UTF8.GetBytes(policy!.Value.GetRawText()), name, out var tried, out var wrong)
            ? (new DryRunRequest(name, tried, start * 1000, end * 1000, fields), shown)
            : SamplingEndpoint.Invalid([.. wrong.Select(error => error with { Field = error.Field.Length == 0 ? "policy" : $"policy.{error.Field}" })]);
    }

    private static void ReadFields(JsonProperty member, List<string> fields, List<ProblemError> errors)
    {
        if (member.Value.ValueKind == JsonValueKind.Array && member.Value.GetArrayLength() is > 0 and <= QueryHttpLimits.BiasFieldsMax)
        {
            foreach (var item in member.Value.EnumerateArray())
            {
                if (item.ValueKind == JsonValueKind.String && item.GetString() is { Length: > 0 and <= QueryHttpLimits.ColumnCharsMax } field && !fields.Contains(field))
                {
                    fields.Add(field);
                    continue;
                }

                errors.Add(new("by", JsonText.Excerpt(item), "must be the name of a field, each once"));
            }

            return;
        }

        errors.Add(new("by", JsonText.Excerpt(member.Value), $"must be an array of 1 to {QueryHttpLimits.BiasFieldsMax} fields"));
    }

    private static void Write(Utf8JsonWriter json, DryRunRequest request, DryRunAnswer answer, int shown)
    {
        json.WriteStartObject();
        json.WriteString("dataset"u8, request.Dataset);
        json.WriteTime(StartName, request.FromMs * 1_000_000);
        json.WriteTime(EndName, request.ToMs * 1_000_000);
        if (answer.UntilMs > 0)
        {
            json.WriteTime(UntilName, answer.UntilMs * 1_000_000);
        }

        json.WriteNumber("seconds_read"u8, answer.Seconds);
        WriteCount(json, answer.All);
        json.WriteNumber("kept_share"u8, answer.All.Rows == 0 ? 0 : Math.Round((double)answer.All.Kept / answer.All.Rows, 6));
        json.WriteNumber("kept_per_second"u8, answer.Seconds == 0 ? 0 : Math.Round(answer.All.Kept / answer.Seconds, 3));
        json.WriteNumber("estimate"u8, Math.Round(answer.Estimate, 3));
        json.WriteNumber("bytes"u8, answer.Bytes.All);
        json.WriteNumber("kept_bytes"u8, answer.Bytes.Kept);
        json.WriteStartArray("decided_by"u8);
        foreach (var group in answer.Groups.Take(shown))
        {
            json.WriteStartObject();
            json.WriteString("reason"u8, group.Reason);
            if (group.Key.Length > 0)
            {
                json.WriteString("key"u8, group.Key);
            }

            WriteCount(json, group.Count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("more_decided_by"u8, answer.Groups.Count > shown);
        json.WriteStartArray("fields"u8);
        foreach (var (field, values) in answer.Fields)
        {
            WriteField(json, field, values, shown);
        }

        json.WriteEndArray();
        json.WriteBoolean("complete"u8, answer.Missing.Count == 0);
        TraceEndpoint.WriteMissing(json, answer.Missing);
        ReceiptJson.Write(json, answer.Receipt, [], []);
        json.WriteEndObject();
    }

    private static void WriteField(Utf8JsonWriter json, string field, DryRunField values, int shown)
    {
        json.WriteStartObject();
        json.WriteString("field"u8, field);
        json.WriteNumber("values"u8, values.Values.Count);
        WriteValues(json, "most_frequent"u8, values.Values.Take(shown));
        var vanished = values.Values.Where(value => value.Count.Kept == 0).ToList();
        json.WriteStartObject("vanished"u8);
        json.WriteNumber("values"u8, vanished.Count);
        if (values.Others.Kept > 0)
        {
            json.WriteBoolean("at_most"u8, true);      // some may be among the others, and kept
        }

        json.WriteNumber("events"u8, vanished.Sum(value => value.Count.Rows));
        WriteValues(json, "most_frequent"u8, vanished.Take(shown));
        json.WriteEndObject();
        if (values.Others.Rows > 0)
        {
            json.WriteStartObject("others"u8);
            WriteCount(json, values.Others);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteValues(Utf8JsonWriter json, ReadOnlySpan<byte> name, IEnumerable<DryRunValue> values)
    {
        json.WriteStartArray(name);
        foreach (var (value, count) in values)
        {
            json.WriteStartObject();
            json.WriteString("value"u8, value);
            WriteCount(json, count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteCount(Utf8JsonWriter json, DryRunCount count)
    {
        json.WriteNumber("events"u8, count.Rows);
        json.WriteNumber("kept"u8, count.Kept);
    }
}
