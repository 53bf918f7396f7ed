using System.Text;
using Woodgrove.Citus.Ingest;

namespace Woodgrove.Citus.Core.Tests.Ingest;

/// <summary>The vectorised scanner and the byte-wise one must agree with each other and with COPY's own rules.</summary>
public sealed class CsvRecordScannerTests(ITestOutputHelper output)
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
        Assert.Equal(expected, Ends(new CsvRecordScanner.QuoteParityScanner((byte)'"'), [Encoding.UTF8.GetBytes(text)]));
        Assert.Equal(expected, Ends(new CsvRecordScanner.ByteScanner((byte)'"', (byte)'"'), [Encoding.UTF8.GetBytes(text)]));
    }

    [Theory]
    [InlineData("\"a\\\"\nb\",c\nd\n", new[] { 10, 12 })]
    [InlineData("\"a\\\\\",c\nd\n", new[] { 8, 10 })]
    [InlineData("a\\\"b\nc\"\nd\n", new[] { 8, 10 })] // outside quotes a backslash escapes nothing
    public void An_escape_other_than_the_quote_is_followed(string text, int[] expected)
    {
        CsvRecordScanner scanner = CsvRecordScanner.Create(new CsvDialect { Escape = '\\' });

        Assert.Equal(expected, Ends(scanner, [Encoding.UTF8.GetBytes(text)]));
    }

    [Fact]
    public void The_vectorised_scanner_finds_what_the_bytewise_finds_however_the_bytes_are_cut()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (int round = 0; round < 3000; round++)
        {
            byte[] data = Fuzz(random);
            int[] expected = ByTheRules(data, (byte)'"');
            int[] whole = Ends(new CsvRecordScanner.QuoteParityScanner((byte)'"'), [data]);
            int[] cutVector = Ends(new CsvRecordScanner.QuoteParityScanner((byte)'"'), Cut(random, data));
            int[] cutBytes = Ends(new CsvRecordScanner.ByteScanner((byte)'"', (byte)'"'), Cut(random, data));
            string input = $"seed {seed}, round {round}: {Convert.ToHexString(data)}";
            Assert.True(expected.SequenceEqual(whole), input);
            Assert.True(expected.SequenceEqual(cutVector), input);
            Assert.True(expected.SequenceEqual(cutBytes), input);
        }
    }

    [Theory]
    [InlineData("a,\"b", true)]
    [InlineData("a,\"b\"", false)]
    [InlineData("a,\"b\"\"", true)]
    public void An_open_quote_at_the_end_is_known(string text, bool open)
    {
        CsvRecordScanner scanner = CsvRecordScanner.Create(new CsvDialect());

        scanner.FindEnds(Encoding.UTF8.GetBytes(text), []);
        scanner.EndOfFile();

        Assert.Equal(open, scanner.InQuotes);
    }

    /// <summary>COPY's rules, as simply as they can be written: the first unquoted line end decides for the file.</summary>
    private static int[] ByTheRules(byte[] data, byte quote)
    {
        var ends = new List<int>();
        bool inQuotes = false;
        byte lineEnd = 0;
        for (int i = 0; i < data.Length; i++)
        {
            if (data[i] == quote) inQuotes = !inQuotes;
            if (inQuotes) continue;
            if (lineEnd == 0 && data[i] is (byte)'\n' or (byte)'\r')
                lineEnd = data[i] == '\n' || (i + 1 < data.Length && data[i + 1] == '\n') ? (byte)'\n' : (byte)'\r';
            if (lineEnd != 0 && data[i] == lineEnd) ends.Add(i + 1);
        }
        // Whether a CR as the very last byte ends a record is the reader's to say: it ends the file anyway.
        if (lineEnd == '\r' && ends is [var only] && only == data.Length) ends.Clear();
        return [.. ends];
    }

    private static byte[] Fuzz(Random random)
    {
        string lineEnd = LineEnds[random.Next(LineEnds.Length)];
        var text = new StringBuilder();
        for (int length = random.Next(400); text.Length < length;)
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

    private static IEnumerable<byte[]> Cut(Random random, byte[] data)
    {
        for (int i = 0; i < data.Length;)
        {
            int length = Math.Min(data.Length - i, random.Next(1, random.Next(2, 150)));
            yield return data[i..(i + length)];
            i += length;
        }
    }

    private static int[] Ends(CsvRecordScanner scanner, IEnumerable<byte[]> pieces)
    {
        var all = new List<int>();
        int offset = 0;
        foreach (byte[] piece in pieces)
        {
            var ends = new List<int>();
            scanner.FindEnds(piece, ends);
            all.AddRange(ends.Select(e => e + offset));
            offset += piece.Length;
        }
        return [.. all];
    }
}
