using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>The cmdlets of partitions by time.</summary>
public sealed class TimePartitionTests : ClusterTest
{
    public TimePartitionTests(ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireCitus();
        cluster.Execute("CREATE EXTENSION IF NOT EXISTS citus_columnar");
    }

    [Theory]
    [InlineData("date")]
    [InlineData("timestamp")]
    [InlineData("timestamptz")]
    public void Partitions_are_created_through_the_last_moment_stored_and_dropped(string type)
    {
        string table = Create(type);

        IReadOnlyList<PSObject> made = Shell.Get($"New-CitusTimePartition {table} '1 day' 2026-03-05 -StartFrom 2026-03-01");

        Assert.Equal(5L, Count(table));
        Assert.Equal(new DateTime(2026, 3, 6), made.Where(p => p.Get("State")!.ToString() == "Present").Max(p => (DateTime)p.Get("To")!));
        Cluster.Execute($"INSERT INTO {table} SELECT i, '2026-03-01'::date + i % 5 FROM generate_series(1, 500) i");

        Shell.Run($"Set-CitusTimePartition {table} 2026-03-03 -AccessMethod columnar").Succeeded();
        Assert.Equal("columnar columnar heap heap heap", Methods(table));
        Assert.Equal(500L, Cluster.Count(table));
        PSObject plan = Shell.Run($"Remove-CitusTimePartition {table} 2026-03-02 -WhatIf").Single;
        Assert.Matches(@$"All rows of {table}_p2026_03_01 are deleted \([\d,]+ bytes\)",
            Assert.Single((IEnumerable<string>)plan.Get("Losses")!));
        Shell.Run($"Remove-CitusTimePartition {table} 2026-03-02").Succeeded();
        Assert.Equal((4L, 400L), (Count(table), Cluster.Count(table)));
    }

    [Fact]
    public void Partitions_are_distributed_and_dropped_everywhere_whatever_the_roles_settings()
    {
        string table = Create("date");
        Shell["to"] = Cluster.ConnectionString + ";Options=-c citus.enable_ddl_propagation=off";
        Shell.Run($"$c = Connect-CitusCluster -ConnectionString $to -Name {table}").Succeeded();

        Shell.Run($"New-CitusTimePartition {table} '1 day' 2026-03-05 -StartFrom 2026-03-01 -Connection $c").Succeeded();
        Cluster.Execute($"INSERT INTO {table} SELECT i, '2026-03-01'::date + i % 5 FROM generate_series(1, 500) i");
        Shell.Run($"Set-CitusTimePartition {table} 2026-03-03 -AccessMethod columnar -Connection $c").Succeeded();
        Shell.Run($"Remove-CitusTimePartition {table} 2026-03-02 -Connection $c; Disconnect-CitusCluster {table}").Succeeded();

        Assert.Equal((4L, 400L), (Count(table), Cluster.Count(table)));
        Assert.Equal("columnar heap heap heap", Methods(table));
        Assert.Equal("true4 4", Cluster.Scalar($"""
            SELECT string_agg(DISTINCT success || result, ' ') || ' ' || (SELECT count(*) FROM pg_dist_partition JOIN pg_inherits
                ON inhrelid = logicalrelid WHERE inhparent = '{table}'::regclass)
            FROM run_command_on_shards('{table}', $$ SELECT count(*) FROM pg_inherits WHERE inhparent = '%s'::regclass $$)
            """));
    }

    [Fact]
    public void Missing_ranges_between_partitions_and_up_to_now_are_listed_and_then_filled()
    {
        string table = Create("timestamptz");
        Cluster.Execute($"SELECT create_time_partitions('{table}', '1 day', now() - interval '2 days', now() - interval '6 days')");
        Cluster.Execute($"DROP TABLE {Cluster.Scalar($"SELECT partition::text FROM time_partitions WHERE parent_table = '{table}'::regclass ORDER BY from_value::timestamptz OFFSET 1 LIMIT 1")}");
        Cluster.Execute($"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT");

        IReadOnlyList<PSObject> found = Shell.Get($"Get-CitusTimePartition {table}");

        string[] states = [.. found.Select(p => p.Get("State")!.ToString()!)];
        Assert.Equal(["Present", "Missing"], states[..2]);
        Assert.Equal(["Missing", "Default"], states[^2..]);
        Assert.Equal(TimeSpan.FromDays(1), (DateTime)found[1].Get("To")! - (DateTime)found[1].Get("From")!);
        Assert.InRange((DateTime)found[^2].Get("To")!, DateTime.UtcNow.AddMinutes(-5), DateTime.UtcNow.AddMinutes(5));
        Shell.Run($"New-CitusTimePartition {table} '1 day' ([datetime]::Now) -StartFrom ([datetime]::Now.AddDays(-6))").Succeeded();
        Assert.DoesNotContain("Missing", Shell.Get($"Get-CitusTimePartition {table}").Select(p => p.Get("State")!.ToString()));
    }

    [Fact]
    public void What_can_t_be_is_refused_before()
    {
        string table = Create("date"), other = Cluster.Distribute("id bigint", "id");

        Shell.Run($"New-CitusTimePartition {table} '1 hour' 2026-03-05 -StartFrom 2026-03-01 -WhatIf").Failed("CitusInvalidArgument");
        Shell.Run($"New-CitusTimePartition {table} nonsense 2026-03-05 -StartFrom 2026-03-01 -WhatIf").Failed("CitusInvalidArgument");
        Shell.Run($"New-CitusTimePartition {table} '1 day' 2026-03-01 -StartFrom 2026-03-05 -WhatIf").Failed("CitusInvalidArgument");
        Shell.Run($"New-CitusTimePartition {other} '1 day' 2030-03-01").Failed("CitusNotTimePartitioned");
        Shell.Run($"Remove-CitusTimePartition {other} 2030-03-01").Failed("CitusNotTimePartitioned");
        Shell.Run($"New-CitusTimePartition {table} '1 day' 2026-03-05 -StartFrom 2026-03-01").Succeeded();
        Assert.NotEmpty(Shell.Get($"New-CitusTimePartition {table} '1 day' 2026-03-05 -StartFrom 2026-03-01")); // all there: nothing to do
        Assert.Equal(5L, Count(table));
    }

    private string Create(string type)
    {
        string table = Cluster.CreateTable($"id bigint, at {type} NOT NULL) PARTITION BY RANGE (at");
        Cluster.Execute($"SELECT create_distributed_table('{table}', 'id', colocate_with := 'none', shard_count := 4)");
        return table;
    }

    private object? Count(string table) => Cluster.Scalar($"SELECT count(*) FROM pg_inherits WHERE inhparent = '{table}'::regclass");

    private object? Methods(string table) => Cluster.Scalar($"""
        SELECT string_agg(m.amname, ' ' ORDER BY c.relname) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        JOIN pg_am m ON m.oid = c.relam WHERE i.inhparent = '{table}'::regclass
        """);
}
