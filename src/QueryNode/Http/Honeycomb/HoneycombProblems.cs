using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>Problems in the shape that Honeycomb's clients read: the standard members, <c>error</c>, and with 422 <c>type_detail</c>.</summary>
internal static class HoneycombProblems
{
    private const string Unparseable = "could not parse request body";
    private const string Invalid = "The provided input is invalid.";

    /// <summary>One of our problems in that shape.</summary>
    public static ProblemDocument Shape(HttpContext context, ProblemDocument problem)
    {
        var (type, title, error) = problem.Status switch
        {
            StatusCodes.Status400BadRequest when problem.Errors is [{ Field: "body" }, ..] => ("unparseable", "The request body could not be parsed.", Unparseable),
            StatusCodes.Status400BadRequest => ("unparseable", "The request could not be parsed.", problem.Detail),
            StatusCodes.Status404NotFound => ("not-found", "The requested resource cannot be found.", problem.Detail),
            StatusCodes.Status409Conflict => ("conflict", "The request conflicts with what is there.", problem.Detail),
            StatusCodes.Status422UnprocessableEntity => ("validation-failed", Invalid, Invalid),
            StatusCodes.Status429TooManyRequests => ("rate-limited", "Too many requests.", problem.Detail),
            StatusCodes.Status500InternalServerError => ("internal", "The request failed by a fault of the server.", problem.Detail),
            _ => (problem.Title.Replace(' ', '-'), problem.Title, problem.Detail),
        };
        var errors = problem.Errors;
        var members = problem.Members;
        return problem with
        {
            Type = $"{context.Request.Scheme}://{context.Request.Host}/problems/{type}",
            Title = title,
            Errors = [],
            Members = json =>
            {
                json.WriteString("error"u8, error ?? title);
                if (problem.Status == StatusCodes.Status422UnprocessableEntity)
                {
                    WriteDetail(json, errors);
                }

                members?.Invoke(json);
            },
        };
    }

    /// <summary>404: no such dataset.</summary>
    public static ProblemDocument NoDataset() => ProblemDocument.NotFound("Dataset not found");

    /// <summary>404: no such thing in the dataset.</summary>
    public static ProblemDocument NoSuch(string noun) => ProblemDocument.NotFound(noun + " not found");

    /// <summary>409.</summary>
    public static ProblemDocument Conflict(string detail) => new() { Status = StatusCodes.Status409Conflict, Title = "conflict", Detail = detail };

    /// <summary>422 for members that cannot be kept. A value of null means that the member is missing.</summary>
    public static ProblemDocument Refused(params IReadOnlyList<ProblemError> errors) => Problems.Unprocessable("not valid", errors);

    /// <summary>401, in the short form that every client of theirs knows.</summary>
    public static Task UnknownKeyAsync(HttpContext context) => JsonOutput.SendAsync(context, StatusCodes.Status401Unauthorized, json =>
    {
        json.WriteStartObject();
        json.WriteString("error"u8, "unknown API key - check your credentials");
        json.WriteEndObject();
    });

    private static void WriteDetail(Utf8JsonWriter json, IReadOnlyList<ProblemError> errors)
    {
        json.WriteStartArray("type_detail"u8);
        foreach (var error in errors)
        {
            json.WriteStartObject();
            json.WriteString("field"u8, error.Field);
            json.WriteString("code"u8, error.Value is null ? "missing" : "invalid");
            json.WriteString("description"u8, error.Message);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
