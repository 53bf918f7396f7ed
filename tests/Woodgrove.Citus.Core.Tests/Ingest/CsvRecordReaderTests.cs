using System.Text;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Ingest;

public sealed class CsvRecordReaderTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData("\r")]
    public async Task Blocks_hold_whole_records_and_together_the_whole_file(string lineEnd)
    {
        var text = new StringBuilder();
        for (int i = 0; i < 40_000; i++)
            text.Append(i).Append(",\"quoted ").Append(i % 7 == 0 ? lineEnd : " ").Append("value\"").Append(lineEnd);
        (List<string> records, List<long> lines, int blocks) = await ReadAllAsync(text.ToString());

        Assert.True(blocks > 1, "one block shows nothing");
        Assert.Equal(40_000, records.Count);
        Assert.Equal(text.ToString(), string.Concat(records));
        Assert.All(records.Index(), r => Assert.StartsWith($"{r.Index},", r.Item, StringComparison.Ordinal));
        Assert.Equal(40_000 + 5_715, lines[^1]); // every seventh record has a line end inside
    }

    [Fact]
    public async Task A_last_record_without_a_line_end_counts()
    {
        (List<string> records, List<long> lines, _) = await ReadAllAsync("a,b\n1,2\n3,4");

        Assert.Equal(["a,b\n", "1,2\n", "3,4"], records);
        Assert.Equal([1, 2, 3], lines);
    }

    [Fact]
    public async Task A_record_is_on_the_line_where_it_ends()
    {
        (_, List<long> lines, _) = await ReadAllAsync("a,b\n1,\"x\ny\nz\"\n3,4\n");

        Assert.Equal([1, 4, 5], lines);
    }

    [Fact]
    public async Task A_record_larger_than_the_buffer_is_one_record()
    {
        string large = new('x', 3_000_000);
        (List<string> records, _, _) = await ReadAllAsync($"a,b\n1,\"{large}\"\n2,y\n");

        Assert.Equal(["a,b\n", $"1,\"{large}\"\n", "2,y\n"], records);
    }

    [Fact]
    public async Task A_quote_that_never_closes_is_refused_with_the_line_where_its_record_begins()
    {
        CitusException refused = await Assert.ThrowsAsync<CitusException>(() => ReadAllAsync("a,b\n1,x\n2,\"open\n3,y\n"));

        Assert.Equal("CitusUnterminatedQuote", refused.ErrorId);
        Assert.Equal(3, refused.Row!.Line);
    }

    [Theory]
    [InlineData("utf-8", true)]
    [InlineData("utf-16", true)]
    [InlineData("utf-16", false)]
    [InlineData("utf-16BE", true)]
    [InlineData("utf-16BE", false)]
    [InlineData("utf-32", true)]
    public async Task Encodings_are_known_by_their_mark_or_by_their_zeros(string name, bool mark)
    {
        const string text = "name,city\nZoë,Genève\n李娜,北京\n🎁,x\n";
        Encoding encoding = Encoding.GetEncoding(name);
        (List<string> records, _, _) = await ReadAllAsync([.. mark ? encoding.GetPreamble() : [], .. encoding.GetBytes(text)]);

        Assert.Equal(text, string.Concat(records));
    }

    [Fact]
    public async Task The_first_record_is_read_before_anything_else()
    {
        await File.WriteAllTextAsync(_path, "\"a\"\"b\",\"c\nd\", e \r\n1,2,3\r\n");
        await using CsvInput input = await CsvInput.OpenAsync(CsvSource.File(_path), new CsvDialect(), default);

        Assert.Equal(["a\"b", "c\nd", " e "], input.FirstRecord);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\uFEFF")]
    [InlineData("\n")]
    public async Task A_file_with_nothing_in_it_is_refused(string text)
    {
        await File.WriteAllTextAsync(_path, text);

        CitusException refused = await Assert.ThrowsAsync<CitusException>(() => CsvInput.OpenAsync(CsvSource.File(_path), new CsvDialect(),
            default));

        Assert.Equal("CitusCsvEmpty", refused.ErrorId);
    }

    /// <summary>Records of random fields and line ends, against a reading of each byte.</summary>
    [Fact]
    public async Task Records_with_another_line_end_than_the_first_are_found()
    {
        const int Seed = 20261126;
        var random = new Random(Seed);
        int mixed = 0;
        for (int file = 0; file < 400; file++)
        {
            string lineEnd = new[] { "\n", "\r\n", "\r" }[file % 3];
            var text = new StringBuilder("h" + lineEnd);
            for (int record = random.Next(1, 60); record > 0; record--)
            {
                text.Append('x', random.Next(0, 30)).Append(random.Next(8) == 0 ? ",\"a\r\nb\rc\nd\"" : ",b");
                text.Append(random.Next(100) == 0 ? new[] { "\n", "\r\n", "\r", "" }[random.Next(4)] : lineEnd);
            }
            await File.WriteAllTextAsync(_path, text.ToString(), TestContext.Current.CancellationToken);
            await using CsvInput input = await CsvInput.OpenAsync(CsvSource.File(_path), new CsvDialect(),
                TestContext.Current.CancellationToken);
            var reader = new CsvRecordReader(input, new CsvDialect());
            Assert.True(await reader.ReadAsync(TestContext.Current.CancellationToken));
            bool any = false;
            for (int start = 0, end; start < reader.Block.Length; start = end)
            {
                end = reader.EndAfter(start);
                string record = Encoding.UTF8.GetString(reader.Block.Span[start..end]);
                string plain = System.Text.RegularExpressions.Regex.Replace(record, "\"[^\"]*\"", "");
                string rest = plain.EndsWith(lineEnd, StringComparison.Ordinal) ? plain[..^lineEnd.Length] : plain;
                bool isOther = rest.AsSpan().IndexOfAny('\r', '\n') >= 0;
                Assert.True(isOther == reader.HasOtherLineEnd(start, end),
                    $"seed {Seed}, file {file}: "
                        + $"{record.Replace("\r", "\\r", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}");
                any |= isOther;
            }
            Assert.True(any == reader.MixesLineEnds, $"seed {Seed}, file {file}");
            mixed += any ? 1 : 0;
        }
        Assert.InRange(mixed, 40, 300);
    }

    private Task<(List<string> Records, List<long> Lines, int Blocks)> ReadAllAsync(string text) =>
        ReadAllAsync(Encoding.UTF8.GetBytes(text));

    private async Task<(List<string> Records, List<long> Lines, int Blocks)> ReadAllAsync(byte[] bytes)
    {
        await File.WriteAllBytesAsync(_path, bytes);
        var dialect = new CsvDialect();
        await using CsvInput input = await CsvInput.OpenAsync(CsvSource.File(_path), dialect, default);
        var reader = new CsvRecordReader(input, dialect);
        var (records, lines, blocks) = (new List<string>(), new List<long>(), 0);
        while (await reader.ReadAsync(default))
        {
            blocks++;
            Assert.Equal(records.Count, reader.RecordsBefore);
            for (int start = 0; start < reader.Block.Length;)
            {
                int end = reader.EndAfter(start);
                records.Add(Encoding.UTF8.GetString(reader.Block.Span[start..end]));
                // Each asks for all lines of its block, so not of every record.
                if (end == reader.Block.Length || start < 100) lines.Add(reader.LineAt(end));
                start = end;
            }
            Assert.Equal(records.Count, reader.RecordsBefore + reader.Count);
        }
        return (records, lines, blocks);
    }
}
