using System.Runtime.CompilerServices;
using CsCheck;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class TraceSummaryTests
{
    private const long WindowMs = 5000;

    private static readonly Gen<TraceContribution> Contribution =
        Gen.Select(Gen.Int[1, 50], Gen.ULong, Gen.ULong, Gen.Long[0, 5_000_000_000], Gen.Int[0, 3], Gen.Int[-1, 3], Gen.Bool).Select((rows, low, high, duration, first, root, error) => new TraceContribution
        {
            RowCount = rows,
            Bits = new ConditionBits(low & 0xFF, high & 0xFF),
            EarliestStartNs = 1_000_000_000 - (duration / 2),
            LatestEndNs = 1_000_000_000 + duration,
            Bytes = duration,
            SamplerHash = 42,
            FirstDataset = first,
            RootDataset = root,
            HasError = error,
            PolicyVersion = 7,
        });

    [Fact]
    public void TheLayoutIsFixed()
    {
        Assert.Equal(TraceSummary.SizeBytes, Unsafe.SizeOf<TraceSummary>());
        Assert.False(RuntimeHelpers.IsReferenceOrContainsReferences<TraceSummary>());
        Assert.False(RuntimeHelpers.IsReferenceOrContainsReferences<TraceContribution>());

        var summary = default(TraceSummary);
        summary.Fold(
            new TraceContribution
            {
                LogTime = 0x0102,
                PolicyVersion = 0x21,
                RowCount = 3,
                Bits = new ConditionBits(0x11, 0x12),
                EarliestStartNs = 0x0A0B,
                LatestEndNs = 0x0C0D,
                Bytes = 0x0E0F,
                SamplerHash = 0x31323334,
                FirstDataset = 5,
                RootDataset = 6,
                HasError = true,
            },
            WindowMs);
        summary.Record(new SamplingDecision(Keep: true, Rate: 2, SamplingReason.RateRule, RuleIndex: 9));
        Assert.Equal(
            "02010000000000000201000000000000" + "11000000000000001200000000000000" + "0B0A0000000000000D0C000000000000" + "0F0E0000000000000000000000000040" + "03000000000000002100000034333231" + "05000000070000000900040700000000",
            Convert.ToHexString(TraceSummary.AsBytes(in summary)));
    }

    [Fact]
    public void TheSummaryIsTheCombinationOfItsRowsHoweverTheyWereBatched() =>
        Contribution.Array[1, 20].Sample(contributions =>
        {
            var summary = default(TraceSummary);
            for (var i = 0; i < contributions.Length; i++)
            {
                contributions[i].LogTime = 1000 + (i * 10);
                Assert.True(summary.Fold(contributions[i], WindowMs));
            }

            Assert.Equal(1000, summary.FirstLogTime);
            Assert.Equal(1000 + ((contributions.Length - 1) * 10), summary.LastLogTime);
            Assert.Equal(contributions.Sum(c => c.RowCount), summary.RowCount);
            Assert.Equal(contributions.Aggregate(default(ConditionBits), (bits, c) => bits | c.Bits), summary.Bits);
            Assert.Equal((contributions.Max(c => c.LatestEndNs) - contributions.Min(c => c.EarliestStartNs)) / 1_000_000, summary.LatencyMs);
            Assert.Equal(contributions.Sum(c => c.Bytes), summary.Bytes);
            Assert.Equal(contributions.Any(c => c.HasError), summary.ErrorSeen);
            Assert.Equal(contributions[0].FirstDataset, summary.FirstDataset);
            var roots = contributions.Where(c => c.RootDataset >= 0).Select(c => c.RootDataset).ToArray();
            Assert.Equal(roots.Length > 0, summary.RootSeen);
            Assert.Equal(roots.Length > 0 ? roots[0] : TraceSummary.NoDataset, summary.RootDataset);
            Assert.Equal(roots.Length > 0 ? roots[0] : contributions[0].FirstDataset, summary.DecidingDataset);
            Assert.Equal(7, summary.PolicyVersion);
            Assert.Equal(42u, summary.SamplerHash);
            Assert.False(summary.IsDecided);
        });

    [Fact]
    public void RowsLaterThanTheWindowChangeNothing()
    {
        var summary = default(TraceSummary);
        Assert.True(summary.IsEmpty);
        summary.Fold(At(1000), WindowMs);
        Assert.True(summary.Fold(At(1000 + WindowMs), WindowMs));
        var before = Convert.ToHexString(TraceSummary.AsBytes(in summary));
        Assert.True(summary.IsFrozen(1001 + WindowMs, WindowMs));
        Assert.False(summary.IsFrozen(1000 + WindowMs, WindowMs));

        // Not even a row of a later policy version, whose bits mean something else.
        var late = At(1001 + WindowMs) with { PolicyVersion = 9 };
        Assert.False(summary.Fold(late, WindowMs));
        Assert.Equal(before, Convert.ToHexString(TraceSummary.AsBytes(in summary)));
    }

    [Fact]
    public void BitsOfAnotherPolicyVersionAreRefused()
    {
        var summary = default(TraceSummary);
        summary.Fold(At(1000), WindowMs);
        var other = At(1001) with { PolicyVersion = 2 };
        var refused = Assert.Throws<ArgumentException>(() => summary.Fold(other, WindowMs));
        Assert.Contains("version 1", refused.Message);
        Assert.Contains("version 2", refused.Message);
    }

    [Fact]
    public void TheDecisionIsRecordedOnceAndReadBack() =>
        Gen.Select(Gen.Bool, Gen.Double[1, 1000], Gen.Enum<SamplingReason>(), Gen.Short[-1, 200]).Sample((keep, rate, reason, rule) =>
        {
            var summary = default(TraceSummary);
            summary.Fold(At(1000), WindowMs);
            Assert.Throws<InvalidOperationException>(() => summary.Decision);
            var decision = new SamplingDecision(keep, rate, reason, rule);
            summary.Record(decision);
            summary.Record(decision);
            Assert.True(summary.IsDecided);
            Assert.Equal(decision, summary.Decision);
            Assert.Throws<InvalidOperationException>(() => summary.Record(decision with { Keep = !keep }));
            Assert.Equal(decision, summary.Decision);
        });

    [Theory]
    [InlineData(0, 10, 10)]
    [InlineData(0.5, 10, 10)]
    [InlineData(1, 2.5, 2.5)]
    [InlineData(4, 10, 40)]
    public void TheWeightIsTheClientsRateTimesTheTraces(double clientRate, double rate, double weight) =>
        Assert.Equal(weight, new SamplingDecision(true, rate, SamplingReason.RateRule, 0).WeightOf(clientRate));

    [Fact]
    public void ConditionBitsAreASetOf128() =>
        Gen.Int[0, 127].Array[0, 30].Sample(members =>
        {
            var bits = members.Aggregate(default(ConditionBits), (set, bit) => set.With(bit));
            for (var bit = 0; bit < ConditionBits.Count; bit++)
            {
                Assert.Equal(members.Contains(bit), bits.Has(bit));
                Assert.Equal(members.Contains(bit), bits.HasAll(default(ConditionBits).With(bit)));
            }

            Assert.Equal(members.Length == 0, bits.IsEmpty);
        });

    private static TraceContribution At(long logTime) =>
        new() { LogTime = logTime, PolicyVersion = 1, RowCount = 1, FirstDataset = 0, RootDataset = TraceSummary.NoDataset };
}
