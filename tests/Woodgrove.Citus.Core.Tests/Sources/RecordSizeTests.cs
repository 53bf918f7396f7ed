using System.IO.Compression;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Sources;

/// <summary>A record that does not end is refused in memory that does not grow with it.</summary>
public sealed class RecordSizeTests
{
    private const int Most = 32 * 1024 * 1024;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_endless_record_is_refused_with_the_line_where_it_begins(bool hasHeader)
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("woodgrove-record-").FullName, "f.csv.gz");
        await using (var gzip = new GZipStream(File.Create(path), CompressionLevel.Optimal))
        {
            byte[] begin = hasHeader ? "id,note\n1,\"a\nb\"\n2,\"open "u8.ToArray() : "\"open "u8.ToArray(), part = new byte[1024 * 1024];
            part.AsSpan().Fill((byte)'x');
            part[0] = (byte)'\n';
            gzip.Write(begin);
            for (int i = 0; i < 400; i++) gzip.Write(part);
        }
        long read = 0;

        CitusException refused = await Assert.ThrowsAsync<CitusException>(async () =>
        {
            var dialect = new CsvDialect { HasHeader = hasHeader, MaxRecordBytes = Most };
            await using CsvInput input = await CsvInput.OpenAsync(CsvSource.File(path), dialect, TestContext.Current.CancellationToken);
            var reader = new CsvRecordReader(input, dialect);
            try
            {
                while (await reader.ReadAsync(TestContext.Current.CancellationToken)) { }
            }
            finally
            {
                read = input.BytesRead;
            }
        });

        Assert.Equal("CitusRecordTooLong", refused.ErrorId);
        Assert.Contains($"line {(hasHeader ? 4 : 1)}: ", refused.What, StringComparison.Ordinal);
        Assert.Contains("33,554,432 bytes", refused.What, StringComparison.Ordinal);
        Assert.Contains("quote", refused.Advice, StringComparison.Ordinal);
        Assert.InRange(read, 0, new FileInfo(path).Length / 2); // the rest was not even read (it is read in pieces of 128 KB)
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public async Task A_record_within_the_limit_is_read()
    {
        byte[] text = [.. "id,note\n1,\""u8, .. Enumerable.Repeat((byte)'x', 1_000_000), .. "\"\n"u8];
        Assert.Equal(text, await SourceReading.ReadAllAsync(text, "f.csv", new CsvDialect { MaxRecordBytes = 1_000_100 }));
    }
}
