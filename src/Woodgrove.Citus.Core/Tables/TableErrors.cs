using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Tables;

/// <summary>Errors of distributing a table, with how to mend it.</summary>
internal static class TableErrors
{
    public static CitusException Exists(TableName table, PostgresException refusal) =>
        new("CitusAlreadyExists", CitusErrorKind.ResourceExists, PostgresErrors.Text(refusal),
            "Leave out -Definition to distribute the table that is there, or choose another name.", refusal)
                { Target = table.ToString(), SqlState = refusal.SqlState };

    public static CitusException ShardCountWithColocation() =>
        new("CitusShardCountWithColocation", CitusErrorKind.InvalidArgument,
            "-ShardCount and -ColocateWith exclude each other: colocated tables have the same shards.", "Leave -ShardCount out.");

    public static CitusException SingleShardNotSupported(CitusConnection connection) =>
        new("CitusNotSupported", CitusErrorKind.NotImplemented,
            $"A table without a distribution column needs Citus 12.0, and this cluster has Citus {connection.CitusVersion}.",
            "Name a column with -DistributionColumn, or upgrade Citus on all nodes.") { Target = connection.Name };

    public static CitusException SingleShardOnly() =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
            "Without -DistributionColumn the table has a single shard: -ShardCount and -Concurrently are for tables that are split.",
            "Name a column, or leave -ShardCount and -Concurrently out.");

    public static CitusException OtherNotSingleShard(TableInfo other) =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
            $"{other.Display}, named by -ColocateWith, has shards by a column or none at all; a table without a distribution column can only "
                + "be beside another one without.",
            "Name a table without a distribution column, or leave -ColocateWith out.") { Target = other.Display };

    public static CitusException OtherNotDistributed(TableInfo other) =>
        new("CitusNotDistributed", CitusErrorKind.InvalidArgument,
            $"{other.Display}, named by -ColocateWith, is not a distributed table.",
            "Distribute it first with New-DistributedTable, or leave -ColocateWith out.") { Target = other.Display };

    /// <param name="isCreated">The table is created by the same command.</param>
    public static CitusException TypesDiffer(TableInfo table, TableColumn column, TableInfo other, TableColumn key, bool isCreated) =>
        new("CitusColocationTypeMismatch", CitusErrorKind.InvalidArgument,
            $"{table.Display}.{column.Name} is {column.TypeName}, but {other.Display}, to colocate with, "
                + $"is distributed by {key.Name} of type {key.TypeName}; equal values would hash to different shards.",
            isCreated ? $"Make {TableName.QuoteIfNeeded(column.Name)} a {key.TypeName} in -Definition."
                : $"Change the type first: ALTER TABLE {table.Name} ALTER COLUMN {TableName.QuoteIfNeeded(column.Name)} "
                    + $"TYPE {key.TypeName}.") { Target = table.Display };

    /// <param name="isCreated">The table is created by the same command.</param>
    public static CitusException CollationsDiffer(TableInfo table, TableColumn column, string mine, TableInfo other, TableColumn key,
        string others, bool isCreated) =>
        new("CitusColocationCollationMismatch", CitusErrorKind.InvalidArgument,
            $"{table.Display}.{column.Name} has the collation {mine}, but {other.Display}, to colocate with, "
                + $"is distributed by {key.Name} with the collation {others}; Citus colocates only columns of one collation.",
            isCreated ? $"Make {TableName.QuoteIfNeeded(column.Name)} a {column.TypeName} COLLATE {others} in -Definition."
                : $"Change the collation first: ALTER TABLE {table.Name} ALTER COLUMN {TableName.QuoteIfNeeded(column.Name)} "
                    + $"TYPE {column.TypeName} COLLATE {others}.") { Target = table.Display };

    public static CitusException NullValues(TableInfo table, TableColumn column) =>
        new("CitusNullDistributionValue", CitusErrorKind.InvalidData,
            $"{table.Display} has rows whose {column.Name} is NULL; without a value no shard can be chosen for them.",
            $"Fill or delete them: SELECT * FROM {table.Name} WHERE {TableName.QuoteIfNeeded(column.Name)} IS NULL;")
                { Target = table.Display };

    public static CitusException AlreadyDistributed(TableInfo table, string how) =>
        new("CitusAlreadyDistributed", CitusErrorKind.ResourceExists, $"{table.Display} is already {how}.",
                table.Kind == TableKind.Schema ? "ConvertFrom-DistributedSchema makes the tables of its schema local ones."
                    : $"Set-DistributedTable changes how; or make it local with {TableAdvice.ToLocal(table.Display)}, and distribute it again.")
            { Target = table.Display, SqlState = "42P16" };

    public static CitusException KeyLacksColumn(TableInfo table, TableColumn column, UniqueKey key, string advice) =>
        new("CitusKeyWithoutDistributionColumn", CitusErrorKind.InvalidArgument,
            $"The {(key.IsPrimary ? "primary key" : "unique key")} {key} of {table.Display} does not hold the distribution "
                + $"column {column.Name}. "
            + "Each node checks uniqueness among its own rows only, so a unique key must hold the column that decides on which node a "
            + "row lies.",
            advice) { Target = table.Display };

    public static string WidenInDefinition(bool isPrimary, string columns) =>
        $"Widen the key in -Definition: {(isPrimary ? "PRIMARY KEY" : "UNIQUE")} ({columns})";

    /// <summary>What is said of a failed concurrent distribution that could not be undone.</summary>
    public static string NotCleaned(TableInfo table, Exception cause) =>
        $"What it left could not be taken away ({PostgresErrors.Describe(cause).What.TrimEnd('.')}): "
            + $"see {table.Display} with Get-DistributedTable, and run Repair-CitusCluster.";
}
