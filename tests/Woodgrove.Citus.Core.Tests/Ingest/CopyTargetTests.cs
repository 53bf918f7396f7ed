using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Core.Tests.Ingest;

/// <summary>Which detail of a server's refusal is shown.</summary>
public sealed class CopyTargetTests
{
    private const string FailingRow = "Failing row contains (42, SendFunds, null, 47).";

    [Theory]
    [InlineData(PostgresErrorCodes.NotNullViolation)]
    [InlineData(PostgresErrorCodes.CheckViolation)]
    public void The_internal_column_of_a_staging_table_is_not_shown(string sqlState)
    {
        CopyTarget staging = Target("woodgrove.s1") with { StandsFor = TableName.Parse("events") };
        PostgresException refusal = Refusal(sqlState, FailingRow, "woodgrove", "s1_102008");

        Assert.Null(staging.Detail(refusal, null));
        Assert.Null(staging.Detail(WorkerRefusal.WithoutShards(staging.Table, refusal), null)); // which names no table
    }

    [Fact]
    public void The_internal_column_of_the_validation_table_is_not_shown() =>
        Assert.Null(Target("events").Detail(
            Refusal(PostgresErrorCodes.CheckViolation, FailingRow, "pg_temp_3", CopyTarget.ValidationTableName), null));

    [Fact]
    public void The_row_of_the_users_table_and_a_key_are_shown()
    {
        const string Key = "Key (id)=(1) already exists.";
        CopyTarget staging = Target("woodgrove.s1") with { StandsFor = TableName.Parse("events") };

        Assert.Equal(FailingRow, Target("events").Detail(Refusal(PostgresErrorCodes.CheckViolation, FailingRow, "public", "events"), null));
        Assert.Equal(Key, staging.Detail(Refusal(PostgresErrorCodes.UniqueViolation, Key, "woodgrove", "s1"), null));
    }

    private static CopyTarget Target(string table) => new(
        new TableInfo { Oid = 1, Name = TableName.Parse(table), Display = table, Kind = TableKind.Distributed, Columns = [],
            DistributionColumn = null },
        [], new CsvDialect { HasHeader = false });

    private static PostgresException Refusal(string sqlState, string detail, string schema, string table) =>
        new("refused", "ERROR", "ERROR", sqlState, detail: detail, schemaName: schema, tableName: table);
}
