using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using System.Text;
using StreamObserve.Storage.Engine;

namespace StreamObserve.Storage.Cuts;

/// <summary>
/// The one file that makes a cut exist: what each store needs to recover, the owner's payload, the fingerprint of the settings,
/// and a CRC over it all. Layout in docs/formats/manifest.md.
/// </summary>
/// <param name="Id">The cut.</param>
/// <param name="TakenAt">When it was begun.</param>
/// <param name="Fingerprint">The settings it was written with.</param>
/// <param name="Stores">One part for each store.</param>
/// <param name="Payload">The owner's bytes.</param>
internal sealed record CutManifest(
    CutId Id, DateTimeOffset TakenAt, SettingsFingerprint Fingerprint, IReadOnlyList<StoreCut> Stores, ReadOnlyMemory<byte> Payload)
{
    /// <summary>Version of the layout; another one is refused as unreadable.</summary>
    public const ushort FormatVersion = 1;

    private static ReadOnlySpan<byte> Magic => "SOBSVCUT"u8;

    private const int ChecksumBytes = sizeof(uint);

    /// <summary>File name of a cut within its epoch's folder.</summary>
    public static string FileName(long sequence) => string.Create(CultureInfo.InvariantCulture, $"cut-{sequence:D10}.manifest");

    /// <summary>Reads a sequence from a file name, if it is one.</summary>
    public static bool TryParseFileName(string name, out long sequence)
    {
        sequence = 0;
        return name.StartsWith("cut-", StringComparison.Ordinal) && name.EndsWith(".manifest", StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(4, name.Length - 13), NumberStyles.None, CultureInfo.InvariantCulture, out sequence);
    }

    /// <summary>Encodes the manifest.</summary>
    public byte[] Encode()
    {
        var buffer = new ArrayBufferWriter<byte>(1024 + Payload.Length);
        buffer.Write(Magic);
        WriteUInt16(buffer, FormatVersion);
        WriteInt64(buffer, Id.Epoch);
        WriteInt64(buffer, Id.Sequence);
        WriteInt64(buffer, TakenAt.ToUnixTimeMilliseconds());
        WriteBytes(buffer, Encoding.UTF8.GetBytes(Fingerprint.Text));
        WriteUInt16(buffer, (ushort)Stores.Count);
        foreach (StoreCut store in Stores)
        {
            WriteBytes(buffer, Encoding.UTF8.GetBytes(store.Store));
            WriteGuid(buffer, store.LogToken);
            WriteBytes(buffer, store.LogMetadata);
            WriteInt64(buffer, store.IndexBytes);
            WriteGuid(buffer, store.IndexToken);
            WriteBytes(buffer, store.IndexMetadata);
            WriteFile(buffer, store.Index);
            WriteInt64(buffer, store.IndexedUntil);
            WriteBytes(buffer, store.TailSector);
        }

        WriteBytes(buffer, Payload.Span);
        WriteUInt32(buffer, Crc32.HashToUInt32(buffer.WrittenSpan));
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Decodes a manifest; returns null and what is wrong if it is not whole and sound.</summary>
    public static CutManifest? TryDecode(ReadOnlyMemory<byte> file, out string? problem)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        if (bytes.Length < Magic.Length + sizeof(ushort) + ChecksumBytes || !bytes.StartsWith(Magic))
        {
            problem = $"not a manifest ({bytes.Length} bytes)";
            return null;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[^ChecksumBytes..]) != Crc32.HashToUInt32(bytes[..^ChecksumBytes]))
        {
            problem = "the manifest's CRC does not hold";
            return null;
        }

        var reader = new ManifestReader(file[Magic.Length..^ChecksumBytes]);
        ushort version = reader.UInt16();
        if (version != FormatVersion)
        {
            problem = string.Create(CultureInfo.InvariantCulture, $"the manifest has format version {version}, this process reads {FormatVersion}");
            return null;
        }

        try
        {
            var id = new CutId(reader.Int64(), reader.Int64());
            var takenAt = DateTimeOffset.FromUnixTimeMilliseconds(reader.Int64());
            var fingerprint = new SettingsFingerprint(Encoding.UTF8.GetString(reader.Bytes().Span));
            var stores = new StoreCut[reader.UInt16()];
            for (int i = 0; i < stores.Length; i++)
            {
                stores[i] = new StoreCut(
                    Store: Encoding.UTF8.GetString(reader.Bytes().Span),
                    LogToken: reader.Guid(),
                    LogMetadata: reader.Bytes().ToArray(),
                    IndexBytes: reader.Int64(),
                    IndexToken: reader.Guid(),
                    IndexMetadata: reader.Bytes().ToArray(),
                    Index: new CheckpointFile(reader.Int64(), reader.UInt32()),
                    IndexedUntil: reader.Int64(),
                    TailSector: reader.Bytes().ToArray());
            }

            var manifest = new CutManifest(id, takenAt, fingerprint, stores, reader.Bytes());
            problem = reader.IsAtEnd ? null : "bytes are left over behind the payload";
            return problem is null ? manifest : null;
        }
        catch (Exception failure) when (failure is ArgumentException or FormatException or FASTER.core.FasterException or OverflowException)
        {
            problem = $"the manifest's CRC holds but its content does not parse: {failure.Message}";
            return null;
        }
    }

    private static void WriteFile(ArrayBufferWriter<byte> buffer, CheckpointFile file)
    {
        WriteInt64(buffer, file.Bytes);
        WriteUInt32(buffer, file.Checksum);
    }

    private static void WriteGuid(ArrayBufferWriter<byte> buffer, Guid guid)
    {
        guid.TryWriteBytes(buffer.GetSpan(16));
        buffer.Advance(16);
    }

    private static void WriteBytes(ArrayBufferWriter<byte> buffer, ReadOnlySpan<byte> bytes)
    {
        WriteUInt32(buffer, (uint)bytes.Length);
        buffer.Write(bytes);
    }

    private static void WriteUInt16(ArrayBufferWriter<byte> buffer, ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(buffer.GetSpan(sizeof(ushort)), value);
        buffer.Advance(sizeof(ushort));
    }

    private static void WriteUInt32(ArrayBufferWriter<byte> buffer, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(buffer.GetSpan(sizeof(uint)), value);
        buffer.Advance(sizeof(uint));
    }

    private static void WriteInt64(ArrayBufferWriter<byte> buffer, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(buffer.GetSpan(sizeof(long)), value);
        buffer.Advance(sizeof(long));
    }

    /// <summary>Reads fields one after another; throws <see cref="ArgumentException"/> past the end.</summary>
    private struct ManifestReader(ReadOnlyMemory<byte> rest)
    {
        private ReadOnlyMemory<byte> _rest = rest;

        public readonly bool IsAtEnd => _rest.IsEmpty;

        public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort)).Span);

        public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)).Span);

        public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)).Span);

        public Guid Guid() => new(Take(16).Span);

        public ReadOnlyMemory<byte> Bytes() => Take(checked((int)UInt32()));

        private ReadOnlyMemory<byte> Take(int length)
        {
            ReadOnlyMemory<byte> taken = _rest[..length];
            _rest = _rest[length..];
            return taken;
        }
    }
}
