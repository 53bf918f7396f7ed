using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Ingest;

public sealed class CsvDialectTests
{
    [Fact]
    public void The_defaults_are_PostgreSQL_s_own() =>
        Assert.Equal("FORMAT csv, ENCODING 'UTF8', HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULL ''",
            new CsvDialect().CopyOptions());

    [Fact]
    public void Every_option_reaches_COPY_quoted()
    {
        var dialect = new CsvDialect { Delimiter = '\t', Quote = '\'', Escape = '\\', NullValue = "\\N", HasHeader = false };

        Assert.Equal("FORMAT csv, ENCODING 'UTF8', DELIMITER '\t', QUOTE '''', ESCAPE E'\\\\', NULL E'\\\\N'", dialect.CopyOptions());
    }

    [Theory]
    [InlineData('\n', '"', null)]
    [InlineData('\0', '"', null)]
    [InlineData('§', '"', null)]
    [InlineData(',', '«', null)]
    [InlineData(',', '"', '\r')]
    [InlineData('"', '"', null)]
    public void What_COPY_could_not_read_is_refused(char delimiter, char quote, char? escape)
    {
        var dialect = new CsvDialect { Delimiter = delimiter, Quote = quote, Escape = escape };

        Assert.Equal("CitusInvalidDialect", Assert.Throws<CitusException>(() => dialect.Checked()).ErrorId);
    }
}
