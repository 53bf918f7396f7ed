using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Shards;

/// <summary>Where Citus reports a connection error between nodes, the error says what is behind it.</summary>
public sealed class NodeRefusalTests(FaultCluster faults) : IClassFixture<FaultCluster>
{
    [Fact]
    public async Task A_node_that_is_down_is_named_though_the_role_lacks_USAGE_on_a_schema_too()
    {
        faults.Require();
        string role = faults.CreateRole("planner");
        faults.Execute("CREATE SCHEMA hidden");
        faults.Execute("CREATE TABLE hidden.events (id bigint)");
        faults.Execute("SELECT create_distributed_table('hidden.events', 'id', shard_count := 4, colocate_with := 'none')");
        faults.Shell["as"] = faults.ConnectionStringOf(role);
        faults.Shell.Run("$null = Connect-CitusCluster -ConnectionString $as -Name planner").Succeeded();
        faults.Workers[0].Kill();
        try
        {
            string down = Told();
            Assert.Contains($"127.0.0.1:{faults.Workers[0].Port} gave no answer", down, StringComparison.Ordinal);
            Assert.DoesNotContain("GRANT USAGE", down, StringComparison.Ordinal);
        }
        finally
        {
            await faults.Workers[0].StartAsync();
        }
        Assert.Contains("GRANT USAGE ON SCHEMA hidden TO", Told(), StringComparison.Ordinal);

        string Told() =>
            faults.Shell.Run("Start-ShardRebalance -WhatIf -Connection planner").Failed("CitusNodeRefused").Exception.Message;
    }
}
