using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Copy;

/// <summary>The table that rows are copied into, the columns that they have, and how they are written.</summary>
internal sealed record CopyTarget(TableInfo Table, IReadOnlyList<TableColumn> Columns, CsvDialect Dialect)
{
    /// <summary>The temporary table in which records are validated; a refusal may name it.</summary>
    public const string ValidationTableName = "woodgrove_validation";

    /// <summary>The table that the user named, where the rows go to another first.</summary>
    public TableName? StandsFor { get; init; }

    /// <summary>The columns' names, quoted and in the rows' order.</summary>
    public string ColumnList => string.Join(", ", Columns.Select(c => TableName.Quote(c.Name)));

    /// <summary>The COPY of such rows into the table, or one of the same columns.</summary>
    public string CopyInto(string tableSql) =>
        $"COPY {tableSql} ({ColumnList}) FROM STDIN WITH ({(Dialect with { HasHeader = false }).CopyOptions()})";

    /// <summary>The COPY of such rows in binary.</summary>
    public string BinaryCopyInto(string tableSql) => $"COPY {tableSql} ({ColumnList}) FROM STDIN WITH (FORMAT binary)";

    /// <summary>
    /// The detail of a server's message, or null. The validation table and staging tables have an internal column, so a
    /// detail that shows a whole row of theirs is left out; the name of such a table may be missing from a worker's refusal.
    /// </summary>
    public string? Detail(PostgresException refusal, ShardRange? shard)
    {
        bool hasInternalColumn = refusal.TableName == ValidationTableName || StandsFor is not null;
        bool showsRow = refusal.SqlState is PostgresErrorCodes.NotNullViolation or PostgresErrorCodes.CheckViolation;
        return string.IsNullOrEmpty(refusal.Detail) || (hasInternalColumn && showsRow) ? null : Readable(refusal.Detail, shard);
    }

    /// <summary>A server's message without the names of shards and of tables that are ours, which mean nothing to the user.</summary>
    public string Readable(string message, ShardRange? shard)
    {
        if (shard is not null)
            message = message.Replace(string.Create(CultureInfo.InvariantCulture, $"_{shard.ShardId}"), "", StringComparison.Ordinal);
        message = message.Replace(ValidationTableName, Table.Name.Name, StringComparison.Ordinal);
        return StandsFor is null ? message : message.Replace(Table.Name.Name, StandsFor.Value.Name, StringComparison.Ordinal);
    }

    /// <summary>Empties a table, or a shard, in the session's transaction.</summary>
    public static Task TruncateAsync(NpgsqlConnection session, string tableSql, CancellationToken stop) =>
        // Otherwise Citus could empty the coordinator's own empty table and no shard.
        session.ExecuteAsync($"{DdlPropagation.OnAllNodes}; TRUNCATE {tableSql}", stop);
}
