using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Hosting;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>What a member of a kept object holds.</summary>
internal enum MemberType : byte
{
    /// <summary>Text that may be missing.</summary>
    Text,

    /// <summary>Text that must be there and not blank.</summary>
    RequiredText,

    /// <summary>A time in unix seconds that may be missing.</summary>
    Time,
}

/// <summary>A member of a kept object.</summary>
internal sealed record ObjectMember(string Name, MemberType Type, int CharsMax = 0)
{
    /// <summary>True = a missing text is written as an empty one, as some clients compare it with what they sent.</summary>
    public bool WrittenWhenMissing { get; init; }
}

/// <summary>A kind of object that clients make, read, replace and delete by id, kept by dataset.</summary>
internal sealed record ObjectKind
{
    /// <summary>Its name in paths and keys.</summary>
    public required string Path { get; init; }

    /// <summary>Its name in errors.</summary>
    public required string Noun { get; init; }

    /// <summary>Its members besides the id and the two times of change.</summary>
    public required IReadOnlyList<ObjectMember> Members { get; init; }

    /// <summary>The member of which no two in a dataset have the same; null = none. A request may look for it by a parameter of its name.</summary>
    public string? Unique { get; init; }

    /// <summary>What a deletion answers: 200 with the object, or another 2xx without.</summary>
    public int DeletedStatus { get; init; } = StatusCodes.Status204NoContent;

    /// <summary>Most of a dataset.</summary>
    public int Max { get; init; } = HoneycombLimits.ObjectsMax;

    /// <summary>True = past <see cref="Max"/> the one that changed longest ago is deleted, false = a new one is refused.</summary>
    public bool OldestGoes { get; init; }

    /// <summary>True = it may be made for a dataset that has no events yet.</summary>
    public bool MakesDataset { get; init; }

    /// <summary>What is wrong with an object whose members are well-formed.</summary>
    public Func<JsonElement, ProblemError?> Check { get; init; } = _ => null;
}

/// <summary>The kinds.</summary>
internal static class ObjectKinds
{
    private static readonly ObjectMember Description = new("description", MemberType.Text, HoneycombLimits.TextCharsMax) { WrittenWhenMissing = true };

    /// <summary>Markers: moments and spans of time with a message, such as deploys.</summary>
    public static ObjectKind Markers { get; } = new()
    {
        Path = "markers",
        Noun = "Marker",
        Members =
        [
            new("start_time", MemberType.Time),
            new("end_time", MemberType.Time),
            new("message", MemberType.Text, HoneycombLimits.TextCharsMax),
            new("type", MemberType.Text, HoneycombLimits.NameCharsMax),
            new("url", MemberType.Text, HoneycombLimits.TextCharsMax),
        ],
        DeletedStatus = StatusCodes.Status200OK,
        Max = HoneycombLimits.MarkersMax,
        OldestGoes = true,
        MakesDataset = true,
        Check = static body => body.TryGetProperty("end_time"u8, out var end) && body.TryGetProperty("start_time"u8, out var start) && end.GetInt64() < start.GetInt64()
            ? new("end_time", end.GetRawText(), "must not be before start_time")
            : null,
    };

    /// <summary>Colours of markers by their type.</summary>
    public static ObjectKind MarkerSettings { get; } = new()
    {
        Path = "marker_settings",
        Noun = "Marker setting",
        Members = [new("type", MemberType.RequiredText, HoneycombLimits.NameCharsMax), new("color", MemberType.RequiredText, HoneycombLimits.NameCharsMax)],
        Unique = "type",
        MakesDataset = true,
        Check = static body => body.GetProperty("color"u8).GetString() is ['#', .. { Length: 6 } digits] && digits.All(char.IsAsciiHexDigit)
            ? null
            : new("color", body.GetProperty("color"u8).GetString(), "must be a colour such as #F96E11"),
    };

    /// <summary>Names and descriptions of saved queries.</summary>
    public static ObjectKind QueryAnnotations { get; } = new()
    {
        Path = "query_annotations",
        Noun = "Query annotation",
        Members =
        [
            new("name", MemberType.RequiredText, HoneycombLimits.NameCharsMax),
            Description,
            new("query_id", MemberType.RequiredText, QueryHttpLimits.ResultIdCharsMax),
        ],
    };

    /// <summary>Calculated fields that every query of a dataset may name.</summary>
    public static ObjectKind DerivedColumns { get; } = new()
    {
        Path = "derived_columns",
        Noun = "Derived column",
        Members =
        [
            new("alias", MemberType.RequiredText, HoneycombLimits.NameCharsMax),
            new("expression", MemberType.RequiredText, HoneycombLimits.ExpressionCharsMax),
            Description,
        ],
        Unique = "alias",
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<ObjectKind> All { get; } = [Markers, MarkerSettings, QueryAnnotations, DerivedColumns];
}
