using System.Text;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;

namespace Woodgrove.Citus.Core.Tests.Ingest;

/// <summary>The vectorised scanner, the byte-wise one and COPY's own rules must agree over the same bytes, however they are cut.</summary>
public sealed class CsvScannerTests(ITestOutputHelper output)
{
    private static readonly string[] LineEnds = ["\n", "\r\n", "\r"];

    [Theory]
    [InlineData("a,b\nc,d\n", new[] { 4, 8 })]
    [InlineData("a,b\r\nc,d\r\n", new[] { 5, 10 })]
    [InlineData("a,b\rc,d\r", new[] { 4, 8 })]
    [InlineData("\"a\nb\",c\nd\n", new[] { 8, 10 })]
    [InlineData("\"a\"\"\n\",c\nd\n", new[] { 9, 11 })]
    [InlineData("a\"\nb\"c\nd\n", new[] { 7, 9 })]
    [InlineData("\n\n", new[] { 1, 2 })]
    [InlineData("a\r\nb\nc\n", new[] { 3, 5, 7 })]
    public void Records_end_where_COPY_ends_them(string text, int[] expected)
    {
        var dialect = new CsvDialect();

        Assert.Equal(expected, Scan(new CsvScanner.VectorScanner(dialect), Encoding.UTF8.GetBytes(text)).Ends);
        Assert.Equal(expected, Scan(new CsvScanner.ByteScanner(dialect), Encoding.UTF8.GetBytes(text)).Ends);
    }

    [Theory]
    [InlineData("\"a\\\"\nb\",c\nd\n", new[] { 10, 12 })]
    [InlineData("\"a\\\\\",c\nd\n", new[] { 8, 10 })]
    [InlineData("a\\\"b\nc\"\nd\n", new[] { 8, 10 })] // outside quotes a backslash escapes nothing
    public void An_escape_other_than_the_quote_is_followed(string text, int[] expected) =>
        Assert.Equal(expected, Scan(CsvScanner.Create(new CsvDialect { Escape = '\\' }), Encoding.UTF8.GetBytes(text)).Ends);

    [Theory]
    [InlineData("a,\"b", true)]
    [InlineData("a,\"b\"", false)]
    [InlineData("a,\"b\"\"", true)]
    public void An_open_quote_at_the_end_is_known(string text, bool open)
    {
        Assert.Equal(open, Scan(new CsvScanner.VectorScanner(new CsvDialect()), Encoding.UTF8.GetBytes(text)).InQuotes);
        Assert.Equal(open, Scan(new CsvScanner.ByteScanner(new CsvDialect()), Encoding.UTF8.GetBytes(text)).InQuotes);
    }

    [Fact]
    public void A_CR_as_the_last_byte_so_far_decides_nothing()
    {
        CsvScanner scanner = CsvScanner.Create(new CsvDialect());

        Assert.Equal(0, scanner.FindLineEnd("a,b\r"u8, isWhole: false));
        Assert.Equal((byte)'\r', scanner.FindLineEnd("a,b\r"u8, isWhole: true));
        Assert.Equal((byte)'\n', scanner.FindLineEnd("a,b\r\n"u8, isWhole: false));
        Assert.Equal((byte)'\r', scanner.FindLineEnd("a,b\rc"u8, isWhole: false));
    }

    [Fact]
    public void Vectors_bytes_and_rules_find_the_same_in_fuzzed_input()
    {
        Random random = Seeded(out int seed);
        for (int round = 0; round < 5000; round++)
        {
            byte[] data = Fuzz(random, random.Next(400));
            (int[] ends, int[] delimiters, bool inQuotes) = ByTheRules(data);
            foreach (CsvScanner scanner in new CsvScanner[] { new CsvScanner.VectorScanner(new CsvDialect()),
                new CsvScanner.ByteScanner(new CsvDialect()) })
            {
                var found = Scan(scanner, data);
                string input = $"seed {seed}, round {round}, {scanner.GetType().Name}: {Convert.ToHexString(data)}";
                Assert.True(ends.SequenceEqual(found.Ends), input);
                Assert.True(delimiters.SequenceEqual(found.Delimiters), input);
                Assert.True(inQuotes == found.InQuotes, input);
            }
        }
    }

