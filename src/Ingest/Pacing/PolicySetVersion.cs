using System.Text.Json;

namespace StreamObserve.Ingest.Pacing;

/// <summary>Reads the version out of a policy set's JSON: its top-level member <c>version</c>, an integer of 1 or more.</summary>
internal static class PolicySetVersion
{
    /// <summary>False when the bytes are no JSON object with such a member.</summary>
    public static bool TryRead(ReadOnlySpan<byte> json, out long version)
    {
        version = 0;
        try
        {
            var reader = new Utf8JsonReader(json);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isVersion = reader.ValueTextEquals("version"u8);
                reader.Read();
                if (isVersion)
                {
                    return reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out version) && version > 0;
                }

                reader.Skip();
            }
        }
        catch (JsonException)
        {
            // Not a policy set.
        }

        return false;
    }
}
