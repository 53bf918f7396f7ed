using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Errors of changing tables.</summary>
internal static class TableChangeErrors
{
    public static CitusException NothingAsked() =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument, "Nothing is said about how the table is to be.",
            "Give -DistributionColumn, -ShardCount, -ColocateWith or -AccessMethod.");

    public static CitusException NotDistributed(TableInfo table) =>
        new("CitusNotDistributed", CitusErrorKind.InvalidArgument,
            $"{table.Display} has no distribution column: it is {Kind(table.Kind)}.",
            table.Kind switch
            {
                TableKind.Local => $"New-DistributedTable {CmdletLine.Argument(table.Display)} <column> distributes it.",
                TableKind.Schema => "ConvertFrom-DistributedSchema makes the tables of its schema local ones, which can be distributed.",
                _ => $"First make it a local table: ConvertTo-LocalTable {CmdletLine.Argument(table.Display)}; then distribute it with "
                    + "New-DistributedTable.",
            }) { Target = table.Display };

    public static CitusException OfSchema(TableInfo table) =>
        new("CitusDistributedSchema", CitusErrorKind.InvalidArgument,
            $"{table.Display} belongs to a distributed schema, whose tables are all on one node.",
            $"Make the whole schema local: ConvertFrom-DistributedSchema {CmdletLine.Argument(table.Name.Schema!)}")
                { Target = table.Display };

    public static CitusException Partition(string table, string parent) =>
        new("CitusPartition", CitusErrorKind.InvalidArgument,
            $"{table} is a partition of {parent}, and is distributed as {parent} is.", $"Name {parent}.") { Target = table };

    public static CitusException Partitioned(string table) =>
        new("CitusPartition", CitusErrorKind.InvalidArgument,
            $"{table} is partitioned: its rows are in its partitions, each of which has an access method of its own.",
            "Set-CitusTimePartition changes that of old partitions; or name a partition.") { Target = table };

    public static CitusException Identity(string table, string column) =>
        new("CitusIdentityColumn", CitusErrorKind.NotImplemented,
            $"{table}.{column} is an identity column; Citus does not rewrite tables that have one.",
            $"Create another table in which {column} has a sequence for its default, and insert the rows into that.")
                { Target = table };

    public static CitusException Colocated(string table, IReadOnlyList<string> others) =>
        new("CitusColocatedTables", CitusErrorKind.InvalidArgument,
            $"{table} is colocated with {string.Join(", ", others)}, and colocated tables have equally many shards.",
            "-CascadeToColocated changes them too; -CascadeToColocated:$false changes this table alone, which is then no longer "
                + "colocated with them: joins with them move rows, and foreign keys between them are dropped.") { Target = table };

    public static CitusException NoCascade(string what) =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
            $"{what} can't be passed on to the colocated tables.", "Leave -CascadeToColocated out.");

    public static CitusException SelfReference(string table, IReadOnlyList<ForeignKey> keys) =>
        ForeignKeys(table, keys, "Citus can't pass a change on to colocated tables that refer to themselves",
            $"Drop them first, and add them again afterwards: {Drop(keys)}");

    public static CitusException AccessMethodWithKeys(string table, IReadOnlyList<ForeignKey> keys) =>
        ForeignKeys(table, keys, "Citus does not change the access method of such a table",
            $"Drop them first: {Drop(keys)}");

    public static CitusException Linked(string table, IReadOnlyList<ForeignKey> keys, IEnumerable<string> linked) =>
        ForeignKeys(table, keys, "local tables and distributed ones can't refer to each other",
            $"ConvertTo-LocalTable {CmdletLine.Argument(table)} -CascadeViaForeignKeys makes all of them local: "
                + $"{string.Join(", ", linked)}.");

    public static CitusException LocalReferences(string table, IReadOnlyList<ForeignKey> keys) =>
        ForeignKeys(table, keys, "to remove its rows would remove those of the local tables that refer to it",
            $"Drop them first: {Drop(keys)}");

    public static CitusException NoColumnar(string database) =>
        new("CitusColumnarMissing", CitusErrorKind.NotInstalled, $"Database '{database}' has no columnar tables.",
            "Run CREATE EXTENSION citus_columnar; as a superuser. Azure Database for PostgreSQL lists it among the extensions that the "
                + "parameter azure.extensions allows.") { Target = database };

    public static CitusException NotColumnar(string table) =>
        new("CitusNotColumnar", CitusErrorKind.InvalidArgument, $"{table} is not a columnar table, or the role does not own it.",
            $"Set-DistributedTable {CmdletLine.Argument(table)} -AccessMethod columnar makes it one.") { Target = table };

    public static CitusException NoColumnarOption() =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument, "Nothing is said about how stripes are to be written.",
            "Give -Compression, -CompressionLevel, -StripeRowLimit or -ChunkGroupRowLimit.");

    public static CitusException NoSchema(string schema, string database) =>
        new("CitusSchemaNotFound", CitusErrorKind.ObjectNotFound, $"There is no schema {schema} in database '{database}'.",
            "Check the name; Get-DistributedSchema lists the distributed ones.") { Target = schema };

    public static CitusException SchemaNotDistributed(string schema) =>
        new("CitusDistributedSchema", CitusErrorKind.InvalidArgument, $"Schema {schema} is not distributed.",
            $"ConvertTo-DistributedSchema {CmdletLine.Argument(schema)} distributes it.") { Target = schema };

    public static CitusException SchemaIsEmpty(string schema) =>
        new("CitusDistributedSchema", CitusErrorKind.InvalidArgument, $"Schema {schema} has no table, and is on no node yet.",
            "Create its tables first.") { Target = schema };

    public static CitusException SchemaHasTables(string schema, IReadOnlyList<SchemaTable> tables) =>
        new("CitusAlreadyDistributed", CitusErrorKind.ResourceExists,
            $"Schema {schema} has tables that are distributed already: {string.Join(", ", tables.Select(t => t.Name))}.",
            $"Make them local first: {string.Join("; ", tables.Select(t => $"ConvertTo-LocalTable {CmdletLine.Argument(t.Name)}"))}")
                { Target = schema };

    public static CitusException KeysLeaveSchema(string schema, IReadOnlyList<ForeignKey> keys) =>
        ForeignKeys($"Schema {schema}", keys, "those of a distributed schema can only refer to tables in it, or to reference tables",
            $"Make the tables outside of it reference tables with New-ReferenceTable, or drop the foreign keys: {Drop(keys)}");

    public static CitusException NoTargetNode(string node, bool exists, IReadOnlyList<string> others) =>
        new("CitusNodeNotFound", CitusErrorKind.ObjectNotFound,
            exists ? $"Node {node} takes no shards (shouldhaveshards is off, or it is not active)." : $"The cluster has no node {node}.",
            others.Count == 0 ? "No other node takes shards; Get-CitusNode lists them." : $"Nodes it can move to: {string.Join(", ", others)}.")
                { Target = node };

    public static CitusException NoReplicaIdentity(string schema, IReadOnlyList<string> tables) =>
        new("CitusNoReplicaIdentity", CitusErrorKind.InvalidOperation,
            $"{string.Join(", ", tables)} in schema {schema} can't be replicated logically: without a primary key or another "
                + "replica identity, UPDATE and DELETE would fail meanwhile.",
            "Add a primary key, or let writers wait with -TransferMode block_writes; -TransferMode force_logical is for tables that nobody "
                + "updates.") { Target = schema };

    public static CitusException NoLogicalTransfer(string schema, string advice) =>
        new("CitusRebalanceRefused", CitusErrorKind.InvalidOperation, $"Schema {schema} can't be moved by logical replication.",
            $"{advice} Or let writers wait with -TransferMode block_writes.") { Target = schema };

    public static CitusException NotByTime(string table) =>
        new("CitusNotTimePartitioned", CitusErrorKind.InvalidArgument,
            $"{table} is not partitioned by the range of one column of type date, timestamp or timestamptz.",
            "Create it with PARTITION BY RANGE (column); Get-CitusTimePartition lists the partitions of all such tables.")
                { Target = table };

    public static CitusException StartsAfterEnd(string table, bool isNow) =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
            $"The partitions of {table} would end before they start{(isNow ? ": they start now unless -StartFrom says otherwise" : "")}.",
            "Give a -StartFrom that is before -Through.") { Target = table };

    public static CitusException PartitionsRefused(string table, Npgsql.PostgresException refusal) =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
            $"Such partitions of {table} can't be created: {PostgresErrors.Text(refusal)}",
            "Choose -Interval, -Through and -StartFrom that suit the column and the partitions there are; Get-CitusTimePartition lists these.",
            refusal) { Target = table, SqlState = refusal.SqlState };

    private static CitusException ForeignKeys(string table, IReadOnlyList<ForeignKey> keys, string why, string advice) =>
        new("CitusForeignKeys", CitusErrorKind.InvalidOperation,
            $"{table} has foreign keys or is referred to by some, and {why}: {string.Join(", ", keys)}.", advice) { Target = table };

    private static string Drop(IEnumerable<ForeignKey> keys) =>
        string.Join(" ", keys.Select(k => $"ALTER TABLE {k.FromTable} DROP CONSTRAINT {Sql.TableName.QuoteIfNeeded(k.Name)};"));

    private static string Kind(TableKind kind) => kind switch
    {
        TableKind.Local => "a local table",
        TableKind.Reference => "a reference table",
        TableKind.Schema => "a table of a distributed schema",
        _ => "distributed without a column, on one node",
    };
}
