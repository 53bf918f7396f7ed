using System.Management.Automation;
using System.Text.RegularExpressions;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>-WhatIf of the cmdlets that change tables changes nothing, and the SQL that it shows is the SQL that then runs.</summary>
public sealed partial class TableWhatIfTests : ClusterTest, IDisposable
{
    private const string Digest = """
        SELECT md5(string_agg(line, E'\n' ORDER BY line)) FROM (
            SELECT 'partition ' || t::text FROM pg_dist_partition t UNION ALL SELECT 'shard ' || t::text FROM pg_dist_shard t
            UNION ALL SELECT 'placement ' || t::text FROM pg_dist_placement t UNION ALL SELECT 'colocation ' || t::text FROM pg_dist_colocation t
            UNION ALL SELECT 'schema ' || t::text FROM pg_dist_schema t UNION ALL SELECT 'node ' || t::text FROM pg_dist_node t
            UNION ALL SELECT 'class ' || concat_ws(' ', oid, relname, relnamespace, relfilenode, relam, relkind, reloptions) FROM pg_class
                WHERE relnamespace::regnamespace::text !~ '^pg_'
            UNION ALL SELECT 'constraint ' || concat_ws(' ', oid, conname, conrelid) FROM pg_constraint
            UNION ALL SELECT 'columnar ' || concat_ws(' ', relation::oid, compression, compression_level, stripe_row_limit) FROM columnar.options
        ) d (line)
        """;

    private readonly string _log;

    public TableWhatIfTests(ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireCitus();
        cluster.RequireSandbox();
        cluster.Execute("CREATE EXTENSION IF NOT EXISTS citus_columnar");
        _log = Path.Combine((string)cluster.Sandbox!.Get("Path")!, "coordinator.log");
        Set("ALTER SYSTEM SET log_statement = 'all'");
    }

    public void Dispose() => Set("ALTER SYSTEM RESET log_statement");

    [Theory]
    [InlineData("Set-DistributedTable {t} -ShardCount 6 -AccessMethod columnar", 2)]
    [InlineData("Set-DistributedTable {t} -DistributionColumn at -ColocateWith none", 1)]
    [InlineData("ConvertTo-LocalTable {t} -CascadeViaForeignKeys", 1)]
    [InlineData("Clear-LocalTableData {t}", 1)]
    [InlineData("Set-ColumnarTable {t}_c -Compression pglz -StripeRowLimit 20000", 1)]
    [InlineData("ConvertTo-DistributedSchema {t}_s", 1)]
    [InlineData("Move-DistributedSchema {t}_d -ToNode {node} -TransferMode block_writes", 1)]
    [InlineData("ConvertFrom-DistributedSchema {t}_d", 1)]
    [InlineData("New-CitusTimePartition {t}_p '1 day' 2026-03-09 -StartFrom 2026-03-01", 1)]
    [InlineData("Set-CitusTimePartition {t}_p 2026-02-03 -AccessMethod columnar", 2)]
    [InlineData("Remove-CitusTimePartition {t}_p 2026-02-03", 1)]
    public void What_is_shown_is_what_then_runs(string script, int statements)
    {
        string t = Prepare(), node = (string)Cluster.Scalar($"""
            SELECT nodename || ':' || nodeport FROM pg_dist_node WHERE groupid > 0 AND groupid NOT IN (SELECT groupid
                FROM pg_dist_placement JOIN pg_dist_shard USING (shardid) WHERE logicalrelid = '{t}_d.a'::regclass) LIMIT 1
            """)!;
        script = script.Replace("{t}", t, StringComparison.Ordinal).Replace("{node}", node, StringComparison.Ordinal);
        object? before = Cluster.Scalar(Digest);

        RunResult trial = Shell.Run($"{script} -WhatIf");
        string[] sql = [.. (IEnumerable<string>)trial.Single.Get("Sql")!];

        Assert.Equal(statements, sql.Length);
        Assert.Contains("What if", trial.Screen, StringComparison.Ordinal);
        Assert.All(sql, s => Assert.Contains(s, trial.Screen, StringComparison.Ordinal));
        Assert.Equal(before, Cluster.Scalar(Digest));

        long start = new FileInfo(_log).Length;
        RunResult run = Shell.Run($"{script} -Confirm:$false").Succeeded();
        Assert.NotEmpty(run.Output.Select(o => o.TypeNames[0]));
        Assert.Equal(sql, Ran(start));
        if (!script.StartsWith("Clear", StringComparison.Ordinal)) Assert.NotEqual(before, Cluster.Scalar(Digest));
    }

    [Fact]
    public void A_no_leaves_all_as_it_is()
    {
        string t = Prepare();
        object? before = Cluster.Scalar(Digest);

        // The tests' host answers with the default, which of a question with High impact is yes: -WhatIf in a preference says no.
        Shell.Run($"$WhatIfPreference = $true; Set-DistributedTable {t} -ShardCount 6; ConvertTo-LocalTable {t}; $WhatIfPreference = $false").Succeeded();

        Assert.Equal(before, Cluster.Scalar(Digest));
    }

    private string Prepare()
    {
        string t = Cluster.CreateTable("id bigint, at date NOT NULL");
        Cluster.Execute($"INSERT INTO {t} SELECT i, '2026-01-01'::date + i FROM generate_series(1, 100) i");
        Cluster.Execute($"SELECT create_distributed_table('{t}', 'id', colocate_with := 'none', shard_count := 4)");
        Cluster.Execute($"CREATE TABLE {t}_c (id bigint) USING columnar");
        Cluster.Execute($"SELECT create_distributed_table('{t}_c', 'id', colocate_with := 'none', shard_count := 4)");
        Cluster.Execute($"CREATE SCHEMA {t}_s; CREATE TABLE {t}_s.a (id bigint PRIMARY KEY); CREATE SCHEMA {t}_d; "
            + $"CREATE TABLE {t}_d.a (id bigint PRIMARY KEY)");
        Cluster.Execute($"SELECT citus_schema_distribute('{t}_d')");
        Cluster.Execute($"CREATE TABLE {t}_p (id bigint, at date NOT NULL) PARTITION BY RANGE (at)");
        Cluster.Execute($"SELECT create_time_partitions('{t}_p', '1 day', '2026-02-06', '2026-02-01')");
        Cluster.Execute($"SELECT create_distributed_table('{t}_p', 'id', colocate_with := 'none', shard_count := 4)");
        return t;
    }

    /// <summary>The statements of the module that change something, in the order in which the server logged them.</summary>
    private string[] Ran(long start)
    {
        using var stream = new FileStream(_log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Position = start;
        return [.. Logged().Matches(new StreamReader(stream).ReadToEnd()).Select(m => m.Groups[1].Value.Trim())];
    }

    private void Set(string sql)
    {
        Cluster.Execute(sql);
        Cluster.Execute("SELECT pg_reload_conf()");
        Thread.Sleep(300);
    }

    [GeneratedRegex(@"(?:execute <unnamed>|statement): ((?:SELECT pg_catalog\.(?:alter_distributed_table|alter_table_set_access_method|undistribute_table|truncate_local|citus_schema_|create_time)|CALL pg_catalog\.|ALTER TABLE \S+ SET \(columnar)[^\n]*)")]
    private static partial Regex Logged();
}
