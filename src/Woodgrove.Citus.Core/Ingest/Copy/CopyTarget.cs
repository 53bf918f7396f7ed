using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Copy;

/// <summary>The table that rows are copied into, the columns that they have, and how they are written.</summary>
internal sealed record CopyTarget(TableInfo Table, IReadOnlyList<TableColumn> Columns, CsvDialect Dialect)
{
    /// <summary>The table that the user named, where the rows go to another first.</summary>
    public TableName? StandsFor { get; init; }

    /// <summary>The columns' names, quoted and in the rows' order.</summary>
    public string ColumnList => string.Join(", ", Columns.Select(c => TableName.Quote(c.Name)));

    /// <summary>The COPY of such rows into the table, or one of the same columns.</summary>
    public string CopyInto(string tableSql) =>
        $"COPY {tableSql} ({ColumnList}) FROM STDIN WITH ({(Dialect with { HasHeader = false }).CopyOptions()})";

    /// <summary>The COPY of such rows in binary.</summary>
    public string BinaryCopyInto(string tableSql) => $"COPY {tableSql} ({ColumnList}) FROM STDIN WITH (FORMAT binary)";

    /// <summary>What a server told beyond its message, or null; the row as a table of ours has it has columns of ours too.</summary>
    public string? Detail(PostgresException refusal, ShardRange? shard)
    {
        bool isOurs = refusal.TableName == ValidationTable.Table || (StandsFor is not null && refusal.SchemaName == Table.Name.Schema);
        bool showsRow = refusal.SqlState is PostgresErrorCodes.NotNullViolation or PostgresErrorCodes.CheckViolation;
        return string.IsNullOrEmpty(refusal.Detail) || (isOurs && showsRow) ? null : Readable(refusal.Detail, shard);
    }

    /// <summary>A server's message without the names of shards and of tables that are ours, which mean nothing to the user.</summary>
    public string Readable(string message, ShardRange? shard)
    {
        if (shard is not null)
            message = message.Replace(string.Create(CultureInfo.InvariantCulture, $"_{shard.ShardId}"), "", StringComparison.Ordinal);
        message = message.Replace(ValidationTable.Table, Table.Name.Name, StringComparison.Ordinal);
        return StandsFor is null ? message : message.Replace(Table.Name.Name, StandsFor.Value.Name, StringComparison.Ordinal);
    }
}
