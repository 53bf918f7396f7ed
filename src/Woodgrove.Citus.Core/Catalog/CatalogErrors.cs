using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Catalog;

/// <summary>Errors, warnings and advice about tables, shards and nodes that are not as a command needs them.</summary>
internal static class CatalogErrors
{
    public static CitusException PooledSession(TableName name) =>
        ConnectionErrors.SettingsLost($"The table {name} can't be looked up: the connection", name.ToString());

    public static CitusException NoTable(TableName name, string database) =>
        new("CitusTableNotFound", CitusErrorKind.ObjectNotFound,
            $"There is no table {name} in database '{database}'.",
            "Check the name and its schema (schema.table); New-DistributedTable creates one with -Definition.")
                { Target = name.ToString() };

    public static CitusException NoShardTable(ShardRange shard, string node, PostgresException cause) =>
        new("CitusTableNotFound", CitusErrorKind.ObjectNotFound,
            $"Shard {shard.ShardId} has no table {shard.ShardName} on {node}: {PostgresErrors.Text(cause)}",
            "Test-CitusCluster ShardPlacements lists the shards whose tables are missing.", cause)
        { Target = shard.ShardName, SqlState = cause.SqlState };

    public static CitusException NotATable(TableName name, char kind) =>
        new("CitusNotATable", CitusErrorKind.InvalidArgument,
            $"{name} is {KindName(kind)}, not a table.", "Name a table.") { Target = name.ToString() };

    /// <param name="kind">As in pg_class.relkind.</param>
    private static string KindName(char kind) => kind switch
    {
        'v' => "a view",
        'm' => "a materialized view",
        'S' => "a sequence",
        'i' or 'I' => "an index",
        'c' => "a composite type",
        't' => "a TOAST table",
        _ => $"of another kind (pg_class.relkind '{kind}')",
    };

    public static CitusException NoCitus(CitusConnection connection, string so = "it has no distributed tables or nodes") =>
        new("CitusExtensionMissing", CitusErrorKind.NotInstalled,
            $"Database '{connection.Database}' has no Citus, so {so}.",
            "Connect to the database that has it, or run CREATE EXTENSION citus as a superuser.") { Target = connection.Name };

    public static CitusException NoColumn(TableInfo table, string column) =>
        new("CitusColumnNotFound", CitusErrorKind.ObjectNotFound,
            $"{table.Display} has no column '{column}'.",
            $"Its columns are {string.Join(", ", table.Columns.Select(c => c.Name))}.") { Target = table.Display };

    public static CitusException PlainTable(TableInfo table) =>
        new("CitusNotDistributed", CitusErrorKind.InvalidArgument,
            $"{table.Display} is not distributed: it is a plain table of the node that the connection leads to.",
            "New-DistributedTable distributes it.") { Target = table.Display };

    public static CitusException NoColocationGroup(TableInfo table) =>
        new("CitusNotDistributed", CitusErrorKind.InvalidArgument,
            $"{table.Display} is on the coordinator only and has no colocation group; Citus only keeps track of it.",
            "New-DistributedTable distributes it.") { Target = table.Display };

    public static CitusException OneTable() =>
        new("CitusTwoTablesNeeded", CitusErrorKind.InvalidArgument,
            "-Table names one table; to compare colocation, name two or more.",
            "Name them with a comma between: Test-Colocation a, b.");

    public static CitusException NoDistributionColumn(TableInfo table) =>
        new("CitusNotDistributed", CitusErrorKind.InvalidArgument,
            $"{table.Display} has no distribution column, so no value chooses a shard of it.",
            "Name a table distributed by a column; Get-DistributedTable lists them.") { Target = table.Display };

    public static CitusException NullValue(TableInfo table, TableColumn column) =>
        new("CitusNullDistributionValue", CitusErrorKind.InvalidData,
            $"NULL has no shard in {table.Display}: a row without a {column.Name} is refused.", "Give a value, or leave such rows out.")
                { Target = table.Display };

    public static CitusException NoValueOfColumn(object? value, TableInfo table, TableColumn column, PostgresException refusal) =>
        new("CitusInvalidValue", CitusErrorKind.InvalidData,
            $"'{value}' is not a value of {table.Display}.{column.Name}, which is of type {column.TypeName}: "
                + $"{refusal.MessageText.TrimEnd('.')}.",
            $"Write it as PostgreSQL reads the type, or leave it out.", refusal) { Target = value, SqlState = refusal.SqlState };

    /// <summary>The command that colocates a plain table with another.</summary>
    public static string DistributeBeside(TableInfo plain, TableInfo other, string type) =>
        $"New-DistributedTable '{plain.Display}' <column of {type}> -ColocateWith '{other.Display}'";

    public static string PluginNotAllowed(IEnumerable<string> nodes) =>
        $"First add citus to output_plugin_libraries on {string.Join(", ", nodes)}, "
            + "where logical replication of shards is refused without it: the Fix of Test-CitusCluster LogicalTransfers has the "
            + "statements.";

    public static string SizesLocked(IReadOnlyList<long> shards) =>
        $"{shards.Count} shard(s) are locked, so their sizes are not known, the first that of {shards[0]}; "
            + "Get-CitusLockWait shows who waits for whom.";
}
