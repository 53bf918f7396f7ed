using System.Globalization;
using System.Management.Automation;
using System.Text;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Rows by owning node, whose parts commit apart and are whole all the same.</summary>
public sealed class WorkerRouteTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Columns = "id bigint, user_id bigint, note text, PRIMARY KEY (id, user_id)";
    private const string Checksum = "SELECT count(*) || ' ' || coalesce(sum(hashtext(t::text)::bigint), 0) FROM {0} t";

    [Fact]
    public void Batch_that_only_some_nodes_have_committed_is_made_whole()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute(Columns, "user_id");
        Shell["path"] = Cluster.File($"{table}.csv", Csv(20_000));
        PSObject first = Shell.Run($"Import-CsvToCitus $path {table} -Route Worker -Checkpoint 256KB").Single;
        Assert.Equal("Worker", first.Get("Route")!.ToString());
        object? whole = Sum(table);
        Guid import = (Guid)first.Get("ImportId")!;
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM woodgrove.import_part WHERE import_id = '{import}'"));

        int last = (int)Cluster.Scalar($"SELECT max(batch) FROM woodgrove.import_batch WHERE import_id = '{import}' AND rows > 0")!;
        // As if the client had died between the first node's commit of the last batch and the second's.
        Cluster.Execute($"""
            INSERT INTO woodgrove.import_part
            SELECT import_id, batch, -2147483648, end_byte, fingerprint,
                   (SELECT array_agg(s.shardminvalue::int) FROM pg_dist_shard s JOIN pg_dist_placement p USING (shardid)
                       JOIN pg_dist_node n USING (groupid)
                    WHERE s.logicalrelid = '{table}'::regclass
                        AND n.nodeport = (SELECT min(nodeport) FROM citus_shards WHERE table_name = '{table}'::regclass)),
                   (SELECT array_agg(s.shardmaxvalue::int) FROM pg_dist_shard s JOIN pg_dist_placement p USING (shardid)
                       JOIN pg_dist_node n USING (groupid)
                    WHERE s.logicalrelid = '{table}'::regclass
                        AND n.nodeport = (SELECT min(nodeport) FROM citus_shards WHERE table_name = '{table}'::regclass))
            FROM woodgrove.import_batch WHERE import_id = '{import}' AND batch = {last}
            """);
        long batchFirstRow = (long)Cluster.Scalar($"SELECT sum(rows)::bigint FROM woodgrove.import_batch WHERE import_id = '{import}' "
            + $"AND batch < {last}")!;
        Cluster.Execute($"""
            SELECT master_run_on_worker(ARRAY[nodename], ARRAY[nodeport],
                ARRAY[format('DELETE FROM %s WHERE id >= {batchFirstRow}', shard_name)], false)
            FROM citus_shards WHERE table_name = '{table}'::regclass
                AND nodeport = (SELECT max(nodeport) FROM citus_shards WHERE table_name = '{table}'::regclass)
            """);
        Cluster.Execute($"DELETE FROM woodgrove.import_batch WHERE import_id = '{import}' AND batch >= {last}");
        Assert.NotEqual(whole, Sum(table));

        PSObject resumed = Shell.Run($"Import-CsvToCitus $path {table} -Resume -Checkpoint 256KB").Single;

        Assert.Equal((import, "Worker"), ((Guid)resumed.Get("ImportId")!, resumed.Get("Route")!.ToString()));
        Assert.Contains("some nodes have their part", (string)resumed.Get("RouteReason")!, StringComparison.Ordinal);
        Assert.Equal(whole, Sum(table));
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM woodgrove.import_part WHERE import_id = '{import}'"));
        Assert.Equal("Complete", Shell.Run($"Get-CitusImport {import}").Single.Get("State")!.ToString());
    }

    [Fact]
    public void User_who_does_not_own_the_table_loads_by_node()
    {
        Cluster.RequireCitus();
        Cluster.RequireSandbox();
        string table = Cluster.Distribute(Columns, "user_id"), expected = Cluster.CreateTable(Columns), loader = Cluster.NewName("loader");
        byte[] csv = Encoding.UTF8.GetBytes(Csv(100_000));
        while (csv.Length < 9 * 1024 * 1024)
            csv = [.. csv, .. Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(csv.Length, 100_000)
                .Select(i => $"{i + 1_000_000},{i % 977},more{i}\n")))];
        Cluster.CopyAsPsql(expected, csv, "FORMAT csv, HEADER true");
        Shell["path"] = Cluster.File($"{table}.csv", csv);
        // The sandbox's nodes know one password among themselves.
        var settings = new Npgsql.NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Username = loader };
        Cluster.Execute($"CREATE ROLE {loader} LOGIN PASSWORD '{File.ReadAllText(settings.Passfile!).Trim().Split(':')[^1]}'; "
            + $"GRANT SELECT, INSERT ON {table} TO {loader}");
        Cluster.AtEnd($"DROP OWNED BY {loader}; DROP ROLE {loader}");
        Shell["small"] = Cluster.File("one.csv", "id,user_id,note\n-1,1,first\n");
        Shell.Run($"Import-CsvToCitus $small {table} -Route Worker").Succeeded(); // makes woodgrove.import_part
        Cluster.Execute($"DELETE FROM {table}; GRANT USAGE ON SCHEMA woodgrove TO {loader}; GRANT SELECT, INSERT, UPDATE, "
            + $"DELETE ON ALL TABLES IN SCHEMA woodgrove TO {loader}");
        Shell["text"] = settings.ConnectionString;

        PSObject result = Shell.Run("$c = Connect-CitusCluster -ConnectionString $text -Name loader; "
            + $"try {{ Import-CsvToCitus $path {table} -Connection $c }} finally {{ Disconnect-CitusCluster loader }}").Single;

        Assert.Equal("Worker", result.Get("Route")!.ToString());
        Assert.Contains("only the owner", (string)result.Get("RouteReason")!, StringComparison.Ordinal);
        Assert.Equal(Sum(expected), Sum(table));
    }

    [Fact]
    public void Owner_whose_connections_a_node_limits_is_told_so_and_loads_another_way()
    {
        Cluster.RequireCitus();
        Cluster.RequireSandbox();
        string table = Cluster.Distribute(Columns, "user_id"), owner = Cluster.NewName("owner");
        var settings = new Npgsql.NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Username = owner };
        Cluster.Execute($"CREATE ROLE {owner} LOGIN PASSWORD '{File.ReadAllText(settings.Passfile!).Trim().Split(':')[^1]}'; "
            + $"GRANT CREATE ON SCHEMA public TO {owner}");
        Cluster.Execute($"ALTER TABLE {table} OWNER TO {owner}");
        Cluster.AtEnd($"DROP OWNED BY {owner}; DROP ROLE {owner}");
        Shell["path"] = Cluster.File($"{table}.csv", Csv(1_000));
        Shell.Run($"Import-CsvToCitus $path {table} -Route Shard").Succeeded(); // makes schema woodgrove
        Cluster.Execute($"DELETE FROM {table}; GRANT USAGE, CREATE ON SCHEMA woodgrove TO {owner}; GRANT SELECT, INSERT, UPDATE, "
            + $"DELETE ON ALL TABLES IN SCHEMA woodgrove TO {owner}");
        Shell["text"] = settings.ConnectionString;
        string Load(string how) => "$c = Connect-CitusCluster -ConnectionString $text -Name owner; "
            + $"try {{ Import-CsvToCitus $path {table} -Connection $c {how} }} finally {{ Disconnect-CitusCluster owner }}";
        const string Clients = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = ''client backend'' AND application_name !~ "
            + "''^citus_''";
        long clients = (long)Cluster.Scalar($"SELECT max(result::bigint) FROM run_command_on_workers('{Clients}')")!;
        Cluster.Execute($"SELECT run_command_on_workers('ALTER SYSTEM SET citus.max_client_connections = {clients + 1}'); "
            + "SELECT run_command_on_workers('SELECT pg_reload_conf()'); SELECT pg_sleep(0.5)");
        try
        {
            Assert.Contains("more connections of clients (citus.max_client_connections)",
                Shell.Run(Load("-Route Shard")).Failed("CitusRouteNotPossible").Exception.Message);
            Assert.Equal("Coordinator", Shell.Run(Load("")).Single.Get("Route")!.ToString());
        }
        finally
        {
            Cluster.Execute("SELECT run_command_on_workers('ALTER SYSTEM RESET citus.max_client_connections'); "
                + "SELECT run_command_on_workers('SELECT pg_reload_conf()'); SELECT pg_sleep(0.5)");
        }
        Cluster.Execute($"DELETE FROM {table}");
        Assert.Equal("Shard", Shell.Run(Load("-Route Shard")).Single.Get("Route")!.ToString());
        Assert.Equal(1_000, Cluster.Count(table));
    }

    [Fact]
    public void Refused_row_leaves_nothing_on_any_node_and_is_named()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute(Columns, "user_id");
        Shell["path"] = Cluster.File($"{table}.csv", Csv(5_000) + "5001,7,twice\n5001,7,twice\n");
        ErrorRecord duplicate = Shell.Run($"Import-CsvToCitus $path {table} -Route Worker").Failed("CitusRowRefused");
        Assert.Contains("line 5003", duplicate.Exception.Message, StringComparison.Ordinal);
        Shell["path"] = Cluster.File($"{table}.csv", Csv(5_000) + "z,7,no number\n" + "6,8,more\n");
        ErrorRecord number = Shell.Run($"Import-CsvToCitus $path {table} -Route Worker").Failed("CitusRowRefused");
        Assert.Contains("line 5002, column id, value \"z\"", number.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, Cluster.Count(table));
        Assert.DoesNotContain(Shell.Run("Get-CitusImport").Output,
            i => ((string)i.Get("Table")!).Contains(table, StringComparison.Ordinal));
        Assert.Equal("CitusRouteNotPossible",
            Shell.Run($"Import-CsvToCitus $path {table} -Route Worker -OnError Skip").Errors.Single().FullyQualifiedErrorId.Split(',')[0]);
    }

    private object? Sum(string table) => Cluster.Scalar(string.Format(CultureInfo.InvariantCulture, Checksum, table));

    private static string Csv(int rows)
    {
        var text = new StringBuilder("id,user_id,note\n");
        for (int i = 0; i < rows; i++) text.Append(CultureInfo.InvariantCulture, $"{i},{i % 501},\"note, {i}\"\n");
        return text.ToString();
    }
}
