using System.Globalization;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>The error answers of role query.</summary>
internal static class Problems
{
    /// <summary>400: parameters or members that cannot be read, one error or more.</summary>
    public static ProblemDocument BadRequest(params IReadOnlyList<ProblemError> errors) => ProblemDocument.BadRequest(Summary(errors), errors);

    /// <summary>400: text that is not of the language. The member <c>position</c> is the first error's character in it, from 1.</summary>
    public static ProblemDocument BadText(string field, IReadOnlyList<QueryError> errors) =>
        WithPosition(BadRequest([.. errors.Select(error => new ProblemError(field, error.Value, error.Message))]), errors);

    /// <summary>
    /// 422: what can be read and cannot be done, one error or more. <paramref name="prefix"/> leads to the errors' fields. The member <c>position</c> is as in
    /// <see cref="BadText"/>, where the query came as text.
    /// </summary>
    public static ProblemDocument Unprocessable(string title, string prefix, IReadOnlyList<QueryError> errors)
    {
        ProblemError[] fields = [.. errors.Select(error => new ProblemError(error.Field.Length == 0 ? prefix.TrimEnd('.') : prefix + error.Field, error.Value, error.Message))];
        return WithPosition(Unprocessable(title, fields), errors);
    }

    /// <summary>422: what can be read and cannot be done, one error or more.</summary>
    public static ProblemDocument Unprocessable(string title, IReadOnlyList<ProblemError> errors) =>
        new() { Status = StatusCodes.Status422UnprocessableEntity, Title = title, Detail = Summary(errors), Errors = errors };

    /// <summary>404: there is no such thing.</summary>
    public static ProblemDocument NotFound(string field, string value, string message) =>
        ProblemDocument.NotFound($"{field}: {message}", new ProblemError(field, value, message));

    /// <summary>404: nobody has written to the dataset.</summary>
    public static ProblemDocument UnknownDataset(string dataset) =>
        NotFound("dataset", dataset, $"no dataset \"{dataset}\" has events; GET {CatalogEndpoint.DatasetsRoute} lists those that do");

    /// <summary>429: the node has as much to do as it takes on.</summary>
    public static ProblemDocument Overloaded(string detail) =>
        new() { Status = StatusCodes.Status429TooManyRequests, Title = "overloaded", Detail = detail, RetryAfterSeconds = QueryHttpLimits.RetryAfterSeconds };

    /// <summary>504: the request took too long.</summary>
    public static ProblemDocument TimedOut(TimeSpan after) => new()
    {
        Status = StatusCodes.Status504GatewayTimeout,
        Title = "timed out",
        Detail = string.Create(CultureInfo.InvariantCulture, $"no answer within {after.TotalSeconds:0.###} s; ask about less time, or raise the query time-out"),
    };

    /// <summary>503: the parts behind the HTTP face cannot serve.</summary>
    public static ProblemDocument Unavailable(ServiceUnavailableException reason) => new()
    {
        Status = StatusCodes.Status503ServiceUnavailable,
        Title = "unavailable",
        Detail = reason.Message,
        RetryAfterSeconds = reason.IsTransient ? QueryHttpLimits.RetryAfterSeconds : null,
    };

    /// <summary>503: partitions are missing and the client takes no partial answer. The member <c>failed</c> lists them.</summary>
    public static ProblemDocument Partial(Receipt receipt) => new()
    {
        Status = StatusCodes.Status503ServiceUnavailable,
        Title = "partial answer refused",
        Detail = $"{receipt.Failed.Count} of {receipt.Asked} partitions did not answer; with \"partial\":\"allow\" the others do, and the receipt says so",
        Errors = [.. receipt.Failed.Select(failed => new ProblemError("partition", failed.Partition.ToString(CultureInfo.InvariantCulture), failed.Reason))],
        RetryAfterSeconds = receipt.Failed.All(failed => failed.Retryable) ? QueryHttpLimits.RetryAfterSeconds : null,
        Members = json => ReceiptJson.WriteFailed(json, receipt.Failed),
    };

    /// <summary>No partition has an answer: 503 that names why.</summary>
    public static ProblemDocument NoneAnswered(Receipt receipt) => Partial(receipt) with { Title = "no answer", Detail = $"none of {receipt.Asked} partitions has an answer now" };

    private static ProblemDocument WithPosition(ProblemDocument document, IReadOnlyList<QueryError> errors) =>
        errors[0].Offset is { } offset ? document with { Members = json => json.WriteNumber("position"u8, offset + 1) } : document;

    private static string Summary(IReadOnlyList<ProblemError> errors) => string.Join("; ", errors.Select(error => $"{error.Field}: {error.Message}"));
}
