using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace StreamObserve.Scenario.Harness;

/// <summary>Which traces the deterministic sampler keeps, by its published definition.</summary>
public static class DeterministicSampling
{
    private const string Salt = "5VQ8l2jE5aJLPVqk";

    /// <summary>True when one in <paramref name="rate"/> keeps this trace.</summary>
    public static bool Keeps(string traceId, uint rate) =>
        BinaryPrimitives.ReadUInt32BigEndian(SHA1.HashData(Encoding.UTF8.GetBytes(traceId + Salt))) <= uint.MaxValue / rate;
}
