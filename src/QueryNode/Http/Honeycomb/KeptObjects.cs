using System.Text.Json;
using StreamObserve.Core.Events;
using StreamObserve.Hosting;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http.Honeycomb;

/// <summary>
/// Objects of the <see cref="ObjectKinds"/> as JSON in the meta store, key <c>honeycomb/KIND/DATASET/ID</c>: what is kept is what is answered. Any thread.
/// </summary>
internal sealed class KeptObjects(IMetaStore meta, IResultIds ids, TimeProvider time)
{
    private const string Prefix = "honeycomb/";

    /// <summary>The JSON of an object; null when there is none.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> GetAsync(string kind, string dataset, string id, CancellationToken cancellation)
    {
        var record = id.Length <= QueryHttpLimits.ResultIdCharsMax ? await meta.GetAsync(Key(kind, dataset, id), cancellation).ConfigureAwait(false) : null;
        return record?.Value;
    }

    /// <summary>The objects of a dataset, those that changed longest ago first.</summary>
    public ValueTask<IReadOnlyList<MetaRecord>> ListAsync(string kind, string dataset, CancellationToken cancellation) => meta.ListAsync(Key(kind, dataset, ""), cancellation);

    /// <summary>The objects of all datasets.</summary>
    public ValueTask<IReadOnlyList<MetaRecord>> ListAllAsync(string kind, CancellationToken cancellation) => meta.ListAsync($"{Prefix}{kind}/", cancellation);

    /// <summary>Keeps an object's JSON.</summary>
    public Task PutAsync(string kind, string dataset, string id, ReadOnlyMemory<byte> json, CancellationToken cancellation) => meta.PutAsync(Key(kind, dataset, id), json, cancellation);

    /// <summary>Deletes an object.</summary>
    public Task DeleteAsync(string kind, string dataset, string id, CancellationToken cancellation) => meta.DeleteAsync(Key(kind, dataset, id), cancellation);

    /// <summary>Deletes an object by its key.</summary>
    public Task DeleteAsync(MetaRecord record, CancellationToken cancellation) => meta.DeleteAsync(record.Key, cancellation);

    /// <summary>The dataset and the id of an object's key.</summary>
    public static (string Dataset, string Id) PlaceOf(MetaRecord record)
    {
        var parts = record.Key.Split('/');
        return (Uri.UnescapeDataString(parts[2]), parts[3]);
    }

    /// <summary>Makes an object from a request's body and keeps it; its JSON, or what is wrong with it.</summary>
    public async Task<Reading<ReadOnlyMemory<byte>>> CreateAsync(ObjectKind kind, string dataset, JsonElement body, CancellationToken cancellation)
    {
        var id = ids.Next();
        var json = Make(kind, id, body, previous: null);
        if (json.Problem is not null)
        {
            return json.Problem;
        }

        var others = await ListAsync(kind.Path, dataset, cancellation).ConfigureAwait(false);
        if (Clash(kind, id, json.Value, others) is { } clash)
        {
            return clash;
        }

        if (others.Count >= kind.Max)
        {
            if (!kind.OldestGoes)
            {
                return HoneycombProblems.Refused(new ProblemError(kind.Path, $"{others.Count}", $"a dataset may have {kind.Max}; delete one first"));
            }

            await DeleteAsync(others[0], cancellation).ConfigureAwait(false);
        }

        await PutAsync(kind.Path, dataset, id, json.Value, cancellation).ConfigureAwait(false);
        return json.Value;
    }

    /// <summary>Replaces an object; its JSON, or what is wrong with it.</summary>
    public async Task<Reading<ReadOnlyMemory<byte>>> ReplaceAsync(ObjectKind kind, string dataset, string id, JsonElement body, CancellationToken cancellation)
    {
        if (await GetAsync(kind.Path, dataset, id, cancellation).ConfigureAwait(false) is not { } previous)
        {
            return HoneycombProblems.NoSuch(kind.Noun);
        }

        var json = Make(kind, id, body, previous);
        if (json.Problem is not null)
        {
            return json.Problem;
        }

        if (Clash(kind, id, json.Value, await ListAsync(kind.Path, dataset, cancellation).ConfigureAwait(false)) is { } clash)
        {
            return clash;
        }

        await PutAsync(kind.Path, dataset, id, json.Value, cancellation).ConfigureAwait(false);
        return json.Value;
    }

    private static string Key(string kind, string dataset, string id) => $"{Prefix}{kind}/{Uri.EscapeDataString(dataset)}/{id}";

    private Reading<ReadOnlyMemory<byte>> Make(ObjectKind kind, string id, JsonElement body, ReadOnlyMemory<byte>? previous)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000;
        using var before = previous is { } json ? JsonDocument.Parse(json) : null;
        var errors = new List<ProblemError>();
        var made = KeptJson.Write(writer =>
        {
            writer.WriteString("id"u8, id);
            foreach (var member in kind.Members)
            {
                switch (member.Type)
                {
                    case MemberType.Time when KeptJson.UnixSeconds(body, member.Name, errors) is { } seconds:
                        writer.WriteNumber(member.Name, seconds);
                        break;
                    case MemberType.Time when member.Name == "start_time":
                        writer.WriteNumber(member.Name, before is null ? now / 1_000_000_000 : before.RootElement.GetProperty(member.Name).GetInt64());
                        break;
                    case MemberType.Time:
                        break;
                    case MemberType.RequiredText:
                        writer.WriteString(member.Name, KeptJson.RequiredText(body, member.Name, member.CharsMax, errors));
                        break;
                    default:
                        if ((KeptJson.Text(body, member.Name, member.CharsMax, errors) ?? (member.WrittenWhenMissing ? "" : null)) is { } text)
                        {
                            writer.WriteString(member.Name, text);
                        }

                        break;
                }
            }

            writer.WriteString("created_at"u8, EventTime.Format(before is null ? now : KeptJson.Time(before.RootElement, "created_at") ?? now));
            writer.WriteString("updated_at"u8, EventTime.Format(now));
        });
        if (errors.Count == 0)
        {
            using var document = JsonDocument.Parse(made);
            if (kind.Check(document.RootElement) is { } error)
            {
                errors.Add(error);
            }
        }

        return errors.Count == 0 ? (ReadOnlyMemory<byte>)made : HoneycombProblems.Refused(errors);
    }

    private static ProblemDocument? Clash(ObjectKind kind, string id, ReadOnlyMemory<byte> json, IReadOnlyList<MetaRecord> others)
    {
        if (kind.Unique is not { } member)
        {
            return null;
        }

        using var made = JsonDocument.Parse(json);
        var value = made.RootElement.GetProperty(member).GetString();
        foreach (var other in others)
        {
            using var document = JsonDocument.Parse(other.Value);
            if (PlaceOf(other).Id != id && document.RootElement.GetProperty(member).GetString() == value)
            {
                return HoneycombProblems.Conflict($"{kind.Noun} with {member} \"{value}\" already exists");
            }
        }

        return null;
    }
}
