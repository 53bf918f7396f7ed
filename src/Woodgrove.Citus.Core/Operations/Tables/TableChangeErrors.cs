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
            $"{table}.{column} is an identity column; Citus does not write tables anew that have one.",
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
