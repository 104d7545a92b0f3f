using System.Text;
using CsCheck;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Tests.Events;

namespace StreamObserve.Core.Tests.Columns;

public sealed class TextTemplatesTests
{
    private static readonly string[] Pieces = ["", " ", "0", "00", "key=", "-", ".", "µ", "user_", "a1b", "9", "x"];

    [Fact]
    public void TextsComeBackAsTheyWere() => Gen.Int.Sample(seed =>
    {
        var random = new Random(seed);
        var texts = Make(random, random.Next(1_000, 6_000));
        var read = Assert.IsType<TextTemplates>(WriteAndRead(texts));
        Assert.Equal(texts, Texts(read.ToStrings()));
        Assert.True(read.Templates.Count * 16 <= texts.Length);
    }, iter: 100);

    [Theory]
    [InlineData("0", "0")]
    [InlineData("007", "00#")]
    [InlineData("took 10.05ms", "took #.0#ms")]
    [InlineData("999999999999999999", "#")]
    [InlineData("9999999999999999990123", "#0#")]
    [InlineData("", "")]
    public void ANumberIsARunOfDigitsWithoutItsFirstZeros(string text, string template)
    {
        var read = WriteAndRead([.. Enumerable.Repeat(text, 16)])!;
        Assert.Equal(template, read.Templates.Text(0).Replace('\0', '#'));
        Assert.All(Texts(read.ToStrings()), back => Assert.Equal(text, back));
    }

    [Fact]
    public void TextsWithFewInCommonAndThoseWithTheByteOfANumberStayAsTheyAre()
    {
        Assert.Null(WriteAndRead([.. Enumerable.Range(0, 300).Select(i => $"{(char)('a' + (i % 26))}{(char)('a' + (i / 26))} {i}")]));
        Assert.Null(WriteAndRead([.. Enumerable.Repeat("a\0b 5", 100)]));
        Assert.Null(WriteAndRead([.. Enumerable.Repeat("a 5 b\0", 100)]));
        Assert.Null(WriteAndRead([.. Enumerable.Range(0, 20_000).Select(i => i < 5_000 ? $"{Convert.ToString(i, 2).Replace('0', 'a').Replace('1', 'b')}" : $"same {i}")]));
    }

    [Fact]
    public void MessagesOfALogTakeAFractionOfTheirTextsAndComeBackFromABlock()
    {
        var random = new Random(4);
        string[] texts = [.. Enumerable.Range(0, 20_000).Select(i => $"connection {random.Next(500)} checked out from pool db-{random.Next(9)} after {random.Next(100_000)} us")];
        var (writer, _) = Write(texts);
        Assert.InRange(writer.Length, 1, texts.Sum(text => text.Length) / 5);

        var block = Batches.Seal([Batch(texts)]);
        var columns = new List<ColumnVector>();
        block.GetColumns("message", columns);
        var column = Assert.Single(columns);
        Assert.NotNull(column.Templates);
        Assert.True(column.MemoryBytes < texts.Sum(text => text.Length) / 4);
        Assert.Equal(texts, Texts(column.Strings));
        Assert.True(column.MemoryBytes > texts.Sum(text => text.Length));
    }

    [Fact]
    public void BlocksOfVersionOneWhoseTextsHadNoFormAreRead()
    {
        var random = new Random(5);
        string[] texts = [.. Enumerable.Range(0, 1_000).Select(_ => string.Concat(Enumerable.Range(0, 12).Select(_ => (char)('g' + random.Next(20)))))];
        using var writer = new ColumnBlockWriter();
        var chunks = writer.Seal([Batch(texts)]).Chunks.ToArray();
        chunks[0] = [1, .. chunks[0][1..]];
        chunks[^1] = PackedChunk.Plain(PackedChunk.Unpack(chunks[^1]).Span[1..]);

        var columns = new List<ColumnVector>();
        ColumnBlock.Open(new Chunks(chunks)).GetColumns("message", columns);
        Assert.Equal(texts, Texts(Assert.Single(columns).Strings));

        chunks[0] = [ColumnBlockWriter.Version + 1, .. chunks[0][1..]];
        Assert.Throws<FormatException>(() => ColumnBlock.Open(new Chunks(chunks)));
    }

    internal static TextTemplates? WriteAndRead(string[] texts)
    {
        var (writer, written) = Write(texts);
        if (!written)
        {
            Assert.Equal(0, writer.Length);
            return null;
        }

        var bytes = writer.Written.ToArray();
        var reader = new ByteReader(bytes);
        var read = TextTemplates.Read(ref reader, bytes, texts.Length);
        Assert.Equal(0, reader.Remaining);
        return read;
    }

    /// <summary>Texts of a few templates, with numbers of every kind.</summary>
    internal static string[] Make(Random random, int count)
    {
        string[][] templates = [.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => Enumerable.Range(0, random.Next(1, 5)).Select(_ => Pieces[random.Next(Pieces.Length)]).ToArray())];
        return [.. Enumerable.Range(0, count).Select(_ => string.Concat(templates[random.Next(templates.Length)].Select(piece => $"{piece}{random.Next(1, 99_999)}")) + (random.Next(40) == 0 ? "1234567890123456789012" : ""))];
    }

    private static EventBatch Batch(string[] texts) => new(
        [.. texts.Select((_, i) => (long)i)], null, new int[texts.Length], Utf8Strings.From(["d"]), [new("message", ColumnVector.OfText(texts.Length, null, Utf8Strings.From(texts)))]);

    private static List<string> Texts(Utf8Strings strings) => [.. Enumerable.Range(0, strings.Count).Select(strings.Text)];

    private static (ByteWriter Writer, bool Written) Write(string[] texts)
    {
        var dictionary = new StringDictionary();
        int[] codes = [.. texts.Select(text => dictionary.Add(Encoding.UTF8.GetBytes(text)))];
        var writer = new ByteWriter();
        return (writer, new TextTemplateWriter().TryWrite(new GatheredColumn { Type = ColumnType.Text, Count = codes.Length, Codes = codes, Dictionary = dictionary }, writer));
    }

    private sealed class Chunks(byte[][] chunks) : IChunkSource
    {
        public ReadOnlyMemory<byte> Read(int chunk, LentBuffer scratch) => chunks[chunk];
    }
}
