using System.Text;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Core.Tests.Ingest;

/// <summary>Which records are tried apart once one was refused.</summary>
public sealed class DoubtfulRecordsTests
{
    private static readonly TableColumn[] Columns =
    [
        new("id", "bigint", 20, true, false, false, false), new("user_id", "integer", 23, false, false, false, false),
        new("name", "character varying(5)", 1043, false, false, false, false), new("at", "date", 1082, false, false, false, false),
        new("details", "jsonb", 3802, false, false, false, false), new("place", "inet", 869, false, false, false, false),
    ];

    [Theory]
    [InlineData("1,2,abc,2024-01-01,{},::1")]
    [InlineData("1,2,,,,")]
    [InlineData("1,2,\"a\"\"\nb\",2024-01-01,\"{\"\"k\"\": 1}\",anything")]
    public void Plain_records_go_together(string record) => Assert.Equal((1, 0), Part(record));

    [Theory]
    [InlineData("x,2,abc,2024-01-01,{},")]
    [InlineData(",2,abc,2024-01-01,{},")]             // id is not null
    [InlineData("1,,abc,2024-01-01,{},")]             // the distribution column
    [InlineData("1,3000000000,abc,2024-01-01,{},")]   // no integer
    [InlineData("1,2,abcdef,2024-01-01,{},")]
    [InlineData("1,2,abc,yesterday,{},")]             // a server takes it, but one must ask
    [InlineData("1,2,abc,2024-01-01,{,")]
    [InlineData("1,2,abc,2024-01-01,{}")]
    [InlineData("1,2,abc,2024-01-01,{},,")]
    [InlineData("1,2,abc,\"\",{},")]
    public void Doubtful_records_go_apart(string record) => Assert.Equal((0, 1), Part(record));

    [Fact]
    public void Records_keep_their_bytes_and_lines()
    {
        byte[] bytes = Encoding.UTF8.GetBytes("1,2,a,,,\nx,2,b,,,\n3,4,\"c\r\",,,\n");
        (RecordBatch plain, RecordBatch doubtful) = Records().Part(bytes, [new(9, 4), new(18, 5), new(bytes.Length, 7)]);

        Assert.Equal("1,2,a,,,\n3,4,\"c\r\",,,\n", Encoding.UTF8.GetString(plain.Bytes.Span));
        Assert.Equal([new RecordBounds(9, 4), new RecordBounds(plain.Bytes.Length, 7)], plain.Bounds);
        Assert.Equal("x,2,b,,,\n", Encoding.UTF8.GetString(doubtful.Bytes.Span));
        Assert.Equal([new RecordBounds(9, 5)], doubtful.Bounds);
    }

    private static (int Plain, int Doubtful) Part(string record)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(record + "\n");
        (RecordBatch plain, RecordBatch doubtful) = Records().Part(bytes, [new RecordBounds(bytes.Length, 1)]);
        return (plain.Bounds.Length, doubtful.Bounds.Length);
    }

    private static DoubtfulRecords Records() => new(new CopyTarget(
        new TableInfo { Oid = 1, Name = TableName.Parse("t"), Display = "t", Kind = TableKind.Distributed, Columns = Columns,
            DistributionColumn = "user_id" },
        Columns, new CsvDialect { HasHeader = false }));
}