    [Fact]
    public async Task Records_are_the_same_however_the_source_cuts_the_bytes()
    {
        Random random = Seeded(out int seed);
        for (int round = 0; round < 300; round++)
        {
            byte[] data = Fuzz(random, random.Next(1, 3000));
            (int[] ends, _, bool inQuotes) = ByTheRules(data);
            if (inQuotes) data = [.. data, (byte)'"'];
            (ends, _, _) = ByTheRules(data);
            if (ends.Length == 0 || ends[^1] < data.Length) ends = [.. ends, data.Length];
            if (data.AsSpan().TrimEnd("\r\n"u8).Length == 0) continue; // an empty file is refused
            var dialect = new CsvDialect();
            await using CsvInput input = await CsvInput.OpenAsync(new ChoppedSource(data, random), dialect, default);
            var reader = new CsvRecordReader(input, dialect);
            var found = new List<int>();
            while (await reader.ReadAsync(default))
            {
                for (int start = 0; start < reader.Block.Length;)
                {
                    start = reader.EndAfter(start);
                    found.Add((int)reader.BytesBefore + start);
                }
            }
            Assert.True(ends.SequenceEqual(found), $"seed {seed}, round {round}: {Convert.ToHexString(data)}");
        }
    }

    private Random Seeded(out int seed)
    {
        seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        return new Random(seed);
    }

    /// <summary>COPY's rules, as simply as they can be written: the first unquoted line end decides for the file.</summary>
    private static (int[] Ends, int[] Delimiters, bool InQuotes) ByTheRules(byte[] data)
    {
        var (ends, delimiters, inQuotes, lineEnd) = (new List<int>(), new List<int>(), false, (byte)0);
        for (int i = 0; i < data.Length; i++)
        {
            if (data[i] == '"') inQuotes = !inQuotes;
            if (inQuotes) continue;
            if (lineEnd == 0 && data[i] is (byte)'\n' or (byte)'\r')
                lineEnd = data[i] == '\n' || (i + 1 < data.Length && data[i + 1] == '\n') ? (byte)'\n' : (byte)'\r';
            if (lineEnd != 0 && data[i] == lineEnd) ends.Add(i + 1);
            if (data[i] == ',') delimiters.Add(i);
        }
        return ([.. ends], [.. delimiters], inQuotes);
    }

    private static byte[] Fuzz(Random random, int length)
    {
        string lineEnd = LineEnds[random.Next(LineEnds.Length)];
        var text = new StringBuilder();
        while (text.Length < length)
        {
            text.Append(random.Next(12) switch
            {
                0 or 1 => lineEnd,
                2 => "\"",
                3 => ",",
                4 => "\"\"",
                5 => LineEnds[random.Next(LineEnds.Length)],
                6 => "é",
                _ => new string((char)('a' + random.Next(26)), random.Next(1, 40)),
            });
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static (int[] Ends, int[] Delimiters, bool InQuotes) Scan(CsvScanner scanner, byte[] data)
    {
        byte lineEnd = scanner.FindLineEnd(data, isWhole: true);
        int words = (data.Length + CsvScanner.WordBytes - 1) / CsvScanner.WordBytes;
        var (ends, delimiters) = (new ulong[words], new ulong[words]);
        bool inQuotes = scanner.Scan(data, lineEnd, ends, delimiters);
        return (Bits(ends).Select(b => b + 1).ToArray(), Bits(delimiters).ToArray(), inQuotes);
    }

    private static IEnumerable<int> Bits(ulong[] mask)
    {
        for (int i = BitMask.Next(mask, 0); i >= 0; i = BitMask.Next(mask, i + 1)) yield return i;
    }

    /// <summary>Gives a few bytes at a time.</summary>
    private sealed record ChoppedSource(byte[] Data, Random Random) : CsvSource("chopped")
    {
        internal override Task<OpenedSource> OpenAsync(CancellationToken stop) =>
            Task.FromResult(new OpenedSource(new ChoppedStream(Data, Random)) { Length = Data.Length });
    }

    private sealed class ChoppedStream(byte[] data, Random random) : MemoryStream(data)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, random.Next(1, 150))], cancellationToken);
    }
}
