using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>Names of datasets in paths, parameters and bodies.</summary>
internal static class PathNames
{
    /// <summary>The dataset of the path's <c>{dataset}</c>, in lower case.</summary>
    public static Reading<string> Dataset(HttpContext context) => Dataset((string)context.Request.RouteValues["dataset"]!);

    /// <summary>A dataset's name in lower case, or the 400 that says what is wrong with it.</summary>
    public static Reading<string> Dataset(string name) => CheckDataset(name) is { } error ? Problems.BadRequest(error) : DatasetNames.Normalise(name);

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
