using Microsoft.AspNetCore.Http;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary><c>GET /1/auth</c>: whose key this is and what it may do. Clients ask it first.</summary>
internal sealed class AuthEndpoint(HoneycombGate gate)
{
    /// <summary>The route.</summary>
    public const string Route = "/1/auth";

    private static readonly string[] Permissions = ["events", "markers", "triggers", "boards", "queries", "columns", "create_datasets", "slos", "recipients"];

    /// <summary>Answers with the key's team, environment and permissions.</summary>
    public Task GetAsync(HttpContext context) => gate.AtOnceAsync(context, async (access, _) =>
    {
        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "configuration");
            json.WriteStartObject("api_key_access"u8);
            foreach (var permission in Permissions)
            {
                // There are no triggers, boards, service level objectives and recipients (yet).
                json.WriteBoolean(permission, permission is "events" or "queries" or "columns" or "markers" or "create_datasets" && (access.MayChange || permission == "queries"));
            }

            json.WriteEndObject();
            WriteNames(json, "environment", access.Environment);
            WriteNames(json, "team", access.Team);
            json.WriteEndObject();
        }).ConfigureAwait(false);
        return null;
    });

    private static void WriteNames(System.Text.Json.Utf8JsonWriter json, string member, string name)
    {
        json.WriteStartObject(member);
        json.WriteString("name"u8, name);
        json.WriteString("slug"u8, DatasetDirectory.Slug(name));
        json.WriteEndObject();
    }
}
