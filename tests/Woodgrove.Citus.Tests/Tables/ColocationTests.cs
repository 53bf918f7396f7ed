using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Tables;

/// <summary>Get-Colocation and Test-Colocation.</summary>
public sealed class ColocationTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public void A_group_lists_its_tables()
    {
        string first = Cluster.Distribute("id bigint", "id"), second = Cluster.Distribute("key bigint", "key", colocateWith: first);

        PSObject group = Shell.Run($"Get-Colocation {second} -Size").Single;

        Assert.Equal(new[] { first, second }.Order(StringComparer.Ordinal), (IEnumerable<string>)group.Get("Tables")!);
        Assert.Equal(("Distributed", "bigint", 4, 1),
            (group.Get("Type")!.ToString(), group.Get("DistributionColumnType"), group.Get("ShardCount"), group.Get("ReplicationFactor")));
        Assert.Equal(Cluster.Scalar($"SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = '{first}'::regclass"),
            group.Get("ColocationId"));
        Assert.Equal(Cluster.Scalar($"SELECT sum(shard_size)::bigint FROM citus_shards WHERE table_name IN ('{first}'::regclass, "
            + $"'{second}')"), group.Get("SizeBytes"));
        Assert.Contains(Shell.Get("Get-Colocation"), g => g.Get("ColocationId")!.Equals(group.Get("ColocationId")));
    }

    [Fact]
    public void Colocated_tables_are_true_in_a_condition_and_others_false()
    {
        string first = Cluster.Distribute("id bigint", "id"), second = Cluster.Distribute("key bigint", "key", colocateWith: first),
            third = Cluster.Distribute("id bigint", "id");

        Assert.True((bool)Shell.Run($"Test-Colocation {first}, {second}").Single.BaseObject);
        Assert.Equal("no", Shell.Run($"if (Test-Colocation {first}, {second}, {third}) {{ 'yes' }} else {{ 'no' }}").Single.BaseObject);
    }

    [Theory]
    [InlineData("id int", 4, "ColumnType", "of type bigint")]
    [InlineData("id bigint", 6, "ShardCount", "has 4 shards")]
    [InlineData("id bigint", 4, "SeparateGroups", "colocate_with none")]
    public void The_reason_is_named_and_the_fix_given_works(string definition, int shards, string reason, string said)
    {
        string first = Cluster.Distribute("id bigint", "id"), second = Cluster.CreateTable(definition);
        Cluster.Execute($"SELECT create_distributed_table('{second}', 'id', colocate_with := 'none', shard_count := {shards})");

        PSObject test = Shell.Run($"Test-Colocation {first}, {second} -Detailed").Single;

        Assert.Equal((false, reason), ((bool)test.Get("IsColocated")!, test.Get("Reason")!.ToString()));
        Assert.Contains(said, (string)test.Get("Explanation")!);
        if (!Cluster.IsCitus && reason != "ColumnType") return; // the stand-in has no alter_distributed_table
        Shell.Run((string)test.Get("Fix")!).Succeeded();
        Assert.True((bool)Shell.Run($"Test-Colocation {first}, {second}").Single.BaseObject);
    }

    [Fact]
    public void The_fix_given_works_for_a_table_with_foreign_keys_and_keeps_those_to_reference_tables()
    {
        Cluster.RequireCitus();
        string first = Cluster.Distribute("id bigint", "id"), kinds = Cluster.CreateTable("k int PRIMARY KEY");
        Cluster.Execute($"SELECT create_reference_table('{kinds}')");
        string parent = Cluster.Distribute("id int PRIMARY KEY", "id");
        string second = Cluster.Distribute("id int PRIMARY KEY, k int", "id", colocateWith: parent);
        Cluster.Execute($"ALTER TABLE {second} ADD CONSTRAINT to_parent FOREIGN KEY (id) REFERENCES {parent}");
        Cluster.Execute($"ALTER TABLE {second} ADD CONSTRAINT to_kind FOREIGN KEY (k) REFERENCES {kinds}");

        Shell.Run((string)Shell.Run($"Test-Colocation {first}, {second} -Detailed").Single.Get("Fix")!).Succeeded();

        Assert.True((bool)Shell.Run($"Test-Colocation {first}, {second}").Single.BaseObject);
        Assert.Equal("to_kind", Cluster.Scalar($"SELECT string_agg(conname, ' ') FROM pg_constraint WHERE contype = 'f' AND conrelid = '{second}'::regclass"));
    }

    [Fact]
    public void A_collation_is_a_reason_and_the_fix_given_works()
    {
        Cluster.RequireCitus();
        string first = Cluster.Distribute("id text", "id"), second = Cluster.Distribute("id text COLLATE \"C\"", "id");

        PSObject test = Shell.Run($"Test-Colocation {first}, {second} -Detailed").Single;

        Assert.Equal("Collation", test.Get("Reason")!.ToString());
        Assert.Contains("has the collation \"default\"", (string)test.Get("Explanation")!, StringComparison.Ordinal);
        Shell.Run((string)test.Get("Fix")!).Succeeded();
        Assert.True((bool)Shell.Run($"Test-Colocation {first}, {second}").Single.BaseObject);
    }

    [Fact]
    public void Replication_is_a_reason()
    {
        Cluster.RequireCitus();
        string first = Cluster.Distribute("id bigint", "id"), second = Cluster.CreateTable("id bigint");
        Cluster.Execute($"SET citus.shard_replication_factor = 2; SELECT create_distributed_table('{second}', 'id', "
            + "colocate_with := 'none', shard_count := 4)");

        Assert.Equal("Replication", Shell.Run($"Test-Colocation {first}, {second} -Detailed").Single.Get("Reason")!.ToString());
    }

    [Fact]
    public void A_reference_table_lies_beside_every_row_and_a_plain_one_beside_none()
    {
        string table = Cluster.Distribute("id bigint", "id"), reference = Cluster.CreateTable("id bigint"),
            plain = Cluster.CreateTable("id bigint");
        Cluster.Execute($"SELECT create_reference_table('{reference}')");

        IReadOnlyList<PSObject> tests = Shell.Get($"Test-Colocation {table}, {reference}, {plain} -Detailed");

        Assert.Equal([(true, "Reference"), (false, "NotDistributed")],
            tests.Select(t => ((bool)t.Get("IsColocated")!, t.Get("Reason")!.ToString()!)));
        Assert.Equal($"New-DistributedTable '{plain}' <column of bigint> -ColocateWith '{table}'", tests[1].Get("Fix"));
    }

    [Fact]
    public void A_table_that_is_distributed_without_a_column_is_no_local_one()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute("id bigint", "id"), first = Cluster.CreateTable("id bigint"),
            second = Cluster.CreateTable("id bigint");
        Cluster.Execute($"SELECT create_distributed_table('{first}', NULL, colocate_with := 'none')");
        Cluster.Execute($"SELECT create_distributed_table('{second}', NULL, colocate_with := '{first}')");

        Assert.Equal("SingleShard", Shell.Run($"Get-DistributedTable {first}").Single.Get("Type")!.ToString());
        Assert.Equal("SingleShard", Shell.Run($"Get-Colocation {first}").Single.Get("Type")!.ToString());
        Assert.Equal([(true, "SameGroup"), (false, "OtherKind")],
            Shell.Get($"Test-Colocation {first}, {second}, {table} -Detailed")
                .Select(t => ((bool)t.Get("IsColocated")!, t.Get("Reason")!.ToString()!)));
    }

    [Fact]
    public void Verbose_says_why_beside_true_or_false()
    {
        string first = Cluster.Distribute("id bigint", "id"), second = Cluster.Distribute("id bigint", "id");

        RunResult run = Shell.Run($"Test-Colocation {first}, {second} -Verbose");

        Assert.False((bool)run.Single.BaseObject);
        Assert.Contains(run.Verbose, v => v.Contains("Set-DistributedTable", StringComparison.Ordinal));
    }

    [Fact]
    public void A_missing_table_or_a_single_one_is_an_error_and_not_false()
    {
        string table = Cluster.Distribute("id bigint", "id");

        Shell.Run($"Test-Colocation {table}, {Cluster.NewName()}").Failed("CitusTableNotFound");
        Shell.Run($"Test-Colocation {table}").Failed("CitusTwoTablesNeeded");
    }
}
