using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Export;

/// <summary>Which values an export writes, and how.</summary>
public sealed class ExportValueTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Theory]
    [InlineData("")]
    [InlineData("-Parallel")]
    public void A_column_that_the_server_computes_is_written_when_it_is_named(string how)
    {
        string table = Cluster.Distribute("id bigint, twice bigint GENERATED ALWAYS AS (id * 2) STORED", "id");
        Cluster.Execute($"INSERT INTO {table} (id) SELECT generate_series(1, 50)");
        Shell["to"] = Path.Combine(Cluster.Folder, table + ".csv");

        Assert.Equal(50L, Shell.Run($"Export-CitusToCsv {table} $to -Column twice, id {how}").Single.Get("Rows"));

        Assert.Equal(Enumerable.Range(1, 50).Select(i => $"{i * 2},{i}").Append("twice,id").Order(),
            File.ReadLines((string)Shell["to"]!).Order());
    }

    [Theory]
    [InlineData("")]
    [InlineData("-Parallel")]
    public void Values_are_written_alike_whatever_the_settings_of_a_node(string how)
    {
        Cluster.RequireCitus();
        Cluster.RequireSandbox();
        string table = Cluster.Distribute("id bigint, day date, at timestamptz, ratio float8, span interval, data bytea", "id");
        Cluster.Execute($"INSERT INTO {table} SELECT i, '2026-02-01', '2026-02-01 12:00+00', 0.1::float8 + 0.2, '1 day 02:00', '\\x00ff' "
            + "FROM generate_series(1, 40) i");
        (string Name, string Value)[] odd = [("DateStyle", "SQL, DMY"), ("TimeZone", "Asia/Tokyo"), ("extra_float_digits", "0"),
            ("IntervalStyle", "iso_8601"), ("bytea_output", "escape")];
        int port = (int)Cluster.Scalar($"SELECT min(nodeport) FROM citus_shards WHERE table_name = '{table}'::regclass")!;
        Shell["server"] = Cluster.ConnectionString + ";Timezone=UTC;Options=-c extra_float_digits=0";
        Shell["to"] = Path.Combine(Cluster.Folder, table + ".csv");
        try
        {
            foreach ((string name, string value) in odd) OnNode(port, $"ALTER DATABASE citus SET {name} = '{value}'");
            Assert.Equal("01/02/2026", OnNode(port, "SELECT '2026-02-01'::date::text"));
            Shell.Run("$null = Connect-CitusCluster -ConnectionString $server -Name fresh").Succeeded();

            Shell.Run($"Export-CitusToCsv {table} $to {how} -Connection fresh").Succeeded();
        }
        finally
        {
            foreach ((string name, string _) in odd) OnNode(port, $"ALTER DATABASE citus RESET {name}");
            Shell.Run("Disconnect-CitusCluster fresh");
        }

        const string values = "2026-02-01,2026-02-01 12:00:00+00,0.30000000000000004,1 day 02:00:00,\\x00ff";
        Assert.Equal(Enumerable.Range(1, 40).Select(i => $"{i},{values}").Append("id,day,at,ratio,span,data").Order(),
            File.ReadLines((string)Shell["to"]!).Order());
    }

    private object? OnNode(int port, string sql)
    {
        using var node = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Port = port, Pooling = false }.ConnectionString);
        node.Open();
        using var command = new NpgsqlCommand("SET citus.enable_ddl_propagation = off", node);
        command.ExecuteNonQuery();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
