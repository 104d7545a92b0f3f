using CsCheck;
using StreamObserve.Core.Querying.Accumulators;

namespace StreamObserve.Core.Tests.Querying.Accumulators;

public sealed class HashSet64Tests
{
    [Fact]
    public void ItHoldsWhatASetHolds() => Gen.Select(Gen.Int, Gen.Int[0, 3000]).Sample((seed, count) =>
    {
        var random = new Random(seed);
        var expected = new HashSet<ulong>();
        var actual = new HashSet64();
        for (var i = 0; i < count; i++)
        {
            // Many of them equal, some of them 0, some in the same place.
            var hash = random.Next(4) switch { 0 => (ulong)random.Next(50), 1 => (ulong)random.Next(50) << 40, _ => (ulong)random.NextInt64() };
            Assert.Equal(expected.Add(hash), actual.Add(hash));
            if (random.Next(100) == 0)
            {
                actual.EnsureCapacity(random.Next(5000));
            }
        }

        Assert.Equal(expected.Count, actual.Count);
        var slots = actual.Slots(out var hasZero);
        var held = new HashSet<ulong>();
        foreach (var hash in slots)
        {
            Assert.True(hash == 0 || held.Add(hash));
        }

        if (hasZero)
        {
            held.Add(0);
        }

        Assert.True(expected.SetEquals(held));
    }, iter: 200);
}
