using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Tables that become local, tables without a distribution column, and rows that stayed behind.</summary>
public sealed class LocalTableTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public void A_table_becomes_local_with_its_rows()
    {
        string table = Cluster.Distribute("id bigint PRIMARY KEY, note text", "id");
        Cluster.Execute($"INSERT INTO {table} SELECT i, 'n' || i FROM generate_series(1, 200) i");
        string[] rows = Cluster.Rows(table);

        PSObject local = Shell.Run($"ConvertTo-LocalTable {table}").Single;

        Assert.Equal((table, "Local", 0L), (local.Get("Table"), local.Get("Type")!.ToString(), local.Get("ShardCount")));
        Assert.True((long)local.Get("SizeBytes")! > 0);
        Assert.False(IsKnown(table));
        Assert.Equal(rows, Cluster.Rows(table));
        Assert.Equal("Local", Shell.Run($"ConvertTo-LocalTable {table}").Single.Get("Type")!.ToString());
    }

    [Fact]
    public void Tables_linked_by_foreign_keys_become_local_together_and_only_where_that_is_said()
    {
        Cluster.RequireCitus();
        string kinds = Cluster.CreateTable("id int PRIMARY KEY"), users = Cluster.Distribute("id bigint PRIMARY KEY", "id");
        Cluster.Execute($"SELECT create_reference_table('{kinds}')");
        string events = Cluster.Distribute("id bigint PRIMARY KEY, kind int", "id", colocateWith: users);
        Cluster.Execute($"ALTER TABLE {events} ADD FOREIGN KEY (id) REFERENCES {users}");
        Cluster.Execute($"ALTER TABLE {events} ADD FOREIGN KEY (kind) REFERENCES {kinds}");
        Cluster.Execute($"INSERT INTO {kinds} VALUES (1); INSERT INTO {users} VALUES (5); INSERT INTO {events} VALUES (5, 1)");

        ErrorRecord refused = Shell.Run($"ConvertTo-LocalTable {events}").Failed("CitusForeignKeys");
        Assert.Contains($"{events}_kind_fkey ({events} to {kinds})", refused.Exception.Message, StringComparison.Ordinal);
        Assert.True(IsKnown(events));
        PSObject plan = Shell.Run($"ConvertTo-LocalTable {events} -CascadeViaForeignKeys -WhatIf").Single;
        Assert.Equal(new[] { events, kinds, users }.Order(), ((IEnumerable<string>)plan.Get("Tables")!).Order());
        Shell.Run($"ConvertTo-LocalTable {events} -CascadeViaForeignKeys").Succeeded();

        Assert.All([kinds, users, events], t => Assert.False(IsKnown(t)));
        Assert.Equal(2L, Cluster.Scalar($"SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = '{events}'::regclass"));
        Assert.Equal(["5\t1"], Cluster.Rows(events));
    }

    [Fact]
    public void Without_a_column_the_table_is_one_shard_on_one_node()
    {
        Cluster.RequireCitus();
        string table = Cluster.NewName(), beside = Cluster.NewName();

        PSObject made = Shell.Run($"New-DistributedTable {table} -Definition 'id bigint PRIMARY KEY'").Single;
        Shell.Run($"New-DistributedTable {beside} -ColocateWith {table} -Definition 'id bigint'").Succeeded();

        Assert.Equal(("SingleShard", 1L), (made.Get("Type")!.ToString(), made.Get("ShardCount")));
        Assert.Equal("n s", Cluster.Scalar($"SELECT partmethod::text || ' ' || repmodel::text FROM pg_dist_partition WHERE logicalrelid = '{table}'::regclass"));
        Assert.Equal(1L, Cluster.Scalar($"SELECT count(DISTINCT colocationid) FROM pg_dist_partition WHERE logicalrelid IN ('{table}'::regclass, '{beside}'::regclass)"));
        Assert.Equal(1L, Cluster.Scalar($"SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = '{table}'::regclass"));
    }

    [Theory]
    [InlineData("-ShardCount 4")]
    [InlineData("-Concurrently")]
    [InlineData("-ColocateWith {0}")]
    public void Without_a_column_nothing_can_be_said_of_shards(string parameter)
    {
        string other = Cluster.Distribute("id bigint PRIMARY KEY", "id"), table = Cluster.CreateTable("id bigint PRIMARY KEY");

        Shell.Run($"New-DistributedTable {table} {parameter.Replace("{0}", other, StringComparison.Ordinal)} -WhatIf")
            .Failed("CitusInvalidArgument");
    }

    [Fact]
    public void Rows_that_stayed_behind_are_removed_and_counted_before()
    {
        Cluster.RequireCitus();
        string parent = Cluster.CreateTable("id bigint PRIMARY KEY"),
            child = Cluster.CreateTable($"id bigint PRIMARY KEY REFERENCES {parent}");
        Cluster.Execute($"INSERT INTO {parent} SELECT generate_series(1, 500); INSERT INTO {child} SELECT generate_series(1, 100); ANALYZE {parent}");
        Cluster.Execute($"SELECT create_distributed_table('{parent}', 'id', colocate_with := 'none', shard_count := 4); "
            + $"SELECT create_distributed_table('{child}', 'id', colocate_with := '{parent}')");

        PSObject plan = Shell.Run($"Clear-LocalTableData {parent} -WhatIf").Single;
        Assert.Matches("[0-9,]+ bytes, by the statistics about 500 rows", (string)plan.Get("Action")!);
        Assert.Contains(child, Assert.Single((IEnumerable<string>)plan.Get("Losses")!), StringComparison.Ordinal);
        Assert.NotEqual(0L, LocalBytes(parent));
        Shell.Run($"Clear-LocalTableData {parent}").Succeeded();

        Assert.Equal((0L, 0L), (LocalBytes(parent), LocalBytes(child)));
        Assert.Equal((500L, 100L), (Cluster.Count(parent), Cluster.Count(child)));
        // Nothing is left to do.
        Assert.Empty((IEnumerable<string>)Shell.Run($"Clear-LocalTableData {parent} -WhatIf").Single.Get("Sql")!);
        Assert.Equal(parent, Shell.Run($"Clear-LocalTableData {parent}").Single.Get("Table"));
    }

    [Fact]
    public void A_local_table_has_nothing_left_behind()
    {
        string table = Cluster.CreateTable("id bigint PRIMARY KEY");
        Cluster.Execute($"INSERT INTO {table} VALUES (1)");

        Shell.Run($"Clear-LocalTableData {table}").Failed("CitusNotDistributed");

        Assert.Equal(1L, Cluster.Count(table));
    }

    [Fact]
    public void The_stand_in_says_what_only_Citus_can_do()
    {
        if (Cluster.IsCitus) Assert.Skip("is about the stand-in");
        string table = Cluster.Distribute("id bigint PRIMARY KEY", "id");

        Assert.Contains("needs Citus", Shell.Run($"Set-DistributedTable {table} -ShardCount 5")
            .Failed("CitusNotSupported").Exception.Message,
            StringComparison.Ordinal);
    }

    private bool IsKnown(string table) =>
        (bool)Cluster.Scalar($"SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = '{table}'::regclass)")!;

    private object? LocalBytes(string table) => Cluster.Scalar($"SELECT pg_relation_size('{table}')");
}
