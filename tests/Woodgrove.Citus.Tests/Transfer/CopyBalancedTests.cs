using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Transfer;

/// <summary>Copies from and into a cluster whose nodes only a load-balanced port leads to.</summary>
public sealed class CopyBalancedTests : ClusterTest, IClassFixture<BalancedCluster>
{
    private readonly BalancedCluster _balanced;

    public CopyBalancedTests(BalancedCluster balanced, ClusterFixture cluster) : base(cluster)
    {
        balanced.Faults.Require();
        _balanced = balanced;
    }

    [Theory]
    [InlineData(4, "Pipe")]
    [InlineData(3, "Split")]
    public void Shards_are_copied_from_and_to_nodes_behind_a_balancer(int shards, string method)
    {
        int before = _balanced.Balancer.Connections;
        _balanced.Connect("balanced", _balanced.Balancer.Port, _balanced.Balancer.Port);
        string table = _balanced.Faults.Distribute(), own = (string)Cluster.Connection.Get("Name")!;
        Cluster.Execute($"CREATE TABLE {table} (id bigint, user_id bigint, note text)");
        Cluster.AtEnd($"DROP TABLE {table}");
        Cluster.Execute($"SELECT create_distributed_table('{table}', 'user_id', shard_count := {shards}, colocate_with := 'none')");
        _balanced.Faults.Shell["csv"] = _balanced.Faults.Csv;
        Shell.Run($"Import-CsvToCitus $csv {table} -Connection balanced").Succeeded();

        PSObject there = Shell.Run($"Copy-CitusTable {table} -From balanced -To {own} -Verify").Single;

        Assert.Equal((300_000L, method, true, true),
            (there.Get("Rows"), there.Get("Method")!.ToString(), there.Get("IsSnapshot"), there.Get("IsVerified")));
        Assert.True(_balanced.Balancer.Connections > before);
        _balanced.Faults.Execute($"TRUNCATE {table}");
        PSObject back = Shell.Run($"Copy-CitusTable {table} -From {own} -To balanced -Verify").Single;
        Assert.Equal((300_000L, method, true), (back.Get("Rows"), back.Get("Method")!.ToString(), back.Get("IsVerified")));
        _balanced.Faults.AssertLoaded(table);
    }
}
