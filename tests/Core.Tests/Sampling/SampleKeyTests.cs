using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Sampling;

namespace StreamObserve.Core.Tests.Sampling;

public class SampleKeyTests
{
    // Fields, whether the length counts, values as field=value, rows, key: what Refinery makes of the same.
    [Theory]
    [InlineData("http.status_code request.path app.team.id important_field", true, "http.status_code=200 request.path=/{slug}/home app.team.id=2 important_field=true", 1, "2•,200•,true•,/{slug}/home•,1")]
    [InlineData("http.status_code", true, "http.status_code=404 http.status_code=200", 4, "200•404•,4")]
    [InlineData("http.status_code root.service_name root.another_field", true, "http.status_code=404 http.status_code=200 root.service_name=test", 3, "200•404•,test,3")]
    [InlineData("http.status_code root.service_name", false, "http.status_code=200", 3, "200•,")]
    [InlineData("a b", false, "", 3, ",,")]
    [InlineData("", true, "", 3, "3")]
    [InlineData("", false, "other=x", 3, "")]
    public void AKeyIsWrittenAsInRefinery(string fields, bool usesLength, string values, long rows, string key) =>
        Assert.Equal(key, new SampleKey(Words(fields), usesLength).TextOf(Words(values).Select(pair => (pair[..pair.IndexOf('=')], pair[(pair.IndexOf('=') + 1)..])), rows));

    [Fact]
    public void ASetIsTheSameInWhateverOrderItsPairsCame() =>
        Gen.Int[0, 12].Array[0, 20].Array[1, 30].Sample(additions =>
        {
            var sets = new KeySets();
            foreach (var values in additions)
            {
                var set = KeySets.Empty;
                foreach (var value in values)
                {
                    set = sets.Add(set, sets.PairOf("f", [(byte)('a' + value)]));
                }

                Assert.Equal(values.Distinct().Order().Select(value => $"{(char)('a' + value)}"), sets.ValuesOf(set).Select(pair => pair.Value).Order());
                var again = KeySets.Empty;
                foreach (var value in values.Distinct().Reverse())
                {
                    again = sets.Add(again, sets.PairOf("f", [(byte)('a' + value)]));
                }

                Assert.Equal(set, again);
            }

            var writer = new ByteWriter();
            sets.Write(writer);
            var reader = new ByteReader(writer.Written);
            var read = KeySets.Read(ref reader);
            Assert.Equal((sets.Count, sets.Pairs), (read.Count, read.Pairs));
            for (var set = 0; set < sets.Count; set++)
            {
                Assert.Equal(sets.ValuesOf(set), read.ValuesOf(set));
                if (sets.Pairs > 0)
                {
                    Assert.Equal(sets.Add(set, 0), read.Add(set, 0));
                }
            }
        }, iter: 200);

    [Fact]
    public void PastItsBoundsValuesAreOneAndSetsStayAsTheyAre()
    {
        var sets = new KeySets();
        var set = KeySets.Empty;
        for (var i = 0; i < SamplingLimits.KeyPairsMax + 10; i++)
        {
            set = sets.Add(set, sets.PairOf("user", System.Text.Encoding.UTF8.GetBytes($"u{i}")));
        }

        Assert.Equal(SamplingLimits.KeyValuesMax, sets.ValuesOf(set).Count());
        Assert.Equal(SamplingLimits.KeyPairsMax + 1, sets.Pairs);
        var other = sets.Add(KeySets.Empty, sets.PairOf("user", "a new one"u8));
        Assert.Equal([("user", KeySets.OtherValue)], sets.ValuesOf(other));
        for (var i = 0; sets.Count < SamplingLimits.KeySetsMax; i++)
        {
            sets.Add(sets.Add(KeySets.Empty, i % 500), 500 + (i / 500));
        }

        var single = sets.Add(KeySets.Empty, 3);
        Assert.Equal(single, sets.Add(single, SamplingLimits.KeyPairsMax - 1));
    }

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
