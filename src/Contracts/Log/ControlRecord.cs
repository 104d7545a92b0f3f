using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace StreamObserve.Contracts.Log;

/// <summary>A record of the batches log that carries no events (docs/formats/log-records.md). Written by the pacemaker to every partition.</summary>
public abstract record ControlRecord
{
    /// <summary>The format that <see cref="Encode"/> writes, the record's second byte.</summary>
    public const byte FormatVersion = 1;

    /// <summary>Bytes before a record's own fields: kind, format.</summary>
    private protected const int HeaderBytes = 2;

    /// <summary>Bytes of the CRC-32C that ends every control record.</summary>
    private protected const int ChecksumBytes = 4;

    private protected ControlRecord()
    {
    }

    /// <summary>The record's bytes, kind byte first.</summary>
    public abstract byte[] Encode();

    /// <summary>Reads a tick or policies record. False, with the reason, for anything else and for damaged bytes.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out ControlRecord? record, [NotNullWhen(false)] out string? reason)
    {
        record = null;
        reason = null;
        if (bytes.Length < HeaderBytes + ChecksumBytes)
        {
            reason = $"a control record of {bytes.Length} bytes: the shortest has {HeaderBytes + ChecksumBytes}";
            return false;
        }

        if (bytes[1] != FormatVersion)
        {
            reason = $"control record format {bytes[1]}: this version reads {FormatVersion}";
            return false;
        }

        var body = bytes[..^ChecksumBytes];
        var expected = BinaryPrimitives.ReadUInt32LittleEndian(bytes[^ChecksumBytes..]);
        var found = Checksum(body);
        if (found != expected)
        {
            reason = $"control record CRC {found:x8}, it says {expected:x8}: damaged";
            return false;
        }

        switch ((LogRecordKind)bytes[0])
        {
            case LogRecordKind.Tick:
                return TickRecord.TryParseBody(body[HeaderBytes..], out record, out reason);
            case LogRecordKind.Policies:
                return PoliciesRecord.TryParseBody(body[HeaderBytes..], out record, out reason);
            default:
                reason = $"record kind {bytes[0]} is not a control record";
                return false;
        }
    }

    private protected static byte[] Frame(LogRecordKind kind, int bodyBytes)
    {
        var bytes = new byte[HeaderBytes + bodyBytes + ChecksumBytes];
        bytes[0] = (byte)kind;
        bytes[1] = FormatVersion;
        return bytes;
    }

    private protected static byte[] Seal(byte[] bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - ChecksumBytes), Checksum(bytes.AsSpan(0, bytes.Length - ChecksumBytes)));
        return bytes;
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }
}

/// <summary>
/// Moves a partition's log time on when its input is silent, once a second. <paramref name="PolicyVersion"/>: the policy version in force in this partition (0 = none written yet).
/// <paramref name="ClockMs"/>: the pacemaker's own clock, unix milliseconds; for people and for measuring delays, never for a decision.
/// </summary>
public sealed record TickRecord(long PolicyVersion, long ClockMs) : ControlRecord
{
    private const int BodyBytes = 16;

    /// <inheritdoc/>
    public override byte[] Encode()
    {
        var bytes = Frame(LogRecordKind.Tick, BodyBytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(HeaderBytes), PolicyVersion);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(HeaderBytes + 8), ClockMs);
        return Seal(bytes);
    }

    internal static bool TryParseBody(ReadOnlySpan<byte> body, [NotNullWhen(true)] out ControlRecord? record, [NotNullWhen(false)] out string? reason)
    {
        if (body.Length != BodyBytes)
        {
            record = null;
            reason = $"a tick's body has {BodyBytes} bytes, this one {body.Length}";
            return false;
        }

        record = new TickRecord(BinaryPrimitives.ReadInt64LittleEndian(body), BinaryPrimitives.ReadInt64LittleEndian(body[8..]));
        reason = null;
        return true;
    }
}

/// <summary>
/// A version of the whole policy set, taking effect at this place of this partition's log. <paramref name="Version"/>: grows with every change; a partition ignores versions
/// that it already has. <paramref name="Json"/>: the set, UTF-8 JSON.
/// </summary>
public sealed record PoliciesRecord(long Version, ReadOnlyMemory<byte> Json) : ControlRecord
{
    /// <inheritdoc/>
    public override byte[] Encode()
    {
        var bytes = Frame(LogRecordKind.Policies, 8 + Json.Length);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(HeaderBytes), Version);
        Json.Span.CopyTo(bytes.AsSpan(HeaderBytes + 8));
        return Seal(bytes);
    }

    /// <summary>Equal when version and bytes are.</summary>
    public bool Equals(PoliciesRecord? other) => other is not null && Version == other.Version && Json.Span.SequenceEqual(other.Json.Span);

    /// <inheritdoc/>
    public override int GetHashCode() => Version.GetHashCode();

    internal static bool TryParseBody(ReadOnlySpan<byte> body, [NotNullWhen(true)] out ControlRecord? record, [NotNullWhen(false)] out string? reason)
    {
        if (body.Length < 8)
        {
            record = null;
            reason = $"a policies record's body has 8 bytes or more, this one {body.Length}";
            return false;
        }

        record = new PoliciesRecord(BinaryPrimitives.ReadInt64LittleEndian(body), body[8..].ToArray());
        reason = null;
        return true;
    }
}
