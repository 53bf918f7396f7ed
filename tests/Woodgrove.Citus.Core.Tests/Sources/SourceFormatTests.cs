using System.Text;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Sources;

/// <summary>What is no CSV is named for what it is; what is CSV is read, however it begins.</summary>
public sealed class SourceFormatTests
{
    public static TheoryData<byte[], string> Others => new()
    {
        { [.. "PK"u8, 3, 4, 20, 0, 0, 0], "ZIP archive" },
        { [.. "PK"u8, 3, 4, 20, 0, 0, 0, .. "[Content_Types].xml"u8], "Excel workbook" },
        { [0xFD, .. "7zXZ"u8, 0, 0, 4], "xz" },
        { [.. "BZh91AY&SY"u8, 0, 1], "bzip2" },
        { [.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C, 0, 4], "7z" },
        { [.. "PAR1"u8, 0x15, 4, 0x15, 0], "Parquet" },
        { [.. "Obj"u8, 1, 4, 0x14], "Avro" },
        { [.. "ORC"u8, 8, 3, 0, 0], "ORC" },
        { [.. "%PDF-1.7\n"u8], "PDF" },
        { [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, 0], "xls" },
        { [.. "PGCOPY\n"u8, 0xFF, 0x0D, 0x0A, 0, 0, 0, 0, 0], "binary COPY" },
        { [.. "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"u8], "web page" },
        { [.. "\r\n <HTML lang='en'>\n<body>Sign in</body></html>"u8], "web page" },
        { [.. "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code></Error>"u8], "XML document" },
        { Archives.Gzip(Archives.Gzip(Archives.Rows(3))), "compressed twice" },
        { Archives.Gzip([.. "PK"u8, 3, 4, 20, 0, 0, 0]), "ZIP archive" },
        { Archives.Zstd(Archives.Gzip(Archives.Rows(3))), "compressed twice" },
    };

    [Theory]
    [MemberData(nameof(Others))]
    public async Task Another_format_is_named(byte[] bytes, string name)
    {
        CitusException refused = await Assert.ThrowsAsync<CitusException>(() => SourceReading.ReadAllAsync(bytes, "f.csv"));

        Assert.Equal("CitusUnsupportedFormat", refused.ErrorId);
        Assert.Contains(name, refused.What, StringComparison.Ordinal);
        Assert.DoesNotContain("ColumnMap", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PAR1,PAR2,PAR3\n1,2,3\n", true)]
    [InlineData("ORC,ID\n1,2\n", true)]
    [InlineData("PK,name\n1,a\n", true)]
    [InlineData("BZh,name\n1,a\n", true)]
    [InlineData("7z,name\n1,a\n", true)]
    [InlineData("<html>,tag\n<b>,bold\n", true)]
    [InlineData("<html>,root\n<head>,child\n", false)]
    [InlineData("<!DOCTYPE html><html><body>page</body></html>,1\n", false)]
    [InlineData("<?xml version=\"1.0\"?><a/>\n", false)]
    [InlineData("{\"a\": 1}\n", false)]
    [InlineData("[1]\n", true)]
    public async Task What_may_be_CSV_is_read(string text, bool hasHeader)
    {
        Assert.Equal(text, Encoding.UTF8.GetString(await SourceReading.ReadAllAsync(Encoding.UTF8.GetBytes(text), "f.csv",
            new CsvDialect { HasHeader = hasHeader })));
    }
}
