using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Distributed schemas: a tenant's tables together on one node.</summary>
public sealed class SchemaTenantTests : ClusterTest
{
    public SchemaTenantTests(ClusterFixture cluster) : base(cluster) => cluster.RequireCitus();

    [Fact]
    public void A_schema_is_distributed_moved_and_made_local_and_no_query_answers_otherwise()
    {
        string schema = Create("CREATE TABLE {0}.users (id bigint PRIMARY KEY, name text); CREATE TABLE {0}.orders (id bigint PRIMARY KEY, user_id "
            + "bigint REFERENCES {0}.users, amount numeric)");
        Cluster.Execute($"INSERT INTO {schema}.users SELECT i, 'u' || i FROM generate_series(1, 300) i; "
            + $"INSERT INTO {schema}.orders SELECT i, 1 + i % 300, i * 1.5 FROM generate_series(1, 2000) i");
        string[] queries =
        [
            $"SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM {schema}.users t",
            $"SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM {schema}.orders t",
            $"SELECT md5(string_agg(name || s, ',' ORDER BY name)) FROM (SELECT name, sum(amount) s FROM {schema}.users u JOIN {schema}.orders o ON o.user_id = u.id GROUP BY 1) x",
        ];
        object?[] Answers() => [.. queries.Select(Cluster.Scalar)];
        object?[] before = Answers();

        PSObject made = Shell.Run($"ConvertTo-DistributedSchema {schema}").Single;
        Assert.Equal((schema, 2L, NodeOf(schema)),
            (made.Get("Schema"), made.Get("TableCount"), $"{made.Get("NodeName")}:{made.Get("NodePort")}"));
        Assert.Equal(before, Answers());
        Assert.Equal(1L, Cluster.Scalar($"SELECT count(*) FROM pg_dist_schema WHERE schemaid = '{schema}'::regnamespace"));

        string other = OtherNode(schema);
        PSObject plan = Shell.Run($"Move-DistributedSchema {schema} {other} -TransferMode block_writes -WhatIf").Single;
        Assert.Equal(2, ((IEnumerable<long>)plan.Get("Shards")!).Count());
        Assert.True((long)plan.Get("SizeBytes")! > 100_000);
        PSObject moved = Shell.Run($"Get-DistributedSchema {schema} | Move-DistributedSchema -ToNode {other} -TransferMode block_writes").Single;
        Assert.Equal(other, $"{moved.Get("NodeName")}:{moved.Get("NodePort")}");
        Assert.Equal(other, NodeOf(schema));
        Assert.Equal(before, Answers());
        Assert.Equal(other, $"{Shell.Run($"Move-DistributedSchema {schema} {other}").Single.Get("NodeName")}:{moved.Get("NodePort")}"); // it is there

        Assert.Equal(["Local", "Local"], Shell.Get($"ConvertFrom-DistributedSchema {schema}").Select(t => t.Get("Type")!.ToString()));
        Assert.Equal(before, Answers());
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid WHERE relnamespace = '{schema}'::regnamespace"));
        Assert.Empty(Shell.Get($"Get-DistributedSchema {schema}"));
    }

    [Fact]
    public async Task A_logical_move_keeps_rows_that_are_written_meanwhile()
    {
        string schema = Create("CREATE TABLE {0}.t (id bigint PRIMARY KEY)");
        Cluster.Execute($"SELECT citus_schema_distribute('{schema}')");
        Cluster.Execute($"INSERT INTO {schema}.t SELECT generate_series(1, 20000)");
        using var ended = new CancellationTokenSource();
        long written = 0;
        Task writer = Task.Run(() =>
        {
            for (long i = 100_000; !ended.IsCancellationRequested; i++, written++) Cluster.Execute($"INSERT INTO {schema}.t VALUES ({i})");
        }, TestContext.Current.CancellationToken);

        RunResult run = Shell.Run($"Move-DistributedSchema {schema} {OtherNode(schema)} -TransferMode force_logical");
        await ended.CancelAsync();
        await writer;

        run.Succeeded();
        Assert.True(written > 0);
        Assert.Equal(20_000 + written, Cluster.Scalar($"SELECT count(*) FROM {schema}.t"));
    }

