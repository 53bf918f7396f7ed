using System.Globalization;
using System.Text;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Mapping;
using Woodgrove.Citus.Ingest.Rejects;

namespace Woodgrove.Citus.Core.Tests.Ingest;

/// <summary>A source is read from its beginning, or from where a batch ended.</summary>
public sealed class SourceCursorTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => File.Delete(_path);

    [Fact]
    public async Task A_cursor_continues_where_another_stopped()
    {
        Write(40_000);
        await using SourceCursor first = await OpenAsync();
        await first.ReadAsync(Stop);
        (long end, string fingerprint, long rows) = (first.End, first.Fingerprint, first.RowCount);
        await using SourceCursor second = await OpenAsync();

        Assert.True(await second.SkipToAsync(end, fingerprint, Stop));
        for (; await second.ReadAsync(Stop); rows += second.RowCount)
        {
        }
        Assert.Equal(40_000, rows);
        Assert.Equal(new FileInfo(_path).Length, second.End);
    }

    [Fact]
    public async Task A_source_with_other_bytes_before_the_position_is_not_skipped()
    {
        Write(40_000);
        await using SourceCursor first = await OpenAsync();
        await first.ReadAsync(Stop);
        await using (FileStream file = new(_path, FileMode.Open, FileAccess.Write)) file.WriteByte((byte)'I'); // of the header
        await using SourceCursor second = await OpenAsync();

        Assert.False(await second.SkipToAsync(first.End, first.Fingerprint, Stop));
    }

    [Theory]
    [InlineData(100)]     // within the first block
    [InlineData(1 << 30)] // behind the end
    public async Task A_position_at_which_no_block_ends_is_not_found(long position)
    {
        Write(40_000);
        await using SourceCursor cursor = await OpenAsync();

        Assert.False(await cursor.SkipToAsync(position, "xxh3:0", Stop));
    }

    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 4)]
    public async Task The_line_that_ends_the_data_ends_it_where_the_server_says_so(bool dotEndsData, int rows)
    {
        File.WriteAllText(_path, "id,note\n1,a\n2,b\n\\.\n3,c\n");
        await using SourceCursor cursor = await OpenAsync(dotEndsData);

        Assert.True(await cursor.ReadAsync(Stop));
        Assert.Equal((rows, dotEndsData), (cursor.RowCount, cursor.IsCutOff));
        Assert.False(await cursor.ReadAsync(Stop));
        await using SourceCursor again = await OpenAsync(dotEndsData);
        Assert.True(await again.SkipToAsync(cursor.End, cursor.Fingerprint, Stop));
        Assert.False(await again.ReadAsync(Stop));
    }

    [Fact]
    public async Task A_rewound_cursor_reads_the_same_again()
    {
        Write(40_000);
        await using SourceCursor cursor = await OpenAsync();
        while (await cursor.ReadAsync(Stop))
        {
        }
        string whole = cursor.Fingerprint;
        await cursor.RewindAsync(Stop);
        int rows = 0;
        for (; await cursor.ReadAsync(Stop); rows += cursor.RowCount)
        {
        }

        Assert.Equal((40_000, whole), (rows, cursor.Fingerprint));
    }

    /// <summary>Rejected records are found in the source in any order: those of a merge may stand before those of the batches.</summary>
    [Fact]
    public async Task Rejected_records_are_given_as_they_stand_in_the_source()
    {
        Write(40_000);
        var shape = new CsvShape { Culture = CultureInfo.InvariantCulture };
        var column = new Woodgrove.Citus.Values.TableColumn("note", "text", Woodgrove.Citus.Values.PgType.Text, false, false, false, false);
        RecordConverter? converter = RecordConverter.For(CsvSource.File(_path), new CsvDialect(), 2, [new BoundColumn(column, 1, "note")],
            shape);
        var file = new CsvFile(CsvSource.File(_path), new CsvDialect(), converter ?? throw new InvalidOperationException("not converted"));
        var shown = new List<RefusedRow>();
        var target = new CopyTarget(null!, [column], RecordConverter.Dialect);
        await using var output = new RejectOutput(file, new RejectList(file.Source, target, null),
            new Dictionary<string, int> { ["note"] = 1 }, null, shown);

        foreach (long line in new long[] { 30_001, 2 })
        {
            output.List.Add("x\n"u8.ToArray(), new RefusedRow(_path, line, "note", "converted", "22001", "too long"));
            IReadOnlyList<RejectedRecord> rejected = await output.TakeAsync(Stop);
            output.Show(rejected);
            Assert.Equal($"{line - 2},row {line - 2}\n", Encoding.UTF8.GetString(Assert.Single(rejected).Bytes));
        }
        Assert.Equal(["row 29999", "row 0"], shown.Select(r => r.Value));
    }

    private void Write(int rows) =>
        File.WriteAllText(_path, "id,note\n" + string.Concat(Enumerable.Range(0, rows).Select(i => $"{i},row {i}\n")));

    private Task<SourceCursor> OpenAsync(bool dotEndsData = false) =>
        new CsvFile(CsvSource.File(_path), new CsvDialect(), DotEndsData: dotEndsData).OpenAsync(Stop);
}
