using StreamObserve.Core.Events;

namespace StreamObserve.Core.Tests.Events;

public class ShortBytesTests
{
    [Fact]
    public void EqualIsWhatAByteByByteComparisonSays()
    {
        for (var length = 0; length <= 70; length++)
        {
            var a = Enumerable.Range(0, length + 1).Select(i => (byte)(i * 37)).ToArray();
            var b = a.ToArray();
            b[length]++;        // behind the end: must not count
            Assert.True(ShortBytes.Equal(ref a[0], ref b[0], length));
            for (var i = 0; i < length; i++)
            {
                b[i] ^= 0x80;
                Assert.False(ShortBytes.Equal(ref a[0], ref b[0], length), $"{length} bytes, another at {i}");
                b[i] ^= 0x80;
            }
        }
    }

    [Fact]
    public void HexadecimalIsDecodedInWholeOrRefused()
    {
        for (var width = 0; width <= 20; width++)
        {
            var raw = Enumerable.Range(0, width).Select(i => (byte)((i * 53) + 7)).ToArray();
            var text = Convert.ToHexStringLower(raw).Select(c => (byte)c).ToArray();
            var decoded = new byte[width];
            Assert.True(Hex.TryDecodeLower(text, decoded));
            Assert.Equal(raw, decoded);
            for (var i = 0; i < text.Length; i++)
            {
                foreach (var bad in "/:`gGA\0\u00ff")
                {
                    var damaged = text.ToArray();
                    damaged[i] = (byte)bad;
                    Assert.False(Hex.TryDecodeLower(damaged, decoded));
                }
            }
        }
    }
}
