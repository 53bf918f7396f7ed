using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using System.Text;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Every row once, whatever is killed or moved meanwhile.</summary>
public sealed class ExactlyOnceTests(ClusterFixture cluster, ITestOutputHelper output) : ClusterTest(cluster)
{
    private const string Columns = "id bigint, user_id bigint, note text, PRIMARY KEY (id, user_id)";

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    [InlineData("Worker")]
    public async Task Killed_at_random_and_resumed_the_import_has_every_row_once(string route)
    {
        if (route == "Worker") Cluster.RequireCitus();
        const int enough = 12;
        Random random = FaultCluster.Chance(output);
        // No key: a row that came twice would stay there twice.
        const string columns = "id bigint, user_id bigint, note text";
        string expected = Cluster.CreateTable(columns), csv = FaultCluster.Generate(300_000, random.Next());
        string path = Cluster.File($"{expected}.csv", csv);
        Cluster.CopyAsPsql(expected, Encoding.UTF8.GetBytes(csv), "FORMAT csv, HEADER true");
        for (int kills = 0; kills < enough;)
        {
            string table = Cluster.Distribute(columns, "user_id");
            Guid import = Guid.NewGuid();
            kills += await LoadAndKillAsync($"""
                $null = Connect-CitusCluster -ConnectionString '{Cluster.ConnectionString}'
                'connected'
                (Import-CsvToCitus '{path}' {table} -Route {route} -Checkpoint 512KB -ImportId {import} -ErrorAction Stop).Rows
                """, enough - kills, random);

            output.WriteLine($"{kills} kills");
            Assert.Equal(Content(expected), Content(table));
            PSObject listed = Shell.Run($"Get-CitusImport {import}").Single;
            Assert.Equal(("Complete", 300_000L), (listed.Get("State")!.ToString(), listed.Get("Rows")));
            Assert.Equal(0L, Cluster.Scalar("SELECT sum(result::bigint)::bigint FROM run_command_on_all_nodes('SELECT count(*) FROM "
                + "pg_prepared_xacts WHERE starts_with(gid, ''woodgrove_'')')"));
            Shell.Run($"Remove-CitusImport {import} -Confirm:$false").Succeeded();
            Assert.Empty(Shell.Run($"Get-CitusImport {import}").Output);
        }
    }

    [Theory]
    [InlineData("Coordinator", "")]
    [InlineData("Coordinator", "-OnConflict Skip")]
    [InlineData("Shard", "")]
    [InlineData("Worker", "")]
    public void An_import_that_is_refused_stays_in_the_ledger(string route, string options)
    {
        if (route == "Worker") Cluster.RequireCitus();
        const string columns = "id bigint, user_id bigint PRIMARY KEY, note text";
        (string table, string other) = (Cluster.Distribute(columns, "user_id"), Cluster.Distribute(columns, "user_id"));
        Shell["path"] = Cluster.File("once.csv", "id,user_id,note\n1,1,a\n2,2,b\n");
        string load = $"-Route {route} -ImportId {Guid.NewGuid()} {options}";
        Shell.Run($"Import-CsvToCitus $path {table} {load}").Succeeded();
        Cluster.Execute($"DELETE FROM {table}"); // so that a second load would not meet the first's keys

        Shell.Run($"Import-CsvToCitus $path {table} {load}").Failed("CitusImportComplete");
        Shell.Run($"Import-CsvToCitus $path {other} {load}").Failed("CitusImportComplete");
        Shell.Run($"Import-CsvToCitus $path {table} {load}").Failed("CitusImportComplete");
        Assert.Equal((0, 0), ((int)Cluster.Count(table), (int)Cluster.Count(other)));
        Assert.Equal(0L, Cluster.Scalar("SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('woodgrove') AND relkind IN "
            + "('r', 'p') AND relname NOT IN ('import_batch', 'import_part', 'deferred_definition', 'restore_point')"));
    }

