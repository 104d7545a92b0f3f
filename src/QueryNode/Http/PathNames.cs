using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>Names in paths, and those of datasets in parameters and bodies.</summary>
internal static class PathNames
{
    /// <summary>
    /// One segment of the path. The server decodes every escape but that of a slash, which columns and trace ids may well have, so that one is decoded here.
    /// </summary>
    public static string Segment(HttpContext context, string name) =>
        ((string)context.Request.RouteValues[name]!).Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    /// <summary>The dataset of the path's <c>{dataset}</c>, in lower case.</summary>
    public static Reading<string> Dataset(HttpContext context) => Dataset(Segment(context, "dataset"));

    /// <summary>A dataset's name in lower case, or the 400 that says what is wrong with it.</summary>
    private static Reading<string> Dataset(string name) => CheckDataset(name) is { } error ? Problems.BadRequest(error) : DatasetNames.Normalise(name);

    /// <summary>What is wrong with a dataset's name, or null.</summary>
    public static ProblemError? CheckDataset(string name)
    {
        if (string.IsNullOrWhiteSpace(name))
        {
            return new("dataset", name, $"is empty; name a dataset, or {DatasetNames.All} for all of them");
        }

        return name.Length > QueryHttpLimits.DatasetCharsMax
            ? new("dataset", JsonText.Excerpt(name), $"may have {QueryHttpLimits.DatasetCharsMax} characters")
            : null;
    }
}
