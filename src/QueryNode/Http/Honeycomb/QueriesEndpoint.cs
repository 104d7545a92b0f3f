using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamObserve.Core.Querying.Language;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Results;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>
/// <c>POST /1/queries/{dataset}</c> and <c>GET /1/queries/{dataset}/{id}</c>: saved specifications. A query is kept as it was written, so that a client that compares
/// finds what it sent; its id follows from that, so that a client that saves it before each run does not fill the store.
/// </summary>
internal sealed class QueriesEndpoint(HoneycombGate gate, KeptObjects objects, DatasetDirectory datasets)
{
    /// <summary>The route of a dataset's queries.</summary>
    public const string ListRoute = "/1/queries/{dataset}";

    /// <summary>The route of a query.</summary>
    public const string ItemRoute = "/1/queries/{dataset}/{id}";

    /// <summary>The name of saved queries in keys.</summary>
    public const string Kind = "queries";

    private const int IdLength = 11;

    /// <summary>Saves a query.</summary>
    public Task CreateAsync(HttpContext context) => gate.AskAsync(context, cancellation => ObjectEndpoint.WithBodyAsync(context, async body =>
    {
        var name = PathNames.Dataset(context);
        if (name.Problem is not null)
        {
            return name.Problem;
        }

        var spec = Plain(body);
        if (!QuerySpecJson.Parse(spec).TryGet(out _, out var errors))
        {
            return HoneycombProblems.Refused([.. errors.Select(error => new ProblemError(error.Field, error.Value, error.Message))]);
        }

        if (await datasets.FindAsync(name.Value, cancellation).ConfigureAwait(false) is not { } dataset)
        {
            return HoneycombProblems.NoDataset();
        }

        var id = IdOf(dataset.Name, spec);
        if (await objects.GetAsync(Kind, dataset.Name, id, cancellation).ConfigureAwait(false) is null)
        {
            await ForgetOldestAsync(cancellation).ConfigureAwait(false);
            await objects.PutAsync(Kind, dataset.Name, id, spec, cancellation).ConfigureAwait(false);
        }

        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json => Write(json, id, spec)).ConfigureAwait(false);
        return null;
    }));

    /// <summary>Reads a saved query.</summary>
    public Task GetAsync(HttpContext context) => gate.AskAsync(context, async cancellation =>
    {
        var name = PathNames.Dataset(context);
        if (name.Problem is not null)
        {
            return name.Problem;
        }

        var dataset = await datasets.FindAsync(name.Value, cancellation).ConfigureAwait(false);
        var id = PathNames.Segment(context, "id");
        if (await objects.GetAsync(Kind, dataset?.Name ?? name.Value, id, cancellation).ConfigureAwait(false) is not { } spec)
        {
            return HoneycombProblems.NoSuch("Query");
        }

        await JsonOutput.SendAsync(context, StatusCodes.Status200OK, json => Write(json, id, spec)).ConfigureAwait(false);
        return null;
    });

    /// <summary>Writes a query with its id as one object.</summary>
    public static void Write(Utf8JsonWriter json, string id, ReadOnlyMemory<byte> spec)
    {
        using var document = JsonDocument.Parse(spec);
        json.WriteStartObject();
        json.WriteString("id"u8, id);
        foreach (var member in document.RootElement.EnumerateObject())
        {
            member.WriteTo(json);
        }

        json.WriteEndObject();
    }

    /// <summary>The specification without the members that clients send back with it, and without those that say nothing.</summary>
    private static byte[] Plain(JsonElement body) => KeptJson.Write(json =>
    {
        foreach (var member in body.EnumerateObject())
        {
            if (member.Name != "id" && member.Value.ValueKind != JsonValueKind.Null)
            {
                member.WriteTo(json);
            }
        }
    });

    private static string IdOf(string dataset, byte[] spec)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(dataset));
        hash.AppendData("\n"u8);
        hash.AppendData(spec);
        return HashId.Of(hash.GetHashAndReset(), IdLength);
    }

    /// <summary>Makes room: queries that were saved longest ago go, but none that an annotation names.</summary>
    private async Task ForgetOldestAsync(CancellationToken cancellation)
    {
        var all = await objects.ListAllAsync(Kind, cancellation).ConfigureAwait(false);
        if (all.Count < HoneycombLimits.QueriesMax)
        {
            return;
        }

        var named = new HashSet<string>(StringComparer.Ordinal);
        foreach (var annotation in await objects.ListAllAsync(ObjectKinds.QueryAnnotations.Path, cancellation).ConfigureAwait(false))
        {
            using var document = JsonDocument.Parse(annotation.Value);
            named.Add(document.RootElement.GetProperty("query_id"u8).GetString()!);
        }

        var forgotten = 0;
        foreach (var query in all)
        {
            if (forgotten == HoneycombLimits.QueriesForgottenAtOnce)
            {
                return;
            }

            if (!named.Contains(KeptObjects.PlaceOf(query).Id))
            {
                await objects.DeleteAsync(query, cancellation).ConfigureAwait(false);
                forgotten++;
            }
        }
    }
}

/// <summary>Ids that follow from what they name.</summary>
internal static class HashId
{
    /// <summary>The first so many letters and digits of a hash, at most 11 of its first 8 bytes.</summary>
    public static string Of(ReadOnlySpan<byte> hash, int length)
    {
        var number = System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(hash);
        return string.Create(length, number, static (text, number) =>
        {
            for (var i = 0; i < text.Length; i++)
            {
                text[i] = TimedResultIds.Alphabet[(int)(number % (ulong)TimedResultIds.Alphabet.Length)];
                number /= (ulong)TimedResultIds.Alphabet.Length;
            }
        });
    }
}
