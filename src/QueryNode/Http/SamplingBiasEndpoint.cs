using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>
/// <c>GET /api/v1/sampling/{dataset}/bias</c>: what rows estimate beside what aggregates of all events know, by the values of fields: how far estimates are off, how many intervals hold,
/// and which values have no kept row at all.
/// </summary>
internal sealed class SamplingBiasEndpoint(IQueryService queries, ICatalogService catalog, QueryAdmission admission, TimeProvider time)
{
    /// <summary>Route of the report.</summary>
    public const string Route = "/api/v1/sampling/{dataset}/bias";

    private const long SecondNs = 1_000_000_000;

    // Aggregates are kept by the minute or finer.
    private const long AlignSeconds = 60;

    private static readonly JsonEncodedText StartName = JsonOutput.Name("start_time");
    private static readonly JsonEncodedText EndName = JsonOutput.Name("end_time");

    /// <summary>Compares.</summary>
    public Task GetAsync(HttpContext context) => admission.RunAsync(context, "sampling", async cancellation =>
    {
        var dataset = PathNames.Dataset(context);
        if (dataset.Problem is not null)
        {
            return dataset.Problem;
        }

        var parameters = new QueryParameters(context.Request.Query);
        var range = parameters.Integer("time_range", QueryHttpLimits.BiasRangeSecondsDefault, 1, QueryHttpLimits.BiasRangeSecondsMax);
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var end = parameters.Integer("end_time", (int)Math.Min(int.MaxValue, now), (int)AlignSeconds, int.MaxValue);
        var shown = parameters.Integer("limit", QueryHttpLimits.BiasValuesDefault, 1, QueryHttpLimits.BiasValuesMax);
        var by = parameters.Text("by", QueryHttpLimits.BiasFieldsCharsMax)?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (by?.Length > QueryHttpLimits.BiasFieldsMax)
        {
            parameters.Refuse(new("by", by.Length.ToString(CultureInfo.InvariantCulture), string.Create(CultureInfo.InvariantCulture, $"at most {QueryHttpLimits.BiasFieldsMax} fields")));
        }

        if (parameters.Finish() is { } problem)
        {
            return problem;
        }

        // Whole minutes; of the minute that has not ended one side would know more than the other, which is asked a little later.
        var to = (end + AlignSeconds - 1) / AlignSeconds * AlignSeconds;
        to = to > now ? Math.Max(AlignSeconds, now / AlignSeconds * AlignSeconds) : to;
        var from = (Math.Max(0, Math.Min(end, to) - (long)range)) / AlignSeconds * AlignSeconds;
        var report = new Report(queries, dataset.Value, from * SecondNs, to * SecondNs, cancellation);
        if (await report.AddAsync(null).ConfigureAwait(false) is { } unknown)
        {
            return unknown;
        }

        foreach (var field in by ?? await SampledFields.OfAsync(catalog, dataset.Value, QueryHttpLimits.BiasFieldsTried, cancellation).ConfigureAwait(false))
        {
            if (by is null && report.Fields.Count == QueryHttpLimits.BiasFieldsDefault)
            {
                break;
            }

            if (await report.AddAsync(field).ConfigureAwait(false) is { } failed)
            {
                return failed;
            }
        }

        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json => Write(json, dataset.Value, report, shown)).ConfigureAwait(false);
        return null;
    });

    private static void Write(Utf8JsonWriter json, string dataset, Report report, int shown)
    {
        json.WriteStartObject();
        json.WriteString("dataset"u8, dataset);
        json.WriteTime(StartName, report.FromNs);
        json.WriteTime(EndName, report.ToNs);
        json.WriteStartObject("count"u8);
        WriteNumbers(json, report.All.Values[0]);
        json.WriteEndObject();
        json.WriteStartArray("fields"u8);
        foreach (var field in report.Fields)
        {
            json.WriteStartObject();
            json.WriteString("field"u8, field.Name);
            json.WriteNumber("values"u8, field.Values.Count);
            json.WriteNumber("intervals"u8, field.Values.Count(value => value.Holds is not null));
            json.WriteNumber("intervals_that_hold"u8, field.Values.Count(value => value.Holds == true));
            WriteValues(json, "most_frequent"u8, field.Values.Take(shown));
            var vanished = field.Values.Where(value => value.Estimate is null).ToList();
            json.WriteStartObject("vanished"u8);
            json.WriteNumber("values"u8, vanished.Count);
            json.WritePropertyName("events"u8);
            json.WriteNumber(vanished.Sum(value => value.Exact));
            WriteValues(json, "most_frequent"u8, vanished.Take(shown));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("not_compared"u8);
        foreach (var (field, reason) in report.NotCompared)
        {
            json.WriteStartObject();
            json.WriteString("field"u8, field);
            json.WriteString("reason"u8, reason);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        ReceiptJson.Write(json, report.All.Receipt, [], []);
        json.WriteEndObject();
    }

    private static void WriteValues(Utf8JsonWriter json, ReadOnlySpan<byte> name, IEnumerable<Value> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStartObject();
            json.WritePropertyName("value"u8);
            json.WriteField(value.Of);
            WriteNumbers(json, value);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteNumbers(Utf8JsonWriter json, Value value)
    {
        json.WritePropertyName("exact"u8);
        json.WriteNumber(value.Exact);
        if (value.Estimate is not { } estimate)
        {
            return;
        }

        json.WritePropertyName("estimate"u8);
        json.WriteNumber(estimate);
        json.WritePropertyName("label"u8);
        ReceiptJson.WriteLabel(json, value.Label);
        if (value.Exact > 0)
        {
            json.WritePropertyName("error"u8);
            json.WriteNumber(Math.Round((estimate / value.Exact) - 1, 6));
        }
    }

    /// <summary>A value of a field: its events by aggregates, and by rows where there are any.</summary>
    private sealed record Value(FieldValue Of, double Exact, double? Estimate, NumberLabel Label)
    {
        /// <summary>Whether the interval of the estimate holds; null where it has none.</summary>
        public bool? Holds => Label is { IntervalLow: { } low, IntervalHigh: { } high } ? low <= Exact && Exact <= high : null;
    }

    /// <summary>A field, its values with the most events first.</summary>
    private sealed record Field(string Name, IReadOnlyList<Value> Values, Receipt Receipt);

    private sealed class Report(IQueryService queries, string dataset, long fromNs, long toNs, CancellationToken cancellation)
    {
        public long FromNs => fromNs;

        public long ToNs => toNs;

        /// <summary>All events together.</summary>
        public Field All { get; private set; } = null!;

        public List<Field> Fields { get; } = [];

        public List<(string Field, string Reason)> NotCompared { get; } = [];

        /// <summary>Compares by a field, or all events where it is null; returns the problem with which the report ends, if any.</summary>
        public async Task<ProblemDocument?> AddAsync(string? field)
        {
            switch (await AskAsync(field, QuerySource.Aggregates).ConfigureAwait(false))
            {
                case QueryOutcome.UnknownDataset:
                    return Problems.UnknownDataset(dataset);
                case QueryOutcome.Refused refused when field is null:
                    return Problems.Unprocessable("query cannot be answered as asked", "", refused.Errors);
                case QueryOutcome.Refused refused:
                    NotCompared.Add((field, refused.Errors[0].Message));
                    return null;
                case QueryOutcome.Answered { Answer: var exact }:
                    return await CompareAsync(field, exact).ConfigureAwait(false);
                case var other:
                    throw new InvalidOperationException($"a query service returned {other}");
            }
        }

        private async Task<ProblemDocument?> CompareAsync(string? field, QueryAnswer exact)
        {
            switch (await AskAsync(field, QuerySource.Rows).ConfigureAwait(false))
            {
                case QueryOutcome.UnknownDataset:
                    return Problems.UnknownDataset(dataset);
                case QueryOutcome.Refused refused:
                    return Problems.Unprocessable("query cannot be answered as asked", "", refused.Errors);
                case QueryOutcome.Answered { Answer: var rows }:
                    if (exact.Receipt.Failed.Count + rows.Receipt.Failed.Count > 0)
                    {
                        // Each side lacks other partitions: numbers that cannot be compared.
                        return Problems.Partial(exact.Receipt.Failed.Count > 0 ? exact.Receipt : rows.Receipt);
                    }

                    if (exact.Receipt.GroupsLeftOutMax > 0 || exact.Results.Any(row => row.Cells[0].Label.Kind != LabelKind.Exact))
                    {
                        NotCompared.Add((field ?? "", "aggregates know its heaviest values alone, and within bounds"));
                        return null;
                    }

                    if (exact.Results.Count == QueryLimits.LimitWithoutSeriesMax || rows.Results.Count == QueryLimits.LimitWithoutSeriesMax)
                    {
                        NotCompared.Add((field!, string.Create(CultureInfo.InvariantCulture, $"it has {QueryLimits.LimitWithoutSeriesMax} values or more")));
                        return null;
                    }

                    var compared = Join(field, exact, rows);
                    if (field is null)
                    {
                        All = compared;
                    }
                    else
                    {
                        Fields.Add(compared);
                    }

                    return null;
                case var other:
                    throw new InvalidOperationException($"a query service returned {other}");
            }
        }

        private Task<QueryOutcome> AskAsync(string? field, QuerySource source) => queries.ExecuteAsync(
            new()
            {
                Dataset = dataset,
                Spec = new() { Breakdowns = field is null ? [] : [field], StartTimeNs = fromNs, EndTimeNs = toNs, Limit = QueryLimits.LimitWithoutSeriesMax },
                Source = source,
                Parts = new() { Series = false, Total = false, Other = false },
                PartialAllowed = false,
            },
            cancellation);

        private static Field Join(string? field, QueryAnswer exact, QueryAnswer rows)
        {
            var estimates = rows.Results.ToDictionary(Group, row => row.Cells[0]);
            var values = exact.Results.Select(row => estimates.TryGetValue(Group(row), out var cell)
                ? new Value(Group(row), Number(row.Cells[0]), Number(cell), cell.Label)
                : new Value(Group(row), Number(row.Cells[0]), null, NumberLabel.Exact));
            var all = values.OrderByDescending(value => value.Exact).ToList();
            return new(field ?? "", all.Count > 0 || field is not null ? all : [new(FieldValue.Absent, 0, null, NumberLabel.Exact)], exact.Receipt);
        }

        private static FieldValue Group(AnswerRow row) => row.Group.Count == 0 ? FieldValue.Absent : row.Group[0];

        private static double Number(AnswerCell cell) => cell.Value.Kind == FieldKind.Float ? cell.Value.AsDouble : cell.Value.AsInteger;
    }
}