    [Fact]
    public void What_Citus_would_refuse_is_refused_before()
    {
        string outer = Cluster.CreateTable("id bigint PRIMARY KEY"),
            schema = Create($"CREATE TABLE {{0}}.a (id bigint REFERENCES {outer})"),
            mixed = Create("CREATE TABLE {0}.a (id bigint)"), bare = Create("CREATE TABLE {0}.a (id bigint)"), empty = Create("");
        Cluster.Execute($"SELECT create_distributed_table('{mixed}.a', 'id')");
        Cluster.Execute($"SELECT citus_schema_distribute('{bare}'); SELECT citus_schema_distribute('{empty}')");

        Assert.Contains($"ALTER TABLE {schema}.a DROP CONSTRAINT a_id_fkey;",
            Shell.Run($"ConvertTo-DistributedSchema {schema} -WhatIf").Failed("CitusForeignKeys").Exception.Message,
            StringComparison.Ordinal);
        Assert.Contains($"ConvertTo-LocalTable {mixed}.a",
            Shell.Run($"ConvertTo-DistributedSchema {mixed} -WhatIf").Failed("CitusAlreadyDistributed").Exception.Message,
            StringComparison.Ordinal);
        Shell.Run("ConvertTo-DistributedSchema nowhere_at_all").Failed("CitusSchemaNotFound");
        Shell.Run($"Move-DistributedSchema {mixed} nowhere:1").Failed("CitusDistributedSchema");
        Shell.Run($"Move-DistributedSchema {empty} nowhere:1").Failed("CitusDistributedSchema");
        Assert.Contains(OtherNode(bare), Shell.Run($"Move-DistributedSchema {bare} nowhere:1")
            .Failed("CitusNodeNotFound").Exception.Message,
            StringComparison.Ordinal);
        Assert.Contains("-TransferMode block_writes",
            Shell.Run($"Move-DistributedSchema {bare} {OtherNode(bare)} -WhatIf").Failed("CitusNoReplicaIdentity").Exception.Message,
            StringComparison.Ordinal);
        Shell.Run($"Move-DistributedSchema {bare} {OtherNode(bare)} -TransferMode block_writes").Succeeded();
        // It is the partition that has rows to replicate.
        string parts = Create("CREATE TABLE {0}.p (id bigint) PARTITION BY RANGE (id); CREATE TABLE {0}.p1 PARTITION OF {0}.p FOR VALUES FROM (0) TO (9)");
        Cluster.Execute($"SELECT citus_schema_distribute('{parts}')");
        Assert.StartsWith($"{parts}.p1 in schema ",
            Shell.Run($"Move-DistributedSchema {parts} {OtherNode(parts)} -WhatIf").Failed("CitusNoReplicaIdentity").Exception.Message,
            StringComparison.Ordinal);
        Cluster.Execute($"ALTER TABLE {parts}.p1 REPLICA IDENTITY FULL");
        Shell.Run($"Move-DistributedSchema {parts} {OtherNode(parts)}").Succeeded();
        // A table of such a schema is no table by itself.
        Shell.Run($"ConvertTo-LocalTable {bare}.a").Failed("CitusDistributedSchema");
        Shell.Run($"Set-DistributedTable {bare}.a -ShardCount 4").Failed("CitusNotDistributed");
    }

    private string Create(string tables)
    {
        string schema = Cluster.NewName("tenant");
        Cluster.Execute($"CREATE SCHEMA {schema}");
        Cluster.AtEnd($"DROP SCHEMA IF EXISTS {schema} CASCADE");
        if (tables.Length > 0) Cluster.Execute(string.Format(System.Globalization.CultureInfo.InvariantCulture, tables, schema));
        return schema;
    }

    private string NodeOf(string schema) => (string)Cluster.Scalar($"""
        SELECT min(nodename || ':' || nodeport) FROM pg_dist_node JOIN pg_dist_placement USING (groupid) JOIN pg_dist_shard USING (shardid)
        JOIN pg_class c ON c.oid = logicalrelid WHERE relnamespace = '{schema}'::regnamespace
        """)!;

    private string OtherNode(string schema) => (string)Cluster.Scalar(
        $"SELECT min(nodename || ':' || nodeport) FROM pg_dist_node WHERE shouldhaveshards AND nodename || ':' || nodeport <> '{NodeOf(schema)}'")!;
}