    /// <summary>Runs a load in processes of its own until it is complete, and kills the first of them in its midst.</summary>
    /// <returns>How many were killed.</returns>
    private static async Task<int> LoadAndKillAsync(string script, int most, Random random)
    {
        for (int kills = 0; ;)
        {
            using Process load = Repository.StartScript(script);
            Task<string> errors = load.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            Assert.Equal("connected", await load.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
            if (kills < most && !load.WaitForExit(random.Next(10, 700)))
            {
                load.Kill();
                kills++;
            }
            await load.WaitForExitAsync(TestContext.Current.CancellationToken);
            string told = await errors;
            // Killed after its last commit, the import is complete, and the next run says so.
            if (load.ExitCode == 0 || told.StartsWith("CitusImportComplete", StringComparison.Ordinal)) return kills;
            if (load.ExitCode == 1) Assert.Fail(told);
        }
    }

    /// <summary>Each key with a hash over its rows in order.</summary>
    private object? Content(string table) => Cluster.Scalar($"""
        SELECT string_agg(line, ';' ORDER BY user_id)
        FROM (SELECT user_id, user_id || ' ' || md5(string_agg(id || ':' || note, ';' ORDER BY id, note)) AS line FROM {table}
            GROUP BY user_id) x
        """);

    [Fact]
    public async Task Shards_that_move_during_a_load_lose_and_double_nothing()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute(Columns, "user_id"), expected = Cluster.CreateTable(Columns);
        string path = Cluster.File($"{table}.csv", FaultCluster.Generate(300_000, 7));
        Cluster.CopyAsPsql(expected, await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken), "FORMAT csv, HEADER true");
        Shell["path"] = path;
        using PowerShell load = Shell.Create($"Import-CsvToCitus $path {table} -Route Shard -Checkpoint 256KB -ErrorAction Stop");
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();

        int moves = 0;
        while (!running.IsCompleted || moves < 2)
        {
            string mode = moves % 2 == 0 ? "block_writes" : "force_logical";
            Cluster.Execute($"""
                SELECT citus_move_shard_placement(s.shardid, s.nodename, s.nodeport, n.nodename, n.nodeport, '{mode}')
                FROM citus_shards s JOIN pg_dist_node n ON n.shouldhaveshards AND n.nodeport <> s.nodeport
                WHERE s.table_name = '{table}'::regclass ORDER BY random() LIMIT 1
                """);
            moves++;
        }
        await running;

        output.WriteLine($"{moves} moves");
        Assert.Equal(Content(expected), Content(table));
    }

    [Fact]
    public void Changed_source_is_not_resumed()
    {
        string table = Cluster.Distribute(Columns, "user_id");
        string csv = FaultCluster.Generate(40_000, 3);
        Shell["path"] = Cluster.File("changing.csv", csv + "x,1,bad\n");
        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB").Failed("CitusRowRefused");
        long before = Cluster.Count(table);
        Assert.InRange(before, 1, 39_999);

        Cluster.File("changing.csv", "id,user_id,note\n0,0,new\n" + csv[16..]);
        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB -Resume").Failed("CitusSourceChanged");
        Assert.Equal(before, Cluster.Count(table));

        Cluster.File("changing.csv", csv);
        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB -Resume").Single;
        Assert.Equal(40_000 - before, result.Get("Rows"));
        Assert.Equal(40_000, Cluster.Count(table));
        Shell["id"] = result.Get("ImportId");
        Shell.Run($"Import-CsvToCitus $path {table} -ImportId $id").Failed("CitusImportComplete");
    }

    [Fact]
    public void Resume_never_loads_a_complete_file_again()
    {
        string table = Cluster.Distribute("user_id bigint, note text", "user_id");
        foreach ((string name, byte[] bytes) in new (string, byte[])[]
        {
            ("small.csv", "user_id,note\n1,one\n"u8.ToArray()),
            ("dot.csv", "user_id,note\n2,two\n\\.\n3,beyond\n"u8.ToArray()),
            ("wide.csv", [.. System.Text.Encoding.Unicode.GetPreamble(),
                .. System.Text.Encoding.Unicode.GetBytes("user_id,note\n4,今日は今日は今日は今日は今日は\n")]),
        })
        {
            Shell["path"] = Cluster.File(name, bytes);
            if (name == "dot.csv" && Cluster.PostgresMajor >= 18)
            {
                // From PostgreSQL 18 on, \. no longer ends a CSV file: it is a row, and no good one.
                Assert.Contains("line 3, column user_id, value \"\\.\"",
                    Shell.Run($"Import-CsvToCitus $path {table} -Resume").Failed("CitusRowRefused").Exception.Message,
                    StringComparison.Ordinal);
                continue;
            }
            Assert.Equal(1L, Shell.Run($"Import-CsvToCitus $path {table} -Resume").Single.Get("Rows"));
            Shell.Run($"Import-CsvToCitus $path {table} -Resume").Failed("CitusImportComplete");
        }
        string[] all = ["1\tone", "2\ttwo", "4\t今日は今日は今日は今日は今日は"];
        Assert.Equal(Cluster.PostgresMajor >= 18 ? [all[0], all[2]] : all, Cluster.Rows(table));
    }
}
