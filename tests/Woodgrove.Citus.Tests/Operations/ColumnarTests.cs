using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Get-ColumnarTable and Set-ColumnarTable.</summary>
public sealed class ColumnarTests : ClusterTest
{
    public ColumnarTests(ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireCitus();
        cluster.Execute("CREATE EXTENSION IF NOT EXISTS citus_columnar");
    }

    [Fact]
    public void Options_reach_the_shards_and_only_new_stripes()
    {
        string table = Cluster.CreateTable("id bigint) USING columnar WITH (columnar.stripe_row_limit = 5000");
        Cluster.Execute($"SELECT create_distributed_table('{table}', 'id', colocate_with := 'none', shard_count := 2)");
        Cluster.Execute($"INSERT INTO {table} SELECT generate_series(1, 1000)");

        PSObject plan = Shell.Run($"Set-ColumnarTable {table} -Compression pglz -WhatIf").Single;
        Assert.Contains("only new stripes are affected", string.Join(' ', (IEnumerable<string>)plan.Get("Locks")!),
            StringComparison.Ordinal);
        // Whatever the role's settings.
        Shell["to"] = Cluster.ConnectionString + ";Options=-c citus.enable_ddl_propagation=off";
        PSObject set = Shell.Run($"$c = Connect-CitusCluster -ConnectionString $to -Name {table}; Set-ColumnarTable {table} -Connection $c "
            + "-Compression pglz -StripeRowLimit 2000 -ChunkGroupRowLimit 1000 -CompressionLevel 7; "
            + $"Disconnect-CitusCluster {table}").Single;

        Assert.Equal(("pglz", 7, 2000, 1000),
            (set.Get("Compression"), set.Get("CompressionLevel"), set.Get("StripeRowLimit"), set.Get("ChunkGroupRowLimit")));
        Assert.Equal("(pglz,7,2000,1000)", Cluster.Scalar($"""
            SELECT string_agg(DISTINCT result, ' ') FROM run_command_on_shards('{table}', $$ SELECT (compression, compression_level,
                stripe_row_limit, chunk_group_row_limit)::text FROM columnar.options WHERE relation = '%s'::regclass $$)
            """));
        PSObject listed = Shell.Run($"Get-ColumnarTable {table}").Single;
        Assert.Equal((table, true), (listed.Get("Table"), listed.Get("IsDistributed")));
        Assert.Contains(table, Shell.Get("Get-ColumnarTable").Select(c => c.Get("Table")));
    }

    [Fact]
    public void A_table_of_another_kind_is_told_how_to_become_columnar()
    {
        string table = Cluster.Distribute("id bigint", "id");

        foreach (string script in new[] { $"Get-ColumnarTable {table}", $"Set-ColumnarTable {table} -Compression none" })
        {
            string advice = (string)Shell.Run(script).Failed("CitusNotColumnar").Exception.Get("Advice")!;
            Assert.StartsWith($"Set-DistributedTable {table} -AccessMethod columnar", advice, StringComparison.Ordinal);
        }
        Shell.Run($"Set-DistributedTable {table} -AccessMethod columnar; Set-ColumnarTable {table} -Compression none").Succeeded();
        Shell.Run($"Set-ColumnarTable {table}").Failed("CitusInvalidArgument");
    }
}
