using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Log;

/// <summary>
/// The state of a partition at a place up to which its files are on disk: a restart reads and checks only what comes after.
/// Written after the fsync of what it covers, so that it never stands for bytes that a power failure took.
/// </summary>
internal sealed record RecoveryPoint(long SegmentBaseOffset, SegmentIndex Index, ProducerStateTable Producers)
{
    private const int Version = 1;
    private const string FileName = "recovery-point";

    /// <summary>The point as bytes.</summary>
    public static byte[] Export(long segmentBaseOffset, SegmentIndex index, ProducerStateTable producers)
    {
        using ProtocolWriter writer = new(64 * 1024);
        writer.WriteInt32(Version);
        writer.WriteInt64(segmentBaseOffset);
        writer.WriteBytes(index.Export());
        producers.Export(writer);
        return writer.WrittenSpan.ToArray();
    }

    /// <summary>Replaces the partition's recovery point.</summary>
    public static void Write(string directory, byte[] exported) => DurableFile.Replace(Path.Combine(directory, FileName), exported);

    /// <summary>The partition's recovery point; null when there is none or it is damaged, and everything must be read.</summary>
    public static RecoveryPoint? TryRead(string directory)
    {
        byte[]? bytes = DurableFile.TryRead(Path.Combine(directory, FileName));
        if (bytes is null)
        {
            return null;
        }

        ProtocolReader reader = new(bytes, 0, flexible: false);
        if (reader.ReadInt32() != Version)
        {
            return null;
        }

        long segment = reader.ReadInt64();
        SegmentIndex? index = SegmentIndex.Import(reader.ReadBytes());
        return index is null ? null : new RecoveryPoint(segment, index, ProducerStateTable.Import(ref reader));
    }

    /// <summary>Forgets the point, because the files it stands for are about to be rewritten.</summary>
    public static void Remove(string directory) => File.Delete(Path.Combine(directory, FileName));
}
